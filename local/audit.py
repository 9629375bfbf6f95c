"""The supply chain: `make audit`. Every lock has hashes, every licence is one that we take, no package has an advisory.

Where the service of advisories cannot be reached, nothing is known, and that is said loudly: it is no pass. With
CARILLON_AUDIT=required, as a release is made, it fails.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageMetadata, distributions
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from local.paths import ROOT

LOCKS: Final = (ROOT / "local" / "emulator-requirements.txt", ROOT / "local" / "uv-requirements.txt")
ACCEPTED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
    }
)
"""SPDX names. All let a program be used and shipped without its source; MPL asks for changes to its own files alone."""
_SPDX: Final = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mit no attribution license (mit-0)": "MIT-0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
# Packages whose metadata name no licence: what their repository has.
_LOOKED_UP: Final = {
    "axe-playwright-python": "MIT",  # https://github.com/pamelafox/axe-playwright-python/blob/main/LICENSE
}
_OURS: Final = "carillon"
_SECONDS: Final = 120
"""What the service of advisories may take, all packages together."""


@dataclass(frozen=True)
class Audited:
    """What the advisories say: packages with one, and packages that nothing could be learned of."""

    vulnerable: Mapping[str, Sequence[str]]
    unknown: Sequence[str]
    known: int


def main() -> int:
    """Check all three; 1 if one fails."""
    console = Console(highlight=False, soft_wrap=True)
    wrong = [*unhashed_of_uv((ROOT / "uv.lock").read_text())]
    wrong += [f"{lock.name}: {each}" for lock in LOCKS for each in unhashed(lock.read_text())]
    wrong += [f"{name}: licence {licence!r}" for name, licence in refused_licences(distributions())]
    for each in wrong:
        console.print(f"[red]refused:[/] {each}", markup=True)
    if not wrong:
        console.print("Every locked file has its hash, and every licence is one that we take.")
    return int(bool(wrong) | _advise(console, os.environ.get("CARILLON_AUDIT") == "required"))


def unhashed_of_uv(lock: str) -> list[str]:
    """Return the packages of a `uv.lock` with a file that has no hash, or with no file."""
    found = []
    for package in tomllib.loads(lock)["package"]:
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        if "editable" not in package["source"] and not (files and all("hash" in each for each in files)):
            found.append(f"uv.lock: {package['name']} has a file without a hash")
    return found


def unhashed(requirements: str) -> list[str]:
    """Return the lines of a requirements file that pin no version, or have no hash."""
    joined = requirements.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [line.split()[0] for line in lines if "==" not in line or "--hash=sha256:" not in line]


def refused_licences(installed: Iterable[Distribution]) -> list[tuple[str, str]]:
    """Return the packages whose licence we do not take, or that name none."""
    named = [(each.metadata["Name"], licence_of(each)) for each in installed if each.metadata["Name"] != _OURS]
    return [(name, licence) for name, licence in named if not is_accepted(licence)]


def licence_of(package: Distribution) -> str:
    """Return a package's licence as an expression of SPDX, as far as its metadata say."""
    told = package.metadata
    if expression := _first(told, "License-Expression"):
        return expression
    classifiers = [each.split(" :: ")[-1] for each in told.get_all("Classifier", []) if each.startswith("License ::")]
    texts = [each for each in classifiers if each.lower() in _SPDX] or [_first(told, "License").partition("\n")[0]]
    known = [_SPDX.get(each.strip().lower(), each.strip()) for each in texts if each.strip()]
    return " AND ".join(known) or _LOOKED_UP.get(told["Name"], "")


def _first(told: PackageMetadata, name: str) -> str:
    values = told.get_all(name, [])
    return str(values[0]) if values else ""


def is_accepted(expression: str) -> bool:
    """Say whether all of an expression's parts are licences that we take, or one of each choice."""
    parts = re.split(r"\s+AND\s+(?![^(]*\))", expression)
    return all(any(each.strip(" ()") in ACCEPTED for each in re.split(r"\s+OR\s+", part)) for part in parts)


def judge(report: Mapping[str, Any]) -> Audited:
    """Read pip-audit's JSON. It passes over what it could not learn anything of; that is no pass here."""
    packages = report["dependencies"]
    vulnerable = {
        f"{each['name']} {each['version']}": [found["id"] for found in each["vulns"]]
        for each in packages
        if each.get("vulns")
    }
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    return Audited(vulnerable, unknown, len(packages) - len(unknown))


def exit_code(audited: Audited | None, *, required: bool) -> int:
    """Return 1 for an advisory, or for what is unknown although the service answered; all unknown fails if required."""
    if audited is None or not audited.known:
        return int(required)
    return int(bool(audited.vulnerable or audited.unknown))


def _advise(console: Console, required: bool) -> int:
    audited = _ask()
    if audited is None or not audited.known:
        console.print("[bold yellow]NOT AUDITED: the service of advisories cannot be reached. Nothing is known.[/]")
    else:
        for name, found in audited.vulnerable.items():
            console.print(f"[red]advisory:[/] {name}: {', '.join(found)}")
        for name in audited.unknown:
            console.print(f"[red]not audited:[/] {name}")
        console.print(f"{audited.known} packages audited, {len(audited.vulnerable)} with an advisory.")
    return exit_code(audited, required=required)


def _ask() -> Audited | None:
    """Ask pip-audit of every locked package; None where it learns nothing."""
    with tempfile.TemporaryDirectory() as directory:
        listed, report = Path(directory) / "requirements.txt", Path(directory) / "report.json"
        plain = ("--quiet", "--frozen", "--all-groups", "--no-emit-project", "--output-file", str(listed))
        subprocess.run([sys.executable, "-m", "uv", "export", *plain], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        asked = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", "10")
        command = ("-m", "pip_audit", *asked, "--format", "json", "--output", str(report), "--requirement", str(listed))
        with suppress(subprocess.TimeoutExpired):
            subprocess.run([sys.executable, *command], capture_output=True, check=False, timeout=_SECONDS)
        return judge(json.loads(report.read_text())) if report.exists() and report.stat().st_size else None


if __name__ == "__main__":
    sys.exit(main())
