"""Builds the zip of each Lambda function: its locked dependencies for one target, and the handlers' modules it imports.

What a function imports is read from its code, from its entrypoint onwards; but a worker imports its channel's providers
by their names, so these it has from the registry.

The same lock and the same sources give the same bytes, wherever and whenever they are built (with one version of zlib),
so a deployment that changes nothing uploads nothing. Nothing is taken from this machine's site-packages: uv installs
every wheel, by its hash in `uv.lock`, for the target's platform, into an empty directory.

Zips are written to `.carillon/build/<target>/<function>.zip`; the dependencies alone are kept, compressed, in
`.carillon/build/cache`, so that a change of code costs a copy of that layer and a few small files.
"""

import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zlib
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import grimp

from handlers.domain.providers.registry import of_channel

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".carillon" / "build"
GROUP_PREFIX = "fn-"
# A bound of our own, well under Lambda's 50 MB: a zip that outgrows it has pulled in what nobody meant to ship.
MAX_ZIP_BYTES = 10 * 1000 * 1000
# The earliest time that a zip can hold. Any fixed one would do: times must not make two builds differ.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE_BY_ALL = 0o100644 << 16


class PackagingError(Exception):
    """A function cannot be packaged. The message names the function or the package, and says what to do."""


class Target(StrEnum):
    """Where a zip will run."""

    AWS = "aws"
    """Lambda: Python 3.13 on arm64."""
    MACHINE = "machine"
    """This interpreter, on this machine: what the emulator runs functions with."""

    @property
    def runtime(self) -> str:
        """Lambda's name of the runtime, `python3.13`."""
        return "python3.13" if self is Target.AWS else f"python{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def architecture(self) -> str:
        """Lambda's name of the processor: `arm64` or `x86_64`."""
        return "arm64" if self is Target.AWS or platform.machine() in {"aarch64", "arm64"} else "x86_64"

    @property
    def wheel_flags(self) -> tuple[str, ...]:
        """What tells uv which wheels fit."""
        if self is Target.MACHINE:
            return ()
        # The python3.13 runtime is Amazon Linux 2023, whose glibc is 2.34:
        # https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
        return ("--python-platform", "aarch64-manylinux_2_34", "--python-version", "3.13")

    @property
    def platform_key(self) -> str:
        """What must match for a cached dependency layer to be usable."""
        if self is Target.MACHINE:
            return f"{sys.implementation.cache_tag} {sysconfig.get_platform()}"
        return " ".join(self.wheel_flags)


@dataclass(frozen=True)
class Package:
    """A function's zip, and what Lambda must be told about it."""

    path: Path
    sha256: str
    """Base64 of the zip's SHA-256, the form of Lambda's `CodeSha256` and of Pulumi's `source_code_hash`."""
    size: int
    """Bytes, zipped."""
    handler: str
    runtime: str
    architecture: str


def functions() -> tuple[str, ...]:
    """Name every function: those that have a dependency group `fn-<function>` in pyproject.toml."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return tuple(sorted(group.removeprefix(GROUP_PREFIX) for group in groups if group.startswith(GROUP_PREFIX)))


def build_all(names: Collection[str], target: Target, directory: Path = BUILD) -> dict[str, Package]:
    """Build these functions, side by side. Raises the first PackagingError met."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(lambda name: build(name, target, directory), names), strict=True))


def build(function: str, target: Target, directory: Path = BUILD) -> Package:
    """Build one function's zip under `directory`, and return where it is and what it hashes to.

    Two processes may build the same function at once: each replaces the zip with identical bytes in one step.
    Raises PackagingError when there is no such function, when a dependency has no wheel for the target, or when the zip
    is over MAX_ZIP_BYTES.
    """
    if function not in functions():
        raise PackagingError(
            f"No function {function!r}: add a dependency group {GROUP_PREFIX}{function} to pyproject.toml."
        )
    entrypoint = f"handlers.entrypoints.{function.replace('-', '_')}"
    roots = {entrypoint: "handler", **_providers(function)}
    sources = [(path.relative_to(ROOT).as_posix(), path) for path in _sources(roots)]
    layer = _dependencies(_locked_requirements(function), target, directory / "cache")
    zipped = directory / target / f"{function}.zip"
    with _replacing(zipped) as draft:
        shutil.copyfile(layer, draft)
        _add(draft, sources)
        content = draft.read_bytes()
        _refuse_oversize(function, len(content))
    return Package(
        path=zipped,
        sha256=b64encode(hashlib.sha256(content).digest()).decode(),
        size=len(content),
        handler=f"{entrypoint}.handler",
        runtime=target.runtime,
        architecture=target.architecture,
    )


def _refuse_oversize(function: str, size: int) -> None:
    if size > MAX_ZIP_BYTES:
        raise PackagingError(
            f"The zip of {function} is {size / 1e6:.1f} MB, over the bound of {MAX_ZIP_BYTES / 1e6:.0f} MB: "
            f"`uv tree --only-group {GROUP_PREFIX}{function}` shows what is in it; remove what it can do without."
        )


def _providers(function: str) -> dict[str, str]:
    """Return the modules of the providers that a function creates by name, and what creates them; a worker's alone."""
    _, _, channel = function.partition("worker-")
    return {f"handlers.adapters.providers.{each.module}": "create" for each in of_channel(channel)}


def _sources(roots: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files of modules, of all that they import from handlers, and of the packages these are in.

    `roots` says which function each module has that is called by name. Raises PackagingError when there is no module.
    """
    graph = grimp.build_graph("handlers", exclude_type_checking_imports=True, cache_dir=None)
    for module, called in roots.items():
        if module not in graph.modules:
            raise PackagingError(f"No module {module}: write {module.replace('.', '/')}.py with a function `{called}`.")
    found: set[str] = set()
    waiting = set(roots)
    while waiting:
        module = waiting.pop()
        found.add(module)
        package, _, _ = module.rpartition(".")
        waiting |= (graph.find_modules_directly_imported_by(module) | ({package} if package else set())) - found
    for module in found:
        stem = ROOT / module.replace(".", "/")
        yield stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def _locked_requirements(function: str) -> str:
    """Return the function's dependency group as the lock has it: exact versions, with the hash of every file."""
    group = f"{GROUP_PREFIX}{function}"
    # Without header and annotations, which name the group, functions with the same dependencies share one layer.
    plain = ("--no-emit-project", "--no-header", "--no-annotate")
    return _uv("export", "--frozen", "--only-group", group, *plain, problem=f"The locked dependencies of {function}")


def _dependencies(requirements: str, target: Target, cache: Path) -> Path:
    """Return the zip of these requirements for this target, made once and then reused."""
    # This file is part of the key because it decides what a layer leaves out.
    made_by = (version("uv"), zlib.ZLIB_RUNTIME_VERSION, Path(__file__).read_text())
    key = hashlib.sha256("\0".join((requirements, target.platform_key, *made_by)).encode()).hexdigest()
    layer = cache / f"{key}.zip"
    with _alone(cache / f"{key}.lock"):
        if not layer.exists():
            with TemporaryDirectory(prefix="carillon-") as scratch, _replacing(layer) as draft:
                installed = _install(requirements, target, Path(scratch))
                files = (
                    (path.relative_to(installed).as_posix(), path) for path in installed.rglob("*") if path.is_file()
                )
                _add(draft, (file for file in files if _is_needed(file[0])))
    return layer


def _install(requirements: str, target: Target, scratch: Path) -> Path:
    listed, installed = scratch / "requirements.txt", scratch / "installed"
    listed.write_text(requirements)
    exact = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy")
    places = ("--target", str(installed), "--requirements", str(listed))
    _uv("pip", "install", *exact, *target.wheel_flags, *places, problem=f"The dependencies for {target.architecture}")
    return installed


def _uv(*arguments: str, problem: str) -> str:
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


# What a wheel brings that no function reads at run time. METADATA stays, because pydantic asks importlib.metadata for
# the version of email-validator, and entry_points.txt because pydantic looks for plugins in it. The scripts and style
# sheets are the Swagger page of Powertools (0.5 MB zipped), which no function serves. The data of each locale are 30 MB
# of Babel's, of which no function reads more than what is said of all locales, in `global.dat` beside them.
_UNNEEDED = re.compile(
    r"""
      ^bin/ | ^\.lock$
    | (^|/)(__pycache__|tests?|docs?)/ | ^babel/locale-data/
    | \.dist-info/(?!(METADATA|entry_points\.txt)$)
    | \.(pyc|pyi|pyx|c|h|js|css)$ | (^|/)py\.typed$
    """,
    re.VERBOSE,
)


def _is_needed(name: str) -> bool:
    return not _UNNEEDED.search(name)


def _add(archive: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Append files to a zip by name, with nothing in it that depends on when, where or by whom it is made."""
    with ZipFile(archive, "a") as opened:
        for name, path in sorted(files):
            entry = ZipInfo(name, _EPOCH)
            entry.external_attr = _READABLE_BY_ALL
            entry.create_system = 3  # Unix: where the permissions above have a meaning
            opened.writestr(entry, path.read_bytes(), ZIP_DEFLATED)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Lend a file to write, which takes the place of `path` in one step if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".draft-", dir=path.parent) as scratch:
        draft = Path(scratch) / path.name
        yield draft
        draft.replace(path)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one thread of one process at a time make what `lock` stands for: the others find it made."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
