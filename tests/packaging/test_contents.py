import _imp
import re
import struct
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from handlers.domain.providers.registry import PROVIDERS
from stacks.compute.packaging import Package, Target, entrypoint, functions, group

# ELF header: e_ident is 16 bytes, then e_type and e_machine, two bytes each (https://refspecs.linuxfoundation.org/elf/elf.pdf).
EM_AARCH64 = 183
# Amazon Linux 2023, which the python3.13 runtime is: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
AL2023_GLIBC = (2, 34)


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[[Package], ZipFile]]:
    """Opens a zip, once for all tests: the list of what is in it is long."""
    with ExitStack() as archives:
        yield cache(lambda package: archives.enter_context(ZipFile(package.path)))


@pytest.fixture(scope="module")
def seen() -> set[tuple[object, ...]]:
    """What was looked into already, by its name and checksum: most of a zip is in others too."""
    return set()


@pytest.fixture(params=functions())
def archive(
    request: pytest.FixtureRequest, packages: dict[str, Package], opened: Callable[[Package], ZipFile]
) -> ZipFile:
    return opened(packages[request.param])


def function_of(archive: ZipFile) -> str:
    return Path(archive.filename or "").stem


def native_libraries(archive: ZipFile) -> list[str]:
    return [name for name in archive.namelist() if re.search(r"\.so(\.|$)", name)]


def distributions(archive: ZipFile) -> set[str]:
    metadata = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return {normal(name.rpartition("/")[0].rsplit("-", 2)[0]) for name in metadata}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(repository: Path, function: str) -> tuple[set[str], set[str]]:
    """What the lock says the function's group names, and all that this brings with it, whatever the platform."""
    packages = locked_packages(repository)
    wanted = packages["carillon"]["dev-dependencies"][group(function)]
    found: set[tuple[str, str]] = set()
    waiting = with_extras(wanted)
    while waiting:
        name, extra = waiting.pop()
        found.add((name, extra))
        package = packages[name]
        brought = package.get("optional-dependencies", {})[extra] if extra else package.get("dependencies", [])
        waiting |= with_extras(brought) - found
    return {each["name"] for each in wanted}, {name for name, _ in found}


@cache
def locked_packages(repository: Path) -> dict[str, Any]:
    """What the lock says of each package, read once."""
    lock = tomllib.loads((repository / "uv.lock").read_text())
    return {package["name"]: package for package in lock["package"]}


def with_extras(dependencies: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Each package without its extras, and with each extra that is asked for: `httpx[http2]`."""
    return {(each["name"], extra) for each in dependencies for extra in ("", *each.get("extra", []))}


def test_every_native_library_is_for_the_python_that_will_load_it(archive: ZipFile, target: Target) -> None:
    suffix = ".cpython-313-aarch64-linux-gnu.so" if target is Target.AWS else sysconfig.get_config_var("EXT_SUFFIX")
    libraries = native_libraries(archive)
    assert libraries
    assert [name for name in libraries if not name.endswith((suffix, ".abi3.so"))] == []


@pytest.mark.parametrize("function", functions())
def test_every_native_library_for_lambda_is_for_its_processor_and_its_glibc(
    function: str,
    packages_for_lambda: dict[str, Package],
    opened: Callable[[Package], ZipFile],
    seen: set[tuple[object, ...]],
) -> None:
    archive = opened(packages_for_lambda[function])
    libraries = native_libraries(archive)
    assert libraries
    for name in libraries:
        if (found := (name, archive.getinfo(name).CRC)) in seen:
            continue
        content = archive.read(name)
        assert content[:6] == b"\x7fELF\x02\x01", f"{name} is no 64-bit little-endian ELF file"
        assert struct.unpack_from("<H", content, 18) == (EM_AARCH64,), f"{name} is for another processor"
        needed = {tuple(map(int, version)) for version in re.findall(rb"GLIBC_(\d+)\.(\d+)", content)}
        assert max(needed) <= AL2023_GLIBC, f"{name} needs glibc {max(needed)}"
        seen.add(found)


def test_a_zip_has_its_functions_own_dependencies_and_nothing_else(archive: ZipFile, repository: Path) -> None:
    named, allowed = locked(repository, function_of(archive))
    assert named <= distributions(archive) <= allowed


def test_a_zip_has_no_top_level_name_that_no_dependency_brought(archive: ZipFile) -> None:
    named_otherwise = {"handlers", "phonenumbers", "dns", "dotenv", "jwt", "bs4"}
    brought = {normal(name) for name in distributions(archive)} | named_otherwise
    if "cffi" in brought:
        brought |= {normal(name) for name in native_libraries(archive) if name.startswith("_cffi_backend.")}
    top = {name.split("/")[0] for name in archive.namelist() if not re.search(r"\.dist-info/|^__pycache__/", name)}
    assert {normal(name.removesuffix(".py")) for name in top} <= brought


def test_a_zip_has_the_entrypoint_of_its_function_and_of_no_other(archive: ZipFile) -> None:
    files = {name: f"{entrypoint(name).replace('.', '/')}.py" for name in functions()}
    assert set(files.values()) & set(archive.namelist()) == {files[function_of(archive)]}


def test_a_workers_zip_has_the_providers_of_its_channel_and_no_zip_has_any_other(archive: ZipFile) -> None:
    providers = {f"handlers/adapters/providers/{each.module}.py": each.channel for each in PROVIDERS}
    _, _, channel = function_of(archive).partition("worker-")
    assert providers.keys() & set(archive.namelist()) == {name for name in providers if providers[name] == channel}


def test_a_package_that_code_is_in_has_its_init_file(archive: ZipFile) -> None:
    ours = [Path(name) for name in archive.namelist() if re.search(r"^handlers/.*\.py$", name)]
    assert {parent / "__init__.py" for path in ours for parent in path.parents if parent.name} <= set(ours)


def test_a_zip_has_nothing_that_no_function_reads(archive: ZipFile) -> None:
    unread = r"^bin/|/tests?/|\.(pyi|c|js|css)$|/(RECORD|INSTALLER|REQUESTED|WHEEL|direct_url\.json)$|^\."
    assert [name for name in archive.namelist() if re.search(unread, name)] == []


# importlib.util.MAGIC_NUMBER of all releases of CPython 3.13 (Include/internal/pycore_magic_number.h).
MAGIC_OF_3_13 = (3571).to_bytes(2, "little") + b"\r\n"
UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: the pyc is hash-based, and its source is not looked at


def test_every_module_is_compiled_for_the_python_that_runs_it_and_its_source_is_never_looked_at(
    archive: ZipFile, target: Target, seen: set[tuple[object, ...]]
) -> None:
    tag, magic = (
        ("cpython-313", MAGIC_OF_3_13) if target is Target.AWS else (sys.implementation.cache_tag, MAGIC_NUMBER)
    )
    names = set(archive.namelist())
    for name in sorted(name for name in names if name.endswith(".py")):
        head, _, stem = name.removesuffix(".py").rpartition("/")
        compiled = f"{head}/__pycache__/{stem}.{tag}.pyc".removeprefix("/")
        assert compiled in names, f"{compiled} is missing: was the compiler to be had? build() says so in its warning"
        found = (target, name, archive.getinfo(name).CRC, archive.getinfo(compiled).CRC)
        if found in seen:
            continue
        # The hash of the source is keyed with the version's number: importlib.util.source_hash() takes this Python's.
        hashed = _imp.source_hash(int.from_bytes(magic, "little"), archive.read(name))
        assert archive.read(compiled)[:16] == magic + UNCHECKED_HASH + hashed
        seen.add(found)


def test_no_file_is_there_twice(archive: ZipFile) -> None:
    assert len(set(archive.namelist())) == len(archive.namelist())
