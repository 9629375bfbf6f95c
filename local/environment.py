"""The emulator's own Python environment: built once from hash-locked requirements, shared by a checkout's platforms."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

from local.errors import EnvironmentBuildError
from local.paths import CACHE, ROOT

LOCK = ROOT / "local" / "emulator-requirements.txt"


def interpreter(cache: Path = CACHE / "emulator", lock: Path = LOCK) -> Path:
    """The interpreter of an environment that holds exactly what `lock` names, building it when there is none.

    The directory is named after the lock and the interpreter, and appears by one rename: it is complete or not there.
    Two processes that need it at once build it once. Raises `EnvironmentBuildError`.
    """
    identity = f"{sys.version}{sys.base_prefix}".encode() + lock.read_bytes()
    home = cache / hashlib.sha256(identity).hexdigest()[:16]
    python = home / "bin" / "python"
    if python.exists():
        return python
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "build.lock").open("w") as building:
        fcntl.flock(building, fcntl.LOCK_EX)
        if not python.exists():
            _build(cache / "unfinished", home, lock)
    return python


def _build(unfinished: Path, home: Path, lock: Path) -> None:
    shutil.rmtree(unfinished, ignore_errors=True)  # of an earlier build that was killed
    _uv("venv", "--quiet", "--relocatable", "--python", sys.executable, str(unfinished))
    _uv(
        "pip", "install", "--quiet", "--require-hashes", "--python", str(unfinished / "bin" / "python"), "-r", str(lock)
    )
    unfinished.rename(home)


def _uv(*arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run([find_uv_bin(), *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentBuildError(f"uv {arguments[0]} failed for the emulator's environment:\n{done.stderr.strip()}")
