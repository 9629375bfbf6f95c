"""The idempotency key in a real table: the same answer for the same request, and no two answers at once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

import tests.unit.handlers.entrypoints.environment  # noqa: F401 - before the entrypoint is imported
from handlers.entrypoints import notifications
from tests.unit.handlers.entrypoints.gateway import Answer, LambdaContext, call
from tests.unit.handlers.memory import MemoryBus, MemoryLog, MemoryPeople
from tests.unit.handlers.samples import CONTENT

BODY = {"category": "payment", "content": CONTENT, "data": {"name": "Ada"}, "to": [{"email": "ada@example.com"}]}


@pytest.fixture
def log(aws: Callable[[str], Any], new_table: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """The function as it is deployed, but for its log and bus and what is known of people, which are in memory."""
    log = MemoryLog()
    monkeypatch.setattr(notifications.remembered, "table_name", new_table("limits", "id"))
    monkeypatch.setattr(notifications.remembered, "client", aws("dynamodb"))
    in_memory = replace(notifications.service, people=MemoryPeople(), log=log, publisher=MemoryBus())
    monkeypatch.setattr(notifications, "service", in_memory)
    return log


def send(key: str = "key", body: dict[str, Any] = BODY, **kwargs: Any) -> Answer:
    return call(notifications.handler, "POST", "/v1/notifications", body, headers={"Idempotency-Key": key}, **kwargs)


def test_the_same_request_gets_the_same_answer_and_is_accepted_once(log: MemoryLog) -> None:
    first, second = send(), send()
    assert (first.status, second.status) == (202, 202)
    assert first.body == second.body
    assert len(log.notifications) == 1


def test_another_key_or_another_app_is_another_request(log: MemoryLog) -> None:
    assert len({send(key).body["notification_id"] for key in ("one", "two")}) == 2
    assert send("one").body["notification_id"] != send("one", app_key="other").body["notification_id"]
    assert len(log.notifications) == 3


def test_another_request_with_the_same_key_is_a_mismatch(log: MemoryLog) -> None:
    send()
    answer = send(body=BODY | {"priority": "high"})
    assert (answer.status, answer.body["type"]) == (422, "urn:carillon:problem:idempotency-mismatch")
    assert len(log.notifications) == 1


def test_the_same_request_written_otherwise_is_the_same(log: MemoryLog) -> None:
    assert send().body == send(body=dict(reversed(BODY.items())) | {"priority": "normal"}).body


def test_a_request_that_is_being_answered_is_in_progress(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Answer] = []
    accept = log.accept

    def accept_while_it_is_sent_again(*args: Any) -> bool:
        answers.append(send())
        return accept(*args)

    monkeypatch.setattr(log, "accept", accept_while_it_is_sent_again)
    assert send().status == 202
    [meanwhile] = answers
    assert (meanwhile.status, meanwhile.body["type"]) == (409, "urn:carillon:problem:in-progress")
    assert meanwhile.headers["Retry-After"] == "1"


def test_a_request_that_was_refused_can_be_mended_under_its_key(log: MemoryLog) -> None:
    assert send(body=BODY | {"data": {}}).status == 400
    assert send().status == 202


def test_a_request_whose_answer_was_lost_meets_what_it_has_logged(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(*_: Any, **__: Any) -> None:
        raise ConnectionError("the function dies before it has remembered its answer")

    with monkeypatch.context() as dying:
        dying.setattr(notifications.remembered, "save_success", forget)
        assert send().status == 500
    [notification_id] = log.notifications
    # The first answer stays in progress until its invocation must have ended; then the request is carried out again.
    assert send().status == 409
    with time_machine.travel(
        datetime.now(UTC) + timedelta(milliseconds=LambdaContext().get_remaining_time_in_millis())
    ):
        assert send().body["notification_id"] == notification_id
    assert len(log.notifications) == 1
