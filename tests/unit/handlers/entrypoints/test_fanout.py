"""The fan-out's entrypoint: one message of a queue, whatever is in it."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from bench.invocation import Context
from handlers.entrypoints import fanout
from handlers.services.fanning_out import Done, Phase, Step

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:carillon-test-broadcasts"
STEP = Step("b-1", Phase.RELEASE, 2, 7)


@dataclass
class FanOut:
    """What it was asked for; `fails` is raised."""

    fails: Exception | None = None
    gone_on: list[Step] = field(default_factory=list)
    stalled: list[Step] = field(default_factory=list)

    def go_on(self, step: Step, until: datetime) -> Done:
        if self.fails is not None:
            raise self.fails
        self.gone_on.append(step)
        return Done(1, 100, "finished")

    def stall(self, step: Step) -> bool:
        self.stalled.append(step)
        return True


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> FanOut:
    stand_in = FanOut()
    monkeypatch.setattr(fanout, "fan_out", stand_in)
    return stand_in


def call(body: str, queue: str = QUEUE) -> Any:
    record = {"messageId": "m", "body": body, "eventSourceARN": queue}
    return fanout.handler({"Records": [record]}, Context("fanout", "arn", "request"))  # type: ignore[arg-type]


def test_a_step_is_gone_on_with(asked: FanOut, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(json.dumps(STEP.message())) == {"batchItemFailures": []}
    assert (asked.gone_on, asked.stalled) == ([STEP], [])
    assert json.loads(capsys.readouterr().out.splitlines()[0])["BroadcastPage"] == 1


def test_a_step_from_the_dead_letter_queue_stalls_its_broadcast(
    asked: FanOut, capsys: pytest.CaptureFixture[str]
) -> None:
    call(json.dumps(STEP.message()), f"{QUEUE}-dlq")
    assert (asked.gone_on, asked.stalled) == ([], [STEP])
    assert json.loads(capsys.readouterr().out.splitlines()[0])["BroadcastStalled"] == 1


def test_a_step_that_cancels_is_tried_again_from_the_dead_letter_queue(asked: FanOut) -> None:
    step = replace(STEP, phase=Phase.CANCEL)
    call(json.dumps(step.message()), f"{QUEUE}-dlq")
    assert (asked.gone_on, asked.stalled) == ([step], [])


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"broadcast_id": "b", "phase": "sing", "run": 1, "page": 1}', "\ud800"]
)
def test_what_is_no_step_is_told_and_never_comes_back(asked: FanOut, body: str) -> None:
    assert call(body) == {"batchItemFailures": []}
    assert (asked.gone_on, asked.stalled) == ([], [])


def test_what_fails_comes_back_and_its_message_is_not_logged(asked: FanOut, capsys: pytest.CaptureFixture[str]) -> None:
    asked.fails = RuntimeError("ada@example.com")
    with pytest.raises(RuntimeError):
        call(json.dumps(STEP.message()))
    said = capsys.readouterr().out
    assert "step failed" in said
    assert "ada@example.com" not in said
