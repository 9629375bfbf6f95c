"""Switching and ordering providers, as an operator types it; that workers obey is in tests/adapters."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from handlers.domain.providers.routing import Circuit
from local.engine.emulator import Emulator
from ops.cli import app
from ops.providers import ProviderChangeError, Providers, ProviderStatus
from tests.local.support import session
from tests.unit.handlers.samples import NOW

NAMES = ("one", "two", "three")


@pytest.fixture
def dynamodb(account: Emulator) -> Any:
    return session(account).client("dynamodb", endpoint_url=account.endpoint_url)


def create_table(dynamodb: Any, name: str) -> None:
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def providers(dynamodb: Any) -> Providers:
    name = f"limits-{uuid.uuid4().hex[:8]}"
    create_table(dynamodb, name)
    return Providers(dynamodb, name, NAMES, "sms")


def places(providers: Providers) -> list[tuple[str, int | None]]:
    return [(status.name, status.place) for status in providers.statuses()]


def test_providers_nobody_has_touched_are_asked_as_they_are_registered(providers: Providers) -> None:
    assert places(providers) == [("one", 1), ("two", 2), ("three", 3)]


def test_who_is_off_has_no_place_until_it_is_on_again(providers: Providers) -> None:
    providers.turn_off("one")
    providers.turn_off("one")
    assert places(providers) == [("two", 1), ("three", 2), ("one", None)]
    providers.turn_on("one")
    providers.turn_on("one")
    assert places(providers) == [("one", 1), ("two", 2), ("three", 3)]


def test_two_operators_at_once_do_not_undo_each_other(providers: Providers) -> None:
    providers.turn_off("one")
    providers.turn_off("three")
    providers.turn_on("one")
    assert places(providers) == [("one", 1), ("two", 2), ("three", None)]


def test_an_order_says_who_comes_first_and_leaves_switches_alone(providers: Providers) -> None:
    providers.turn_off("two")
    providers.reorder(["three", "two", "three"])
    assert places(providers) == [("three", 1), ("one", 2), ("two", None)]
    providers.reorder(["one"])
    providers.turn_on("two")
    assert places(providers) == [("one", 1), ("two", 2), ("three", 3)]


def test_a_provider_that_the_channel_has_not_is_refused_naming_those_it_has(providers: Providers) -> None:
    for change in (providers.turn_on, providers.turn_off):
        with pytest.raises(ProviderChangeError, match="sms has no provider ses; it has one, two, three"):
            change("ses")
    with pytest.raises(ProviderChangeError, match="ses"):
        providers.reorder(["one", "ses"])
    assert places(providers) == [("one", 1), ("two", 2), ("three", 3)]


@pytest.mark.parametrize(
    ("circuit", "said"),
    [
        (Circuit(), "closed"),
        (Circuit(3), "closed, 3 failures in a row"),
        (Circuit(5, NOW, NOW.replace(second=30)), "open until 12:00:30 UTC, 5 failures in a row"),
        (Circuit(6, NOW, NOW), "half-open: the next message tries it, 6 failures in a row"),
    ],
)
def test_a_circuit_is_told_in_words(circuit: Circuit, said: str) -> None:
    assert ProviderStatus("one", 1, circuit).health(NOW) == said


# -- as it is typed ----------------------------------------------------------------------------------------------------


def carillon(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_on_aws_the_callers_own_credentials_are_used(
    account: Emulator, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", account.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", account.endpoint_url)
    environment = f"e{uuid.uuid4().hex[:8]}"
    create_table(dynamodb, f"carillon-{environment}-limits")
    turned_off = carillon("providers", "off", "email", "ses", "--environment", environment)
    listed = carillon("providers", "list", "email", "--environment", environment)
    assert turned_off.exit_code == listed.exit_code == 0, turned_off.output
    assert turned_off.stdout == listed.stdout
    assert ["off", "ses", "closed"] in [line.split() for line in listed.stdout.splitlines()]
    assert "off" not in carillon("providers", "on", "email", "ses", "--environment", environment).stdout
    assert carillon("providers", "order", "email", "ses", "--environment", environment).exit_code == 0


def test_a_mistaken_name_is_one_clear_error(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", account.region)
    refused = carillon("providers", "off", "email", "carrier-pigeon", "--environment", "dev")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: email has no provider carrier-pigeon; it has ses")
    assert carillon("providers", "list", "fax", "--environment", "dev").exit_code == 2


def test_where_nothing_is_up_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = carillon("providers", "list", "email")
    assert refused.exit_code == 1
    assert "`make up` starts the platform" in refused.stderr
