"""The sweeper as the schedule invokes it: every shard, once a minute."""

import json
from datetime import UTC, datetime

import pytest

from handlers.domain.due import AFTER_ACCEPTANCE
from handlers.entrypoints import sweeper
from handlers.sweep import Sweeper
from tests.unit.handlers.entrypoints.gateway import LambdaContext
from tests.unit.handlers.log_contract import accepted
from tests.unit.handlers.memory import MemoryBus, MemoryLog


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture(autouse=True)
def _in_memory(log: MemoryLog, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "sweeper", Sweeper(log, bus, sweeper.sweeper.clock))


def sweep(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """The metrics of one invocation."""
    sweeper.handler({}, LambdaContext())  # type: ignore[arg-type]
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    names = [document["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for document in documents]
    return {name: document[name][0] for name, document in zip(names, documents, strict=True)}


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


def test_when_all_is_well_one_line_says_so(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert sweep(capsys) == {}
    [line] = [vars(record) for record in caplog.records]
    assert (line["message"], line["republished"]) == ("swept", 0)
