"""The notifications API, with everything behind it in memory."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from handlers.domain.notifications.events import DeliveryRequested
from handlers.entrypoints import notifications
from tests.unit.handlers.entrypoints.gateway import Answer, LambdaContext, call
from tests.unit.handlers.memory import MemoryBus, MemoryLog, MemoryPeople, MemoryRecipientLimits, MemoryScheduler
from tests.unit.handlers.samples import CONTENT

BODY = {"category": "payment", "content": CONTENT, "data": {"name": "Ada"}, "to": [{"email": "ada@example.com"}]}


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def scheduler() -> MemoryScheduler:
    return MemoryScheduler()


@pytest.fixture(autouse=True)
def _in_memory(log: MemoryLog, bus: MemoryBus, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = replace(
        notifications.service,
        people=MemoryPeople(),
        log=log,
        publisher=bus,
        scheduler=scheduler,
        limits=MemoryRecipientLimits(),
    )
    monkeypatch.setattr(notifications, "service", in_memory)


def send(body: Any = BODY, **kwargs: Any) -> Answer:
    return call(notifications.handler, "POST", "/v1/notifications", body, **kwargs)


def emitted(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, dict[str, str]]]:
    """The metrics that were printed, each with its dimensions."""
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return [
        (metric["Name"], {name: document[name] for name in directive["Dimensions"][0]})
        for document in documents
        for directive in document["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    ]


def test_a_notification_is_accepted_and_can_be_read() -> None:
    accepted = send()
    assert (accepted.status, accepted.content_type) == (202, "application/json")
    notification_id, [delivery] = accepted.body["notification_id"], accepted.body["deliveries"]
    assert delivery == {
        "delivery_id": delivery["delivery_id"],
        "to": 0,
        "channel": "email",
        "recipient": "a…@example.com",
        "status": "created",
    }

    read = call(notifications.handler, "GET", f"/v1/notifications/{notification_id}")
    assert (read.status, read.body["notification_id"]) == (200, notification_id)
    assert [step["status"] for step in read.body["deliveries"][0]["timeline"]] == ["created"]


def test_a_dry_run_answers_the_plan_with_200_and_no_ids(log: MemoryLog) -> None:
    answer = send(query={"dry_run": "true"})
    planned = {"to": 0, "channel": "email", "recipient": "a…@example.com", "status": "created"}
    assert (answer.status, answer.body) == (200, {"deliveries": [planned]})
    assert log.notifications == {}


def test_a_dry_run_is_not_what_it_is_not(log: MemoryLog) -> None:
    assert send(query={"dry_run": "false"}).status == 202
    answer = send(query={"dry_run": "perhaps"})
    assert (answer.status, answer.fields()) == (400, ["dry_run"])
    assert len(log.notifications) == 1


@pytest.mark.parametrize(
    "query", [{name: "true"} for name in ("dryRun", "dry-run", "DRY_RUN")] + [{"dryrun": "1"}, {"dry_run": "1"}]
)
def test_what_was_meant_as_a_dry_run_sends_nothing(query: dict[str, str], log: MemoryLog) -> None:
    answer = send(query=query)
    assert (answer.status, answer.fields()) == (400, list(query))
    assert log.notifications == {}


def test_a_cancellation_of_less_than_all_is_refused(log: MemoryLog) -> None:
    accepted = send().body
    path = f"/v1/notifications/{accepted['notification_id']}/cancel"
    answer = call(notifications.handler, "POST", path, {"delivery_ids": []})
    assert (answer.status, answer.fields()) == (400, ["delivery_ids"])
    assert [record.delivery.status for record in log.records.values()] == ["created"]


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/cancel")])
def test_an_id_that_no_table_could_be_asked_for_is_refused(method: str, end: str) -> None:
    answer = call(notifications.handler, method, f"/v1/notifications/{'x' * 3000}{end}")
    assert (answer.status, answer.fields()) == (400, ["notification_id"])


def test_two_keys_are_refused(log: MemoryLog) -> None:
    answer = send(headers={"Idempotency-Key": ["a", "b"]})
    assert (answer.status, answer.fields()) == (400, ["idempotency-key"])
    assert log.notifications == {}


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    answer = send(headers={"Idempotency-Key": key})
    assert (answer.status, answer.fields()) == (400, ["idempotency-key"])


# -- the key of a request ----------------------------------------------------------------------------------------------


def keyed(key: str = "key", body: Any = BODY, **kwargs: Any) -> Answer:
    return send(body, headers={"Idempotency-Key": key}, **kwargs)


def test_the_same_request_gets_the_same_answer_and_is_accepted_once(log: MemoryLog) -> None:
    first, second = keyed(), keyed()
    assert (first.status, second.status) == (202, 202)
    assert first.body == second.body
    assert len(log.notifications) == 1


def test_another_key_or_another_app_is_another_request(log: MemoryLog) -> None:
    assert len({keyed(key).body["notification_id"] for key in ("one", "two")}) == 2
    assert keyed("one").body["notification_id"] != keyed("one", app_key="other").body["notification_id"]
    assert len(log.notifications) == 3


def test_another_request_with_the_same_key_is_a_mismatch(log: MemoryLog) -> None:
    keyed()
    answer = keyed(body=BODY | {"priority": "high"})
    assert (answer.status, answer.body["type"]) == (422, "urn:carillon:problem:idempotency-mismatch")
    assert len(log.notifications) == 1


def test_the_same_request_written_otherwise_is_the_same(log: MemoryLog) -> None:
    assert keyed().body == keyed(body=dict(reversed(BODY.items())) | {"priority": "normal"}).body


def test_a_request_that_comes_again_while_it_is_answered_gets_the_same_answer(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Answer] = []
    accept = log.accept

    def accept_after_it_was_sent_again(*args: Any) -> bool:
        monkeypatch.setattr(log, "accept", accept)
        answers.append(keyed())
        return accept(*args)

    monkeypatch.setattr(log, "accept", accept_after_it_was_sent_again)
    answers.append(keyed())
    assert [(answer.status, answer.body) for answer in answers] == [(202, answers[0].body)] * 2
    assert len(log.notifications) == 1


def test_a_request_that_was_refused_can_be_mended_under_its_key(log: MemoryLog) -> None:
    assert keyed(body=BODY | {"data": {}}).status == 400
    assert keyed().status == 202


def test_a_key_costs_no_call_of_its_own(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a function asks of AWS it asks of one of these; the log is asked to accept, and nothing else.

    The table of limits it asks in a dry run alone.
    """

    def find(_: str) -> None:
        raise AssertionError("the log is read")

    monkeypatch.setattr(log, "find", find)
    monkeypatch.setattr(notifications, "service", replace(notifications.service, limits=None))
    assert keyed().status == 202


# -- the time that is left ---------------------------------------------------------------------------------------------


@dataclass
class Patient(MemoryBus):
    """A bus that notes until when it was asked to publish."""

    until: list[datetime] = field(default_factory=list)

    def publish(self, events: Sequence[DeliveryRequested], until: datetime) -> Collection[DeliveryRequested]:
        self.until.append(until)
        return super().publish(events, until) if until > datetime.now(UTC) else list(events)


@pytest.mark.parametrize(("left", "published"), [(20_000, 1), (6_000, 0)])
def test_what_remains_of_the_invocation_is_the_time_to_publish_and_the_answer_is_the_same(
    left: int, published: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = Patient()
    monkeypatch.setattr(notifications, "service", replace(notifications.service, publisher=bus))
    monkeypatch.setattr(LambdaContext, "get_remaining_time_in_millis", lambda _: left)
    with time_machine.travel(datetime(2030, 1, 31, 12, tzinfo=UTC), tick=False):
        assert send().status == 202
    assert bus.until == [datetime(2030, 1, 31, 12, tzinfo=UTC) + timedelta(milliseconds=left) - timedelta(seconds=7)]
    assert len(bus.taken) == published


def test_another_apps_notification_is_not_found() -> None:
    notification_id = send().body["notification_id"]
    answer = call(notifications.handler, "GET", f"/v1/notifications/{notification_id}", app_key="other")
    assert answer.status == 404


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 10, "٣"])
def test_a_cursor_that_nobody_was_answered_with_is_refused(cursor: str) -> None:
    path = f"/v1/notifications/{send().body['notification_id']}"
    answer = call(notifications.handler, "GET", path, query={"cursor": cursor})
    assert (answer.status, answer.fields()) == (400, ["cursor"])


def test_a_cursor_leads_on_from_where_an_answer_ended() -> None:
    accepted = send(BODY | {"to": [{"email": f"{n}@example.com"} for n in range(3)]}).body
    path = f"/v1/notifications/{accepted['notification_id']}"
    rest = call(notifications.handler, "GET", path, query={"cursor": "2"}).body
    assert [each["delivery_id"] for each in rest["deliveries"]] == [accepted["deliveries"][2]["delivery_id"]]
    assert "cursor" not in rest


def test_an_app_without_the_scope_is_refused() -> None:
    assert send(channels=("sms",)).status == 403


def test_a_failed_publish_is_counted_and_answers_202(bus: MemoryBus, capsys: pytest.CaptureFixture[str]) -> None:
    bus.up = False
    assert send().status == 202
    assert ("PublishFailed", {"service": "test"}) in emitted(capsys)


def test_deliveries_without_a_schedule_are_counted_and_answered_with_202(
    scheduler: MemoryScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert send(BODY | {"send_at": tomorrow}).status == 202
    assert "ScheduleFailed" not in {name for name, _ in emitted(capsys)}
    scheduler.up = False
    assert send(BODY | {"send_at": tomorrow}).status == 202
    assert ("ScheduleFailed", {"service": "test"}) in emitted(capsys)


def test_what_is_accepted_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    send()
    assert emitted(capsys) == [
        ("NotificationAccepted", {"service": "test"}),
        ("DeliveryPlanned", {"channel": "email", "service": "test"}),
    ]


def test_nothing_that_was_sent_is_logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    send()
    said = f"{[vars(record) for record in caplog.records]} {capsys.readouterr().out}"
    assert "ada@example.com" not in said
    assert "Ada" not in said


def test_a_canceled_notification_answers_what_each_delivery_is_now() -> None:
    accepted = send().body
    answer = call(notifications.handler, "POST", f"/v1/notifications/{accepted['notification_id']}/cancel")
    [delivery] = accepted["deliveries"]
    assert answer.status == 200
    assert answer.body == {
        "notification_id": accepted["notification_id"],
        "deliveries": [delivery | {"status": "canceled", "reason": "canceled"}],
    }


def test_another_apps_notification_is_not_canceled(log: MemoryLog) -> None:
    notification_id = send().body["notification_id"]
    answer = call(notifications.handler, "POST", f"/v1/notifications/{notification_id}/cancel", app_key="other")
    assert answer.status == 404
    assert [record.delivery.status for record in log.records.values()] == ["created"]
