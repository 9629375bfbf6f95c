import hashlib
import json
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from zipfile import ZipFile

import pytest

from handlers.domain.channels import CHANNELS
from handlers.domain.providers.registry import Registered, of_channel
from stacks.compute import bytecode, packaging, wheels
from stacks.compute.bytecode import NoCompilerError
from stacks.compute.packaging import Package, Target, bound, build, functions
from stacks.compute.wheels import PackagingError

FUNCTION = "sweeper"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes have built a function from nothing, at once."""
    made = tmp_path_factory.mktemp("build")
    code = f"from stacks.compute.packaging import *; build({FUNCTION!r}, Target.AWS, Path({str(made)!r}))"
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=wheels.ROOT) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    return made


@pytest.fixture
def package(packages_for_lambda: dict[str, Package]) -> Package:
    """The function's zip as the checkout has it."""
    return packages_for_lambda[FUNCTION]


@pytest.fixture
def near(tmp_path: Path) -> Path:
    """A directory of the test's own, in which the layers that the checkout has built are used again."""
    (packaging.BUILD / "cache").mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache").symlink_to(packaging.BUILD / "cache")
    return tmp_path


def layers(directory: Path) -> list[Path]:
    return list((directory / "cache").glob("*.zip"))


def test_every_function_is_built(packages: dict[str, Package]) -> None:
    of_channels = {f"{kind}-{channel}" for kind in ("worker", "redriver") for channel in CHANNELS}
    alone = {
        "authorizer",
        "notifications",
        "broadcasts",
        "fanout",
        "contacts",
        "templates",
        "tracking",
        "hooks",
        "reports",
        "observer",
        "sweeper",
        "webhooks",
    }
    assert set(packages) == alone | of_channels
    for package in packages.values():
        assert package.path.stat().st_size == package.size
        assert hashlib.sha256(package.path.read_bytes()).digest() == b64decode(package.sha256)


def test_beside_each_zip_is_what_it_is_made_of_by_hash(packages: dict[str, Package]) -> None:
    for function, package in packages.items():
        bill = json.loads(package.path.with_suffix(".cdx.json").read_text())
        assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
        assert {"serialNumber", "timestamp"} & {*bill, *bill["metadata"]} == set()
        listed = {each["name"]: each["version"] for each in bill["components"]}
        with ZipFile(package.path) as opened:
            zipped = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
        for name, _, version in (each.partition(".dist-info")[0].rpartition("-") for each in zipped):
            assert listed[re.sub(r"[-_.]+", "-", name).lower()] == version, function
        for each in bill["components"]:
            hashed = [file["hashes"] for file in each["externalReferences"] if file["type"] == "distribution"]
            assert hashed
            assert all(hashed)


def test_a_zip_is_under_the_bound(packages: dict[str, Package]) -> None:
    assert {name: package.size for name, package in packages.items() if package.size > bound(name)} == {}


def test_lambda_is_told_the_handler_the_runtime_and_the_processor(package: Package) -> None:
    assert package.handler == "handlers.entrypoints.sweeper.handler"
    assert (package.runtime, package.architecture) == ("python3.13", "arm64")


def test_the_workers_of_all_channels_share_an_entrypoint(packages: dict[str, Package]) -> None:
    assert packages["worker-email"].handler == "handlers.entrypoints.channel_worker.handler"


def test_processes_that_build_at_once_end_with_the_bytes_of_a_build_elsewhere(
    directory: Path, package: Package
) -> None:
    assert len(layers(directory)) == 3  # all dependencies, the function's own, and the modules of all handlers
    assert (directory / "aws" / f"{FUNCTION}.zip").read_bytes() == package.path.read_bytes()


def test_the_targets_differ(near: Path, package: Package) -> None:
    assert build(FUNCTION, Target.MACHINE, near).sha256 != package.sha256


def test_entries_have_no_time_and_no_owner_and_are_readable(package: Package) -> None:
    with ZipFile(package.path) as opened:
        assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in opened.infolist()} == {0o100644}
        assert opened.testzip() is None


def test_a_second_build_installs_nothing(directory: Path, package: Package, monkeypatch: pytest.MonkeyPatch) -> None:

    def refuse(*arguments: str, problem: str) -> str:
        assert arguments[0] == "export", f"uv was asked to {arguments[0]}"
        return original(*arguments, problem=problem)

    original = wheels.uv
    monkeypatch.setattr(wheels, "uv", refuse)
    assert build(FUNCTION, Target.AWS, directory).sha256 == package.sha256


def test_functions_with_the_same_dependencies_share_a_layer() -> None:
    alike, other = [
        {
            packaging._dependencies(
                packaging.group(name), Target.MACHINE, bytecode.for_this_machine(), packaging.BUILD / "cache"
            )
            for name in names
        }
        for names in (("worker-sms", "worker-email"), ("worker-sms", "sweeper"))
    ]
    assert (len(alike), len(other)) == (1, 2)


def test_a_build_leaves_no_drafts(directory: Path) -> None:
    left = {path.suffix for path in directory.rglob("*") if path.is_file()}
    assert left == {".json", ".lock", ".zip"}  # the bill of materials beside each zip
    assert list(directory.rglob(".draft-*")) == []


def test_a_build_does_not_depend_on_the_working_directory(
    directory: Path, package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert build(FUNCTION, Target.AWS, directory).sha256 == package.sha256


def test_a_function_that_is_not_there_is_refused_saying_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"add a dependency group fn-nothing to pyproject\.toml"):
        build("nothing", Target.AWS, tmp_path)


def test_a_function_without_an_entrypoint_is_refused_naming_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging, "functions", lambda: (*functions(), "not-written"))
    with pytest.raises(PackagingError, match=r"write handlers/entrypoints/not_written\.py"):
        build("not-written", Target.AWS, tmp_path)


def test_a_registered_provider_without_a_file_is_refused_naming_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging, "of_channel", lambda name: (*of_channel(name), Registered("chat", "not-written")))
    with pytest.raises(PackagingError, match=r"write handlers/adapters/providers/not_written\.py with .* `create`"):
        build("worker-chat", Target.AWS, tmp_path)


def test_a_zip_over_the_bound_is_refused_and_not_left_behind(near: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "MAX_ZIP_BYTES", 1_000_000)
    with pytest.raises(PackagingError, match=r"sweeper is [\d.]+ MB, over the bound of 1 MB.*--only-group fn-sweeper"):
        build(FUNCTION, Target.AWS, near)
    assert not (near / "aws" / f"{FUNCTION}.zip").exists()


def test_a_package_without_a_wheel_for_the_target_is_named(tmp_path: Path) -> None:
    windows_only = "pywin32==308 --hash=sha256:587f3e19696f4bf96fde9d8a57cec74a57021ad5f204c9e627e15c33ff568897\n"
    with pytest.raises(PackagingError, match=r"(?s)pywin32.*choose another version or another package"):
        packaging._installed(windows_only, Target.AWS, None, tmp_path)
    assert layers(tmp_path.parent) == []


def test_a_wheel_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    other = f"typing-inspection==0.4.1 --hash=sha256:{'0' * 64}\n"
    with pytest.raises(PackagingError, match=r"(?i)hash"):
        packaging._installed(other, Target.AWS, None, tmp_path)


def test_without_the_python_that_compiles_for_lambda_a_zip_is_built_and_says_loudly_what_it_lacks(
    near: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> str:
        raise PackagingError("Node.js cannot be had: the index cannot be reached")

    packaging._compiler.cache_clear()
    bytecode._for_lambda.cache_clear()
    monkeypatch.setattr(bytecode, "_fetch", unreachable)
    monkeypatch.setattr(packaging, "BUILD", near)
    try:
        package = build(FUNCTION, Target.AWS, near)
    finally:
        packaging._compiler.cache_clear()
        bytecode._for_lambda.cache_clear()
    assert "WITHOUT compiled modules" in package.warning
    assert "the index cannot be reached" in package.warning
    with ZipFile(package.path) as opened:
        assert [name for name in opened.namelist() if name.endswith(".pyc")] == []


def test_what_makes_bytecode_not_to_be_had_is_one_kind_of_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_disk(*_: object) -> str:
        raise OSError("no space left")

    bytecode._for_lambda.cache_clear()
    monkeypatch.setattr(bytecode, "_fetch", no_disk)
    with pytest.raises(NoCompilerError, match="no space left"):
        bytecode.for_lambda(tmp_path)


def test_a_module_that_cannot_be_compiled_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def\n")
    with pytest.raises(PackagingError, match=r"broken\.py"):
        bytecode.for_this_machine().compile(tmp_path)
