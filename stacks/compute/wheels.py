"""Installs what `uv.lock` has: exact versions, by their hashes, for a target, into a directory of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class PackagingError(Exception):
    """A function cannot be packaged. The message names the function or the package, and says what to do."""


def locked(group: str, what: str) -> str:
    """Return a dependency group as the lock has it, with the hash of every file. Raises PackagingError about `what`."""
    # Without header and annotations, which name the group, groups with the same dependencies are the same text.
    plain = ("--no-emit-project", "--no-header", "--no-annotate")
    return uv("export", "--frozen", "--only-group", group, *plain, problem=f"The locked dependencies of {what}")


def bill_of_materials(group: str, function: str) -> str:
    """Return what a dependency group has locked, with the hash of every file, as CycloneDX 1.5.

    uv gives each a serial number and the time, both of which the specification lets be left out: the same lock is then
    the same text.
    """
    problem = f"The bill of materials of {function}"
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
