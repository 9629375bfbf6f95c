"""Starting and stopping a whole platform: what it says of itself, and what is left when it fails."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.directory import Directory
from local.engine.deployment import DeploymentFailed
from local.errors import PlatformError
from local.platform import Platform
from tests.local.processes import mentioning, until
from tests.local.support import session


def failing(with_error: BaseException, first: Callable[[], object] = lambda: None) -> Callable[..., Any]:
    """In place of the deployment, which other tests run: it fails."""

    def deploy(**_: object) -> Any:
        first()
        raise with_error

    return deploy


def test_a_producer_is_told_what_the_design_says(platform: Platform) -> None:
    told = Directory(platform.directory).local()
    assert told == platform.local
    assert told.app_key == "demo"
    assert all(url.startswith("http://localhost:") for url in (told.api_url, told.inbox_url, told.emulator_url))


def test_the_demo_app_may_send_what_the_environment_is_configured_for_and_nothing_else(platform: Platform) -> None:
    account = platform.emulator
    manager = session(account).client("secretsmanager", endpoint_url=account.endpoint_url)
    value = manager.get_secret_value(SecretId=platform.outputs["appSecretNames"]["demo"])["SecretString"]
    assert platform.local.app_secret in value
    assert "*" not in value


def test_a_second_platform_in_the_same_directory_is_refused_and_the_first_one_lives(platform: Platform) -> None:
    with pytest.raises(PlatformError, match=r"running in .* already"):
        Platform.start(platform.directory)
    assert Directory(platform.directory).owner()
    assert Directory(platform.directory).local() == platform.local


def test_a_deployment_that_fails_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.platform.deploy", failing(DeploymentFailed("no such table")))
    with pytest.raises(DeploymentFailed, match="no such table"):
        Platform.start(tmp_path)
    until(lambda: not mentioning(tmp_path))
    assert Directory(tmp_path).local() is None


def test_an_interruption_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.platform.deploy", failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        Platform.start(tmp_path)
    until(lambda: not mentioning(tmp_path))


def test_an_emulator_that_dies_during_the_deployment_is_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_the_emulator() -> None:
        [emulator] = [p for p in mentioning(tmp_path) if b"emulator_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
        os.kill(emulator, signal.SIGKILL)
        until(lambda: Directory(tmp_path).owner() is None)

    monkeypatch.setattr("local.platform.deploy", failing(ConnectionError("refused"), first=kill_the_emulator))
    with pytest.raises(PlatformError, match="the emulator was killed by SIGKILL"):
        Platform.start(tmp_path)
    until(lambda: not mentioning(tmp_path))
