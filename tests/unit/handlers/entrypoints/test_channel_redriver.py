"""The redriver as it is invoked: a batch of the dead-letter queue, of which each message fails alone."""

import json
from typing import Any

import pytest

from handlers.domain.alerts import Cause
from handlers.domain.notifications.redrives import Fate
from handlers.entrypoints import channel_redriver as redriver
from handlers.services.redriving import DeadLetter, Taken
from tests.unit.handlers.entrypoints.gateway import LambdaContext
from tests.unit.handlers.memory import MemoryProviderState


class Patient(LambdaContext):
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Deciding:
    """Takes what its body says, and keeps what it was given."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def take(self, letter: DeadLetter) -> Taken:
        self.letters.append(letter)
        return Taken(Fate(letter.body), "503")


@pytest.fixture
def deciding(monkeypatch: pytest.MonkeyPatch) -> Deciding:
    made = Deciding()
    monkeypatch.setattr(redriver, "redriver", made)
    return made


@pytest.fixture(autouse=True)
def tallies(monkeypatch: pytest.MonkeyPatch) -> MemoryProviderState:
    made = MemoryProviderState()
    monkeypatch.setattr(redriver, "tallies", made)
    return made


def record(number: int, body: str, **attributes: str) -> dict[str, Any]:
    told = {name: {"stringValue": value, "dataType": "String"} for name, value in attributes.items()}
    return {"messageId": f"m-{number}", "body": body, "messageAttributes": told}


def handle(*records: dict[str, Any], context: LambdaContext | None = None) -> list[str]:
    answer = redriver.handler({"Records": list(records)}, context or Patient())  # type: ignore[arg-type]
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_what_is_kept_stays_in_the_queue_alone_and_each_fate_is_counted(
    deciding: Deciding, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handle(*(record(number, fate) for number, fate in enumerate(Fate))) == [f"m-{list(Fate).index(Fate.KEPT)}"]
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    names = {
        metric["Name"]: document["channel"]
        for document in documents
        for directive in document["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    assert names == dict.fromkeys(
        ("DeliveryRedriven", "DeliveryGivenUp", "DuplicateDropped", "MessageQuarantined", "RedriveFailed"), "email"
    )


def test_what_the_bus_put_there_is_told_from_what_the_queue_did(deciding: Deciding) -> None:
    handle(record(0, "redriven", ERROR_CODE="NO_PERMISSIONS"), record(1, "redriven"))
    assert [each.bus_error for each in deciding.letters] == ["NO_PERMISSIONS", None]


def test_without_time_for_another_message_it_stays(deciding: Deciding) -> None:
    assert handle(record(0, "redriven"), context=LambdaContext()) == ["m-0"]
    assert deciding.letters == []


def test_what_is_given_up_or_parked_is_counted_for_the_alerts_and_nothing_else(
    deciding: Deciding, tallies: MemoryProviderState
) -> None:
    handle(*(record(number, fate) for number, fate in enumerate([*Fate, Fate.PARKED])))
    counted = {cause: (each.total, each.why) for cause, each in tallies.tallies.items()}
    assert counted == {Cause.GIVEN_UP: (1, "503"), Cause.QUARANTINE: (2, "503")}
