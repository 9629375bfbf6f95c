"""Fixtures of the emulator tier: a producer, AWS clients with root credentials, a way to break things and mend them."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from local.platform import Platform
from ops.cli import app
from tests.emulator.operator_actions import CommandLine, Operator
from tests.emulator.producer import Producer


@pytest.fixture(scope="session")
def producer(platform: Platform) -> Producer:
    """A producer that has nothing but what `.carillon/local.json` says."""
    local = platform.local
    return Producer(local.api_url, local.app_key, local.app_secret, local.inbox_url)


@pytest.fixture(scope="session")
def aws(platform: Platform) -> Callable[[str], Any]:
    """boto3 clients as the account's root, to look and to break: `aws("iam")`."""
    emulator = platform.emulator
    session = boto3.Session(
        aws_access_key_id=emulator.access_key_id,
        aws_secret_access_key=emulator.secret_access_key,
        region_name=emulator.region,
    )
    return cache(partial(session.client, endpoint_url=emulator.endpoint_url))


@pytest.fixture(scope="session")
def operator(platform: Platform, aws: Callable[[str], Any]) -> Operator:
    """Somebody with root credentials on the running platform."""
    return Operator(platform, aws)


@pytest.fixture
def command_line(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """`carillon …` in a checkout whose platform is the running one: what it prints, once it has succeeded."""
    (tmp_path / ".carillon").symlink_to(platform.directory)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ops.parking.ASKED_FOR_SECONDS", 0)  # the emulator has one server

    def run(*words: str, stdin: str | None = None) -> str:
        result = CliRunner().invoke(app, words, input=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture
def app_for_mail_alone(platform: Platform, operator: Operator) -> Iterator[Producer]:
    """An app that may send every category, by e-mail."""
    with operator.app(["*"], ["email"]) as (key, secret):
        yield Producer(platform.local.api_url, key, secret, platform.local.inbox_url)


@pytest.fixture
def other_app(platform: Platform, operator: Operator) -> Iterator[Producer]:
    """A second app, with a secret of its own, gone after the test."""
    with operator.app(["*"], ["*"]) as (key, secret):
        yield Producer(platform.local.api_url, key, secret, platform.local.inbox_url)
