"""When the AWS clients are made: what few invocations call, at its first call and once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from handlers.adapters.aws import clients, provider_credentials


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clients that were made, by the names of their services."""
    names: list[str] = []

    def client(service: str, **_: Any) -> SimpleNamespace:
        names.append(service)
        return SimpleNamespace(name=service)

    monkeypatch.setattr(boto3, "client", client)
    return names


def test_what_every_invocation_calls_is_made_at_the_start_and_the_rest_is_not(made: list[str]) -> None:
    for make in (
        clients.dynamodb,
        clients.events,
        clients.kms,
        clients.s3,
        clients.scheduler,
        clients.secretsmanager,
        clients.sesv2,
        clients.sns,
        clients.sqs,
    ):
        make()
    assert made == ["dynamodb", "events"]


def test_a_client_is_made_once_whichever_threads_want_it_first(made: list[str]) -> None:
    kms: Any = clients.kms()
    together = Barrier(8, timeout=60)

    def use(_: int) -> str:
        together.wait()
        return str(kms.name)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(use, range(8))) == {"kms"}
    assert made == ["kms"]
    assert kms.name == "kms"
    assert made == ["kms"]


def test_a_provider_that_may_never_be_asked_has_no_client_of_secrets_made(
    made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "carillon/test/providers/")
    provider_credentials._secrets.cache_clear()
    provider_credentials.of("acme", provider_credentials.Credentials)
    assert made == []
    provider_credentials._secrets.cache_clear()
