"""Webhooks of apps, as an operator looks at them and has told again what could not be told."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from handlers.adapters.aws.webhooks import DynamoWebhooks
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.webhooks import StatusChanged
from local.engine.emulator import Emulator
from ops.cli import app
from tests.local.support import session
from tests.ops.test_providers import create_table
from tests.unit.handlers.samples import NOW, delivery

URL = "https://billing.example/statuses?key=k-1"


@dataclass(frozen=True)
class Place:
    """An environment that has the table of limits, and the queue of status changes with its quarantine."""

    environment: str
    webhooks: DynamoWebhooks
    sqs: Any
    queue: str
    quarantine: str

    def run(self, *words: str, succeeds: bool = True) -> Result:
        answer = CliRunner().invoke(app, ["webhooks", *words, "--environment", self.environment])
        assert (answer.exit_code == 0) is succeeds, answer.output
        return answer

    def json(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run(*words, "--json").stdout)
        return found

    def park(self, body: str) -> str:
        message_id: str = self.sqs.send_message(QueueUrl=self.quarantine, MessageBody=body)["MessageId"]
        return message_id

    def waiting(self) -> list[str]:
        """What the worker would be given now."""
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        return [each["Body"] for each in found]


@pytest.fixture
def place(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("ops.parking.ASKED_FOR_SECONDS", 0)  # the emulator has one server
    for name, value in (
        ("AWS_ACCESS_KEY_ID", account.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", account.secret_access_key),
        ("AWS_DEFAULT_REGION", account.region),
        ("AWS_ENDPOINT_URL", account.endpoint_url),
    ):
        monkeypatch.setenv(name, value)
    made: Any = session(account)
    dynamodb, sqs, secrets = (
        made.client(service, endpoint_url=account.endpoint_url) for service in ("dynamodb", "sqs", "secretsmanager")
    )
    environment = f"e{uuid.uuid4().hex[:8]}"
    table = f"carillon-{environment}-limits"
    create_table(dynamodb, table)
    queue, quarantine = (
        sqs.create_queue(QueueName=f"carillon-{environment}-{name}")["QueueUrl"]
        for name in ("webhooks", "webhooks-quarantine")
    )
    for key in ("billing", "orders", "silent"):
        secrets.create_secret(Name=f"carillon/{environment}/apps/{key}")
    return Place(environment, DynamoWebhooks(table, dynamodb), sqs, queue, quarantine)


def change(app_key: str) -> str:
    told = StatusChanged.of(Change(ordered("1"), None, delivery(app_key=app_key)))
    assert told is not None
    return told.model_dump_json()


def test_each_app_s_webhook_is_shown_with_how_it_does_and_only_its_host_unless_asked_for(place: Place) -> None:
    made = place.webhooks.put("billing", URL, frozenset())
    place.webhooks.note(made, made.after_failure(NOW, for_good=True))
    place.webhooks.put("orders", URL, frozenset({Status.ERROR}))
    at = "2030-01-31T12:00:00.000Z"
    billing, orders = place.json("show")
    assert billing == {
        "app_key": "billing",
        "url": "billing.example/…",
        "statuses": [each.value for each in Status],
        "failing_since": at,
        "suspended_since": at,
    }
    assert orders["statuses"] == ["error"]
    assert (orders["failing_since"], orders["suspended_since"]) == (None, None)
    assert place.json("show", "orders", "--whole") == [{**orders, "url": URL}]
    shown = place.run("show").stdout
    assert "billing.example/…" in shown
    assert "k-1" not in shown
    assert "silent has no webhook" in place.run("show", "silent", succeeds=False).stderr


def test_what_could_not_be_told_goes_back_to_the_queue_as_far_as_it_can_be_told_now(place: Place) -> None:
    place.webhooks.put("billing", URL, frozenset())
    place.webhooks.put("choosy", URL, frozenset({Status.ERROR}))
    gone = place.webhooks.put("gone", URL, frozenset())
    place.webhooks.note(gone, gone.after_failure(NOW, for_good=True))
    bodies = {key: change(key) for key in ("billing", "choosy", "gone", "silent")} | {"?": "?"}
    ids = {key: place.park(body) for key, body in bodies.items()}
    verdicts = {
        "billing": "to be told",
        "choosy": "not wanted",
        "gone": "suspended",
        "silent": "not wanted",
        "?": "not a status change",
    }
    expected = {ids[key]: said for key, said in verdicts.items()}

    planned = place.json("replay", "--dry-run")
    assert {each["message_id"]: each["if_replayed"] for each in planned} == expected
    assert place.waiting() == []
    assert "say --yes" in place.run("replay", "--json", succeeds=False).stderr

    [of_one] = place.json("replay", "--app", "billing", "--yes")
    assert (of_one["app_key"], of_one["status"]) == ("billing", "created")
    assert place.waiting() == [bodies["billing"]]
    place.run("replay", "--yes")
    assert place.waiting() == []
    left = {each["message_id"] for each in place.json("replay", "--dry-run")}
    assert left == {ids["gone"], ids["?"]}


def test_what_is_never_to_be_told_is_dropped_by_its_id(place: Place) -> None:
    first, second = place.park("?"), place.park("?")
    place.run("drop", first, "--dry-run")
    place.run("drop", first, "--yes")
    assert [each["message_id"] for each in place.json("replay", "--dry-run")] == [second]
    assert "there is no message" in place.run("drop", first, "--yes", succeeds=False).stderr
