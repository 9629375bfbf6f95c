"""The sweeper as it is invoked: every minute for every shard, and at their time for the deliveries of a schedule."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from handlers.domain.alerts import Cause
from handlers.domain.notifications.due import AFTER_ACCEPTANCE, SHARDS, DueDelivery, shard
from handlers.domain.notifications.schedules import Scheduled
from handlers.entrypoints import sweeper
from handlers.services.erasing import Erased
from handlers.services.sweeping import Sweeper
from tests.unit.handlers.entrypoints.gateway import LambdaContext
from tests.unit.handlers.log_contract import accepted
from tests.unit.handlers.memory import MemoryAlerts, MemoryBus, MemoryLog, MemoryProviderState


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture(autouse=True)
def _in_memory(log: MemoryLog, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "sweeper", Sweeper(log, bus, MemoryProviderState(), sweeper.clock))
    monkeypatch.setattr(sweeper, "eraser", Nobody())


class Nobody:
    """Who erases nobody, or fails."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = errors

    def erase(self, _: datetime) -> Erased:
        return Erased(len(self.errors), self.errors)


def test_a_failure_to_erase_is_told_of_when_all_is_swept(
    log: MemoryLog, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "eraser", Nobody(OSError()))
    accepted(log, created_at=datetime.now(UTC) - 2 * AFTER_ACCEPTANCE)
    with pytest.raises(sweeper.SweepFailedError):
        sweeper.handler({}, LambdaContext())  # type: ignore[arg-type]
    assert len(bus.taken) == 1


def sweep(capsys: pytest.CaptureFixture[str], event: dict[str, Any] | None = None) -> dict[str, float]:
    """The metrics of one invocation."""
    sweeper.handler(event or {}, LambdaContext())  # type: ignore[arg-type]
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {
        metric["Name"]: document[metric["Name"]]
        for document in documents
        for directive in document.get("_aws", {"CloudWatchMetrics": []})["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }


def test_every_shard_is_swept_and_counted(log: MemoryLog, bus: MemoryBus, capsys: pytest.CaptureFixture[str]) -> None:
    long_ago = datetime.now(UTC) - 2 * AFTER_ACCEPTANCE
    given = [accepted(log, created_at=long_ago) for _ in range(40)]
    accepted(log, created_at=datetime.now(UTC))
    assert sweep(capsys) == {"Republished": 40}
    assert {event.event_id for event in bus.taken} == {each.event_id for each in given}


def test_a_bus_that_takes_nothing_is_counted(
    log: MemoryLog, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(log, created_at=datetime.now(UTC) - 2 * AFTER_ACCEPTANCE)
    bus.up = False
    assert sweep(capsys) == {"PublishFailed": 1}


def test_what_is_wrong_with_a_channel_is_told_and_what_cannot_be_fails_after_the_sweep(
    log: MemoryLog, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, topic = MemoryProviderState(), MemoryAlerts()
    state.add(Cause.HELD, 1, "no_answer", datetime.now(UTC))
    monkeypatch.setattr(sweeper, "sweeper", Sweeper(log, bus, state, sweeper.clock))
    monkeypatch.setattr(sweeper, "alerter", replace(sweeper.alerter, store=state, topic=topic, index=log))
    accepted(log, created_at=datetime.now(UTC) - 2 * AFTER_ACCEPTANCE)
    sweeper.handler({}, LambdaContext())  # type: ignore[arg-type]
    [told] = topic.told
    assert told.subject == "[test] email: nobody knows whether deliveries were sent (opened)"
    assert len(bus.taken) == 1

    topic.up = False
    state.add(Cause.QUARANTINE, 1, "foreign", datetime.now(UTC))
    accepted(log, created_at=datetime.now(UTC) - 2 * AFTER_ACCEPTANCE)
    with pytest.raises(sweeper.SweepFailedError):
        sweeper.handler({}, LambdaContext())  # type: ignore[arg-type]
    assert len(bus.taken) == 2


def test_when_all_is_well_one_line_says_so(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert sweep(capsys) == {}
    [line] = [vars(record) for record in caplog.records]
    assert (line["message"], line["republished"]) == ("swept", 0)


def test_a_schedules_deliveries_are_published_and_nothing_else(
    log: MemoryLog, bus: MemoryBus, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    accepted(log, created_at=now - 2 * AFTER_ACCEPTANCE)
    given = [accepted(log, created_at=now, send_at=now) for _ in range(2)]
    scheduled = Scheduled(due_at=now, events=tuple(each.event() for each in given))
    assert sweep(capsys, json.loads(scheduled.model_dump_json(exclude_none=True))) == {"Republished": 2}
    assert bus.taken == [each.event() for each in given]
    [line] = [vars(record) for record in caplog.records]
    assert (line["message"], line["notification_id"], line["published"], line["refused"]) == (
        "on time",
        given[0].notification_id,
        2,
        0,
    )


def test_a_schedule_whose_events_the_bus_does_not_take_is_counted(
    log: MemoryLog, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    given = accepted(log)
    bus.up = False
    scheduled = Scheduled(due_at=datetime.now(UTC), events=(given.event(),))
    assert sweep(capsys, json.loads(scheduled.model_dump_json())) == {"PublishFailed": 1}


def test_a_schedule_that_cannot_be_read_is_an_error_that_repeats_nothing_of_it(bus: MemoryBus) -> None:
    with pytest.raises(ValidationError) as error:
        sweeper.handler({"events": [{"event_id": "ada@example.com"}]}, LambdaContext())  # type: ignore[arg-type]
    assert "ada@example.com" not in str(error.value)
    assert bus.taken == []


# -- one that fails hides no other -------------------------------------------------------------------------------------


class OneShardBroken(MemoryLog):
    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        if shard == SHARDS["email"][0]:
            raise OSError("ada@example.com")
        return super().due(shard, now)


def test_a_shard_that_fails_is_told_of_after_all_the_others_were_swept_and_counted(
    bus: MemoryBus,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = OneShardBroken()
    monkeypatch.setattr(sweeper, "sweeper", Sweeper(log, bus, MemoryProviderState(), sweeper.clock))
    long_ago = datetime.now(UTC) - 2 * AFTER_ACCEPTANCE
    given = [accepted(log, created_at=long_ago) for _ in range(40)]
    readable = [each for each in given if shard("email", each.delivery_id) != SHARDS["email"][0]]
    with pytest.raises(sweeper.SweepFailedError):
        sweeper.handler({}, LambdaContext())  # type: ignore[arg-type]
    assert {event.event_id for event in bus.taken} == {each.event_id for each in readable}
    assert f'"Republished":{len(readable)},' in capsys.readouterr().out
    said = [vars(record) for record in caplog.records]
    assert [(each["message"], each.get("error")) for each in said] == [("swept", None), ("sweep failed", "OSError")]
    assert "ada@example.com" not in str(said)


def test_what_is_set_apart_is_counted_every_minute(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log, "set_apart", lambda: 2)
    assert [sweep(capsys) for _ in range(2)] == [{"LogItemUnreadable": 2}] * 2


def test_a_count_that_cannot_be_had_fails_after_the_sweep(
    log: MemoryLog, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise OSError

    monkeypatch.setattr(log, "set_apart", fail)
    accepted(log, created_at=datetime.now(UTC) - 2 * AFTER_ACCEPTANCE)
    with pytest.raises(sweeper.SweepFailedError):
        sweeper.handler({}, LambdaContext())  # type: ignore[arg-type]
    assert len(bus.taken) == 1
