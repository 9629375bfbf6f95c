"""Status changes as they are told: a batch of the queue, of which each message fails alone."""

import json
from collections.abc import Mapping
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from handlers.domain.stats.changes import Change, ordered
from handlers.domain.webhooks import StatusChanged
from handlers.entrypoints import webhooks
from handlers.services.webhooks import Telling
from tests.unit.handlers.entrypoints.gateway import LambdaContext
from tests.unit.handlers.samples import delivery


class Deciding:
    """Does with a message what its app's key says."""

    def __init__(self) -> None:
        self.others_told = Event()

    def tell(self, message: StatusChanged) -> tuple[Telling, float]:
        if message.app_key == "broken":
            raise ConnectionError
        if message.app_key == "patient":
            return Telling.RETRY, 1200
        if message.app_key == "slow":  # answers when the one behind it was told
            return (Telling.TOLD if self.others_told.wait(60) else Telling.RETRY), 0
        self.others_told.set()
        return Telling(message.app_key), 0


class Back:
    def __init__(self) -> None:
        self.told: dict[str, timedelta] = {}

    def bring_back(self, messages: Mapping[str, timedelta]) -> None:
        self.told |= messages


@pytest.fixture
def back(monkeypatch: pytest.MonkeyPatch) -> Back:
    made = Back()
    monkeypatch.setattr(webhooks, "queue", made)
    monkeypatch.setattr(webhooks, "teller", Deciding())
    return made


def record(app_key: str, received: int = 1) -> dict[str, Any]:
    told = StatusChanged.of(Change(ordered("1"), None, delivery(app_key=app_key)))
    assert told is not None
    return {
        "messageId": app_key,
        "receiptHandle": f"handle-{app_key}",
        "body": told.model_dump_json(),
        "attributes": {"ApproximateReceiveCount": str(received)},
    }


def handle(*records: dict[str, Any]) -> list[str]:
    answer = webhooks.handler({"Records": list(records)}, LambdaContext())  # type: ignore[arg-type]
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_only_what_is_to_be_tried_again_stays_and_each_outcome_is_counted(
    back: Back, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handle(*map(record, Telling)) == ["retry"]
    assert set(back.told) == {"handle-retry"}
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    names = {
        metric["Name"]
        for document in documents
        for directive in document["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    assert names == {"WebhookTold", "WebhookReturned", "WebhookDropped", "WebhookSuspended"}


def test_an_endpoint_that_does_not_answer_keeps_nobody_else_waiting(back: Back) -> None:
    assert handle(record("slow"), record("told")) == []


def test_a_message_comes_back_later_each_time_and_not_before_the_endpoint_asks(back: Back) -> None:
    handle(record("retry"))
    assert timedelta(seconds=8) <= back.told["handle-retry"] <= timedelta(seconds=10)
    handle(record("retry", received=30))
    assert timedelta(minutes=48) <= back.told["handle-retry"] <= timedelta(hours=1)
    handle(record("patient"))
    assert back.told["handle-patient"] == timedelta(minutes=20)


def test_what_is_no_message_of_ours_or_cannot_be_told_stays_alone(back: Back) -> None:
    nonsense = {**record("nonsense"), "body": '{"event_id": 1}'}
    assert handle(nonsense, record("broken"), record("told")) == ["nonsense", "broken"]
    assert set(back.told) == {"handle-broken"}
