"""What a fresh checkout meets first."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from local.paths import ROOT


def make(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_a_python_that_is_too_old_is_said_before_anything_is_installed(tmp_path: Path) -> None:
    # An interpreter that says it is 3.10, as an old Debian's would.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.version_info = (3, 10, 12, 'final', 0)\n")
    tried = make("--always-make", ".venv/.uv", f"PYTHON={sys.executable}", PYTHONPATH=str(tmp_path))
    assert tried.returncode != 0
    assert "Carillon needs Python 3.11 or newer" in tried.stderr
    assert f"{sys.executable} is 3.10" in tried.stderr
    assert "Installing" not in tried.stdout


def test_make_says_what_it_can_do() -> None:
    said = make().stdout
    assert all(f"make {target}" in said for target in ("demo", "up", "down", "check", "test", "chaos", "soak", "hooks"))


def test_the_uv_that_bootstraps_is_the_one_of_the_lock() -> None:
    pinned = re.search(r"^uv==(\S+)", (ROOT / "local" / "uv-requirements.txt").read_text(), re.MULTILINE)
    locked = next(p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"] if p["name"] == "uv")
    assert pinned is not None
    assert pinned[1] == locked["version"]


@pytest.mark.parametrize("file", ["Pulumi.yaml", "policies/PulumiPolicy.yaml"])
def test_pulumi_runs_the_environment_that_make_install_makes_and_needs_nothing_else_for_it(file: str) -> None:
    """With `toolchain: uv` it looks for uv on the PATH, which is in the environment alone."""
    options = yaml.safe_load((ROOT / file).read_text())["runtime"]["options"]
    assert options.get("toolchain", "pip") == "pip"
    environment = (ROOT / file).parent / options["virtualenv"]
    assert environment.resolve() == ROOT / ".venv"
    # What the CLI asks the environment for, to see which of Pulumi's plugins the program needs.
    listed = subprocess.run(
        [environment / "bin" / "python", "-m", "pip", "list", "--format", "json"],
        env={"PATH": "/nowhere"},
        capture_output=True,
        check=True,
    )
    assert {"pulumi", "pulumi_aws", "pulumi_policy"} <= {
        package["name"].replace("-", "_") for package in json.loads(listed.stdout)
    }


def test_an_apt_package_that_cannot_be_installed_is_named_with_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "bash").symlink_to("/bin/bash")
    tried = subprocess.run(
        [ROOT / "local" / "apt-install.sh", "the test of the page", "chromium"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 1
    assert "the test of the page needs chromium, and there is no apt-get here" in tried.stderr
