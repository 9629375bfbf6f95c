"""One-time schedules as AWS is asked for them: for the second after, of bounded size, and never an exception."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from handlers.adapters.aws.clients import CONNECTIONS
from handlers.adapters.aws.schedules import EventBridgeSchedules
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.schedules import MAX_EVENTS, Scheduled
from tests.unit.handlers.memory import Clock
from tests.unit.handlers.samples import NOW

TARGET = "arn:aws:lambda:eu-central-1:123456789012:function:carillon-test-sweeper:live"
UNTIL = NOW + timedelta(seconds=13)
ROLE = "arn:aws:iam::123456789012:role/carillon-test-scheduler"
EVENTS = [
    DeliveryRequested(f"e-{n}", "n-1", f"d-{n}", "payment", "email", "demo", "ada") for n in range(2 * MAX_EVENTS + 1)
]


class Schedules:
    """The adapter, whose calls to AWS are foreseen."""

    def __init__(self) -> None:
        self.client = boto3.client(
            "scheduler", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.stub = Stubber(self.client)
        self.clock = Clock(NOW)
        self.adapter = EventBridgeSchedules("carillon-test", TARGET, ROLE, self.client, self.clock)

    def expect(self, number: int, events: list[DeliveryRequested], at: str = "2030-01-31T12:00:00") -> None:
        arn = f"arn:aws:scheduler:eu-central-1:123456789012:schedule/carillon-test/n-1-{number}"
        self.stub.add_response("create_schedule", {"ScheduleArn": arn}, asked(number, events, at))

    def schedule(self, events: list[DeliveryRequested], send_at: datetime = NOW) -> int:
        return self.adapter.schedule("n-1", events, send_at, UNTIL)

    def refuse(self, code: str, status: int) -> None:
        self.stub.add_client_error("create_schedule", code, "no schedule for ada", status)


def asked(number: int, events: list[DeliveryRequested], at: str) -> dict[str, Any]:
    scheduled = Scheduled(due_at=NOW, events=tuple(events))
    return {
        "GroupName": "carillon-test",
        "Name": f"n-1-{number}",
        "ScheduleExpression": f"at({at})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": TARGET,
            "RoleArn": ROLE,
            "Input": scheduled.model_dump_json(exclude_none=True),
            "RetryPolicy": {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 300},
        },
    }


@pytest.fixture
def schedules() -> Iterator[Schedules]:
    schedules = Schedules()
    with schedules.stub:
        yield schedules
    schedules.stub.assert_no_pending_responses()


def test_a_notification_has_one_schedule_that_invokes_the_sweeper_once(schedules: Schedules) -> None:
    schedules.expect(0, EVENTS[:3])
    assert schedules.schedule(EVENTS[:3]) == 0


def test_the_input_holds_ids_and_nothing_else() -> None:
    event = json.loads(asked(0, EVENTS[:1], "")["Target"]["Input"])["events"][0]
    assert event.keys() == {
        "event_id",
        "notification_id",
        "delivery_id",
        "category",
        "channel",
        "app_key",
        "user_id",
    }


def made(schedules: Schedules, monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]) -> list[dict[str, Any]]:
    """The calls from now on, which go side by side and each end in what `then` does."""
    calls: list[dict[str, Any]] = []

    def create(**given: Any) -> object:
        calls.append(given)
        return then()

    monkeypatch.setattr(schedules.client, "create_schedule", create)
    return calls


def test_more_events_than_one_may_have_are_spread_over_several(
    schedules: Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = made(schedules, monkeypatch, dict)
    assert schedules.schedule(EVENTS) == 0
    at = "2030-01-31T12:00:00"
    assert sorted(calls, key=lambda call: call["Name"]) == [
        asked(0, EVENTS[:MAX_EVENTS], at),
        asked(1, EVENTS[MAX_EVENTS : 2 * MAX_EVENTS], at),
        asked(2, EVENTS[2 * MAX_EVENTS :], at),
    ]


def test_out_of_time_no_schedule_is_begun_and_the_rest_is_the_sweepers(
    schedules: Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = made(schedules, monkeypatch, dict)
    schedules.clock.now = UNTIL
    assert schedules.schedule(EVENTS) == len(EVENTS)
    assert calls == []


def test_the_largest_input_is_within_what_the_service_hands_over() -> None:
    """256 KB, as Lambda takes of who does not wait: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    longest = DeliveryRequested(
        event_id=str(uuid4()),
        notification_id=str(uuid4()),
        delivery_id=str(uuid4()),
        category="c" * 63,
        channel="email",
        app_key="a" * 64,
        user_id='"' * 255,
    )
    scheduled = Scheduled(due_at=NOW, events=(longest,) * MAX_EVENTS)
    assert len(scheduled.model_dump_json(exclude_none=True).encode()) < 256 * 1024


@pytest.mark.parametrize(
    ("send_at", "at"),
    [
        (NOW, "2030-01-31T12:00:00"),
        (NOW + timedelta(microseconds=1), "2030-01-31T12:00:01"),
        (NOW + timedelta(milliseconds=999), "2030-01-31T12:00:01"),
        (NOW.replace(hour=23, minute=59, second=59, microsecond=1), "2030-02-01T00:00:00"),
        (NOW.astimezone(timezone(timedelta(hours=5, minutes=30))), "2030-01-31T12:00:00"),
    ],
)
def test_a_time_is_rounded_up_to_the_second_in_utc(
    send_at: datetime, at: str, schedules: Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    expressions: list[str] = []
    monkeypatch.setattr(
        schedules.client, "create_schedule", lambda **given: expressions.append(given["ScheduleExpression"])
    )
    schedules.schedule(EVENTS[:1], send_at)
    assert expressions == [f"at({at})"]


def test_a_schedule_that_is_there_already_is_as_good_as_made(schedules: Schedules) -> None:
    schedules.refuse("ConflictException", 409)
    assert schedules.schedule(EVENTS[:3]) == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ValidationException", 400),
        ("ServiceQuotaExceededException", 402),
        ("AccessDeniedException", 403),
        ("ResourceNotFoundException", 404),
        ("ThrottlingException", 429),
        ("InternalServerException", 500),
    ],
)
def test_a_service_that_refuses_leaves_all_to_the_sweeper_and_no_exception_leaves(
    code: str, status: int, schedules: Schedules, caplog: pytest.LogCaptureFixture
) -> None:
    schedules.refuse(code, status)
    assert schedules.schedule(EVENTS[:3]) == 3
    [line] = [vars(record) for record in caplog.records]
    assert (line["message"], line["events"]) == ("schedule not made", 3)
    assert (line["aws_error"], line["aws_operation"]) == (code, "CreateSchedule")
    assert "no schedule for ada" not in str(line)


def test_a_service_that_cannot_be_reached_is_not_asked_for_the_rest(
    schedules: Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable() -> None:
        raise EndpointConnectionError(endpoint_url="https://scheduler.example.com")

    calls = made(schedules, monkeypatch, unreachable)
    many = EVENTS * 20
    assert schedules.schedule(many) == len(many)
    assert len(calls) <= CONNECTIONS < len(many) / MAX_EVENTS
