"""Builds the zip of each Lambda function: its locked dependencies for one target, and the handlers' modules it imports.

What a function imports is read from its code, from its entrypoint onwards; but a worker imports its channel's providers
by their names, so these it has from the registry.

The same lock and the same sources give the same bytes, wherever and whenever they are built (with one version of zlib),
so a deployment that changes nothing uploads nothing. Nothing is taken from this machine's site-packages: uv installs
every wheel, by its hash in `uv.lock`, for the target's platform, into an empty directory. This is done once for the
dependencies of all functions together, since most of them are the same; each takes its own from there.

Zips are written to `.carillon/build/<target>/<function>.zip`, and beside each what is in it, `<function>.cdx.json`
(CycloneDX); the dependencies alone are kept, compressed, in
`.carillon/build/cache`, so that a change of code costs a copy of that layer and a few small files.
"""

import hashlib
import platform
import re
import sys
import sysconfig
import tomllib
import zlib
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.metadata import version
from pathlib import Path
from shutil import copyfile, copytree, ignore_patterns
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import grimp

from handlers.domain.channels import CHANNELS
from handlers.domain.providers.registry import of_channel
from stacks.compute import bytecode, wheels
from stacks.compute.bytecode import Compiler, NoCompilerError
from stacks.compute.files import alone, replacing
from stacks.compute.wheels import ROOT, PackagingError

BUILD = ROOT / ".carillon" / "build"
GROUP_PREFIX = "fn-"
# Every channel has one function of these kinds: `worker-email`.
PER_CHANNEL = ("worker", "redriver")
# Bounds of our own, well under Lambda's 50 MB: a zip that outgrows its own has pulled in what nobody meant to ship.
MAX_ZIP_BYTES = 9 * 1000 * 1000
# What signs for APNs and FCM, and verifies SendGrid's receipts, is 5 MB of machine code.
_WITH_CRYPTOGRAPHY = {"worker-push": 16 * 1000 * 1000, "hooks": 16 * 1000 * 1000}
# The earliest time that a zip can hold. Any fixed one would do: times must not make two builds differ.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE_BY_ALL = 0o100644 << 16


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
    warning: str = ""
    """What whoever deploys it must be told; empty when all is well."""


def functions() -> tuple[str, ...]:
    """Name every function: those that have a dependency group `fn-<function>`, and those of each channel."""
    alone = {name for name in _groups() if name.partition("-")[0] not in PER_CHANNEL}
    return tuple(sorted(alone | {f"{kind}-{channel}" for kind in PER_CHANNEL for channel in CHANNELS}))


def entrypoint(function: str) -> str:
    """Return the module with a function's handler. The workers of all channels share `channel_worker`, and so on."""
    kind, _, _ = function.partition("-")
    name = f"channel_{kind}" if kind in PER_CHANNEL else function.replace("-", "_")
    return f"handlers.entrypoints.{name}"


def group(function: str) -> str:
    """Return the dependency group of a function: its own, or what those of all channels share, `fn-worker`."""
    return f"{GROUP_PREFIX}{function if function in _groups() else function.partition('-')[0]}"


@cache
def _groups() -> frozenset[str]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return frozenset(each.removeprefix(GROUP_PREFIX) for each in groups if each.startswith(GROUP_PREFIX))


def build_all(names: Collection[str], target: Target, directory: Path = BUILD) -> dict[str, Package]:
    """Build these functions, side by side. Raises the first PackagingError met."""
    _compiler(target), _every(), _imports()  # once, before the threads
    with ThreadPoolExecutor() as pool:
        list(pool.map(_locked, {group(name) for name in names}))
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
    module = entrypoint(function)
    roots = {module: "handler", **_providers(function)}
    wanted = {path.relative_to(ROOT).as_posix() for path in _sources(roots)}
    compiler, warning = _compiler(target)
    layer = _dependencies(group(function), target, compiler, directory / "cache")
    zipped = directory / target / f"{function}.zip"
    with replacing(zipped) as draft, ZipFile(_handlers(compiler, directory / "cache")) as handlers:
        copyfile(layer, draft)
        _add(draft, {name: handlers.read(name) for name in handlers.namelist() if _source(name) in wanted})
        content = draft.read_bytes()
        _refuse_oversize(function, len(content))
    with replacing(zipped.with_suffix(".cdx.json")) as bill:
        bill.write_text(_locked(group(function)).bill)
    return Package(
        path=zipped,
        sha256=b64encode(hashlib.sha256(content).digest()).decode(),
        size=len(content),
        handler=f"{module}.handler",
        runtime=target.runtime,
        architecture=target.architecture,
        warning=warning,
    )


def bound(function: str) -> int:
    """Return how many bytes the function's zip may have."""
    return _WITH_CRYPTOGRAPHY.get(function, MAX_ZIP_BYTES)


def _refuse_oversize(function: str, size: int) -> None:
    if size > bound(function):
        raise PackagingError(
            f"The zip of {function} is {size / 1e6:.1f} MB, over the bound of {bound(function) / 1e6:.0f} MB: "
            f"`uv tree --only-group {group(function)}` shows what is in it; remove what it can do without."
        )


def _providers(function: str) -> dict[str, str]:
    """Return the modules of the providers that a function creates by name, and what creates them; a worker's alone."""
    _, _, channel = function.partition("worker-")
    return {f"handlers.adapters.providers.{each.module}": "create" for each in of_channel(channel)}


def _sources(roots: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files of modules, of all that they import from handlers, and of the packages these are in.

    `roots` says which function each module has that is called by name. Raises PackagingError when there is no module.
    """
    graph = _imports()
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


@cache
def _imports() -> grimp.ImportGraph:
    return grimp.build_graph("handlers", exclude_type_checking_imports=True, cache_dir=None)


@cache
def _compiler(target: Target) -> tuple[Compiler | None, str]:
    """Return the compiler for the target and no warning; or None and a warning, where it cannot be installed."""
    if target is Target.MACHINE:
        return bytecode.for_this_machine(), ""
    try:
        return bytecode.for_lambda(BUILD / "bytecode"), ""
    except NoCompilerError as error:
        return None, str(error)


@dataclass(frozen=True)
class _Locked:
    """What `uv.lock` has of a dependency group: as requirements, and as a bill of materials."""

    requirements: str
    bill: str


@cache
def _locked(group_: str) -> _Locked:
    return _Locked(wheels.locked([group_], group_), wheels.bill_of_materials(group_))


@cache
def _every() -> str:
    return wheels.locked([group(each) for each in functions()], "all functions")


def _dependencies(group_: str, target: Target, compiler: Compiler | None, cache: Path) -> Path:
    """Return the zip of what a dependency group has for this target, made once and then reused."""
    requirements, every = _locked(group_).requirements, _every()
    layer = cache / f"{_key(compiler, requirements, every, *_made_by(target))}.zip"
    with alone(layer.with_suffix(".lock")):
        if not layer.exists():
            with replacing(layer) as draft, ZipFile(_installed(every, target, compiler, cache)) as archive:
                wanted = {name for name in wheels.files_of(requirements, archive) if _is_needed(name)}
                _add(draft, {name: archive.read(name) for name in archive.namelist() if _source(name) in wanted})
    return layer


def _installed(requirements: str, target: Target, compiler: Compiler | None, cache: Path) -> Path:
    """Return the zip of what these requirements install for this target, compiled, and of the records of what is whose.

    Compiling for Lambda takes seconds, whether of one function's dependencies or of all functions'.
    """
    layer = cache / f"{_key(compiler, requirements, *_made_by(target))}.zip"
    with alone(layer.with_suffix(".lock")):
        if not layer.exists():
            with TemporaryDirectory(prefix="carillon-") as scratch:
                what = f"The dependencies for {target.architecture}"
                installed = wheels.install(requirements, target.wheel_flags, Path(scratch), what)
                for path in [path for path in installed.rglob("*") if path.is_file()]:
                    if not _is_needed(path.relative_to(installed).as_posix()) and path.name != wheels.RECORD:
                        path.unlink()
                _compile_and_zip(installed, compiler, layer)
    return layer


def _made_by(target: Target) -> tuple[str, ...]:
    """Return what decides the bytes of a layer besides its requirements; this file, as it decides what is left out."""
    return target.platform_key, version("uv"), zlib.ZLIB_RUNTIME_VERSION, Path(__file__).read_text()


def _handlers(compiler: Compiler | None, cache: Path) -> Path:
    """Return the zip of all modules of handlers, compiled once. Each function takes its own modules from it."""
    modules = sorted((ROOT / "handlers").rglob("*.py"))
    named = [part for path in modules for part in (path.relative_to(ROOT).as_posix(), path.read_text())]
    layer = cache / f"{_key(compiler, zlib.ZLIB_RUNTIME_VERSION, *named)}.zip"
    with alone(layer.with_suffix(".lock")):
        if not layer.exists():
            with TemporaryDirectory(prefix="carillon-") as scratch:
                copytree(ROOT / "handlers", Path(scratch) / "handlers", ignore=ignore_patterns("__pycache__"))
                _compile_and_zip(Path(scratch), compiler, layer)
    return layer


def _key(compiler: Compiler | None, *parts: str) -> str:
    identity = compiler.identity if compiler else "not compiled"
    return hashlib.sha256("\0".join((identity, *parts)).encode()).hexdigest()


def _compile_and_zip(directory: Path, compiler: Compiler | None, zipped: Path) -> None:
    if compiler:
        compiler.compile(directory)
    with replacing(zipped) as draft:
        files = (path for path in directory.rglob("*") if path.is_file())
        _add(draft, {path.relative_to(directory).as_posix(): path.read_bytes() for path in files})


def _source(name: str) -> str:
    """Return the module's file of a file of bytecode: `a/__pycache__/b.cpython-313.pyc` is of `a/b.py`."""
    return re.sub(r"__pycache__/([^/.]+)\.[^/]+\.pyc$", r"\1.py", name)


# What a wheel brings that no function reads at run time. A test runs every function from its zip.
_UNNEEDED = re.compile(
    r"""
    # Programs, tests, documents, types and sources in C. METADATA stays, because pydantic asks importlib.metadata for
    # the version of email-validator, and entry_points.txt because pydantic looks for plugins in it.
      ^bin/ | ^\.lock$ | (^|/)(__pycache__|tests?|docs?)/ | \.dist-info/(?!(METADATA|entry_points\.txt)$)
    | \.(pyc|pyi|pyx|c|h)$ | (^|/)py\.typed$
    # Powertools: the Swagger page of an API, and utilities that nothing here imports.
    | \.(js|css)$
    | ^aws_lambda_powertools/utilities/(auth_alpha|circuit_breaker|data_masking|feature_flags|kafka|streaming)/
    # Babel: the data of each locale are 30 MB, of which no function reads more than what is said of all locales, in
    # `global.dat` beside them; and the tools for catalogues of translations.
    | ^babel/(locale-data|messages)/
    # phonenumbers: the numbers that are short; dns: whether a domain takes mail, which nobody asks email-validator.
    | ^phonenumbers/shortdata/region_ | ^dns/
    # What pydantic was before version 2, and what mypy and pytest take from packages.
    | ^pydantic/(v1/|mypy\.py$) | ^anyio/(pytest_plugin|_backends/_trio)\.py$
    # cffi: what writes modules in C. cryptography needs `_cffi_backend` alone.
    | ^cffi/ | ^pycparser/
    # tzdata: the sources and tables that the zones' own files are made from.
    | ^tzdata/zoneinfo/([a-z0-9]+\.(tab|zi)|leapseconds)$
    """,
    re.VERBOSE,
)


def _is_needed(name: str) -> bool:
    return not _UNNEEDED.search(name)


def _add(archive: Path, files: Mapping[str, bytes]) -> None:
    """Append files to a zip by name, with nothing in it that depends on when, where or by whom it is made."""
    with ZipFile(archive, "a") as opened:
        for name, content in sorted(files.items()):
            entry = ZipInfo(name, _EPOCH)
            entry.external_attr = _READABLE_BY_ALL
            entry.create_system = 3  # Unix: where the permissions above have a meaning
            opened.writestr(entry, content, ZIP_DEFLATED)
