"""Installs what `uv.lock` has: exact versions, by their hashes, for a target, into a directory of its own."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

RECORD = "RECORD"
"""The file of an installed wheel that lists its files."""
ROOT = Path(__file__).resolve().parents[2]


class PackagingError(Exception):
    """A function cannot be packaged. The message names the function or the package, and says what to do."""


def locked(groups: Iterable[str], what: str) -> str:
    """Return dependency groups as locked, with the hash of every file. Raises PackagingError about `what`."""
    # Without header and annotations, which name the group, groups with the same dependencies are the same text.
    plain = ("--no-emit-project", "--no-header", "--no-annotate")
    named = [word for group in sorted(set(groups)) for word in ("--only-group", group)]
    return uv("export", "--frozen", *named, *plain, problem=f"The locked dependencies of {what}")


def files_of(requirements: str, archive: ZipFile) -> Iterator[str]:
    """Yield the files that these requirements brought to an archive of what was installed, by the wheels' records.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    wanted = set(re.findall(r"^([a-z0-9-]+)==", requirements, re.MULTILINE))
    for name in archive.namelist():
        distribution, _, file = name.partition(".dist-info/")
        if file == RECORD and _canonical(distribution.partition("-")[0]) in wanted:
            for row in csv.reader(archive.read(name).decode().splitlines()):
                yield row[0]


def _canonical(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill_of_materials(group: str) -> str:
    """Return what a dependency group has locked, with the hash of every file, as CycloneDX 1.5.

    uv gives each a serial number and the time, both of which the specification lets be left out: the same lock is then
    the same text.
    """
    problem = f"The bill of materials of {group}"
    asked = ("--only-group", group, "--no-emit-project", "--format", "cyclonedx1.5")
    bill = json.loads(uv("export", "--frozen", *asked, problem=problem))
    del bill["serialNumber"], bill["metadata"]["timestamp"]
    return json.dumps(bill, indent=2) + "\n"


def install(requirements: str, flags: Sequence[str], scratch: Path, what: str) -> Path:
    """Install these requirements under `scratch`; return where. `flags` tell uv which wheels fit."""
    listed, installed = scratch / "requirements.txt", scratch / "installed"
    listed.write_text(requirements)
    exact = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy")
    places = ("--target", str(installed), "--requirements", str(listed))
    uv("pip", "install", *exact, *flags, *places, problem=what)
    return installed


def uv(*arguments: str, problem: str) -> str:
    """Run uv in the project with this interpreter, and return what it printed."""
    command = (sys.executable, "-m", "uv", "--quiet", *arguments, "--python", sys.executable)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(
            f"{problem} cannot be had:\n{done.stderr.strip()}\n"
            "If a package has no wheel for this target, choose another version or another package in pyproject.toml, "
            "then run `uv lock`; if the index cannot be reached, try again when it can."
        )
    return done.stdout
