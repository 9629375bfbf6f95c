"""Limits changed at run time, as an operator types it, and as a worker then holds them."""

import io
import uuid
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from handlers.adapters.aws.limits import DynamoRecipientLimits
from handlers.adapters.aws.provider_state import DynamoProviderState
from handlers.domain.notifications.limits import Limit
from local.engine.emulator import Emulator
from ops.cli import app
from ops.limits import LimitChangeError, Untouched, asked_change
from tests.local.support import session
from tests.ops.test_providers import create_table
from tests.unit.handlers.samples import NOW, delivery


@pytest.mark.parametrize(
    ("asked", "change"),
    [
        ({"burst": 5, "per": "PT1M"}, Limit(5, timedelta(minutes=1))),
        ({"unlimited": True}, None),
        ({"as_configured": True}, Untouched),
    ],
    ids=["numbers", "unlimited", "as configured"],
)
def test_a_change_is_as_it_was_asked_for(asked: dict[str, Any], change: object) -> None:
    assert asked_change(**{"burst": None, "per": None, "unlimited": False, "as_configured": False, **asked}) == change


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"burst": 5},
        {"per": "PT1M"},
        {"burst": 5, "per": "soon"},
        {"burst": 0, "per": "PT1M"},
        {"burst": 5, "per": "PT0S"},
        {"burst": 5, "per": "PT1M", "unlimited": True},
        {"unlimited": True, "as_configured": True},
        {"burst": 5, "unlimited": True},
    ],
    ids=str,
)
def test_what_is_no_change_is_refused_saying_what_is(asked: dict[str, Any]) -> None:
    with pytest.raises(LimitChangeError, match="--per"):
        asked_change(**{"burst": None, "per": None, "unlimited": False, "as_configured": False, **asked})


def carillon(*words: str) -> Result:
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    return answer


def rows(answer: Result) -> list[list[str]]:
    return [line.split("  ") for line in answer.stdout.splitlines()[1:]]


def test_what_is_set_is_shown_and_held_by_workers(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", account.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", account.secret_access_key),
        ("AWS_DEFAULT_REGION", account.region),
        ("AWS_ENDPOINT_URL", account.endpoint_url),
    ):
        monkeypatch.setenv(name, value)
    dynamodb = session(account).client("dynamodb", endpoint_url=account.endpoint_url)
    environment = f"e{uuid.uuid4().hex[:8]}"
    table = f"carillon-{environment}-limits"
    create_table(dynamodb, table)
    make_worker(session(account), account, environment)
    where = ("--environment", environment)

    def shown() -> list[list[str]]:
        return [
            [part.strip() for part in row if part.strip()] for row in rows(carillon("limits", "show", "sms", *where))
        ]

    assert shown() == [["*", "unlimited", "-", "unlimited"], ["payment", "5 per PT1M", "-", "5 per PT1M"]]
    carillon("limits", "set", "sms", "--burst", "1", "--per", "PT1H", *where)
    carillon("limits", "set", "sms", "--category", "payment", "--unlimited", *where)
    assert shown() == [
        ["*", "unlimited", "1 per PT1H", "1 per PT1H"],
        ["payment", "5 per PT1M", "unlimited", "unlimited"],
    ]

    configured = {"payment": Limit(5, timedelta(minutes=1))}
    state = DynamoProviderState(table, "sms", dynamodb)
    worker = DynamoRecipientLimits(table, configured, state.changed_limits, dynamodb)
    found = [worker.slot(delivery(channel="sms").event(), NOW) for _ in range(2)]
    assert found == [NOW, NOW + timedelta(hours=1)]

    carillon("limits", "set", "sms", "--as-configured", *where)
    carillon("limits", "set", "sms", "--category", "payment", "--as-configured", *where)
    assert shown() == [["*", "unlimited", "-", "unlimited"], ["payment", "5 per PT1M", "-", "5 per PT1M"]]


def make_worker(aws: Any, account: Emulator, environment: str) -> None:
    """The worker's function, of which its variables alone matter here."""
    functions = aws.client("lambda", endpoint_url=account.endpoint_url)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("worker.py", "")
    name = f"carillon-{environment}-worker-sms"
    told = '{"sms": {"payment": {"burst": 5, "per": "PT1M"}}}'
    role = aws.client("iam", endpoint_url=account.endpoint_url).create_role(
        RoleName=name, AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}'
    )["Role"]["Arn"]
    version = functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="worker.handler",
        Code={"ZipFile": zipped.getvalue()},
        Environment={"Variables": {"CARILLON_RECIPIENT_LIMITS": told}},
        Publish=True,
    )["Version"]
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
