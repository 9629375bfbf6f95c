"""Publishing in batches side by side, as long as there is time, and again only what was refused."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from threading import Barrier, Lock
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from handlers.adapters.aws.clients import CONNECTIONS
from handlers.adapters.aws.event_bus import EventBridgePublisher
from handlers.domain.notifications.events import DeliveryRequested
from tests.unit.handlers.memory import Clock
from tests.unit.handlers.samples import NOW

UNTIL = NOW + timedelta(seconds=13)
EVENTS = [DeliveryRequested(f"e-{n}", "n-1", f"d-{n}", "payment", "email", "demo", "ada") for n in range(600)]
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "User ada may not"}}, "PutEvents")


class Bus:
    """The client, of which each call is told what to do, and a publisher on it."""

    def __init__(self, then: Callable[[list[str]], list[str]] = lambda ids: []) -> None:
        self.clock = Clock(NOW)
        self.calls: list[list[str]] = []
        self.waits: list[float] = []
        self.then = then
        self._lock = Lock()
        self.publisher = EventBridgePublisher("carillon-test", self, self.clock, sleep=self.waits.append)  # type: ignore[arg-type]

    def put_events(self, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 calls it
        ids = [json.loads(entry["Detail"])["delivery_id"] for entry in Entries]
        with self._lock:
            self.calls.append(ids)
        refused = self.then(ids)
        return {"Entries": [{"ErrorCode": "ThrottlingException"} if each in refused else {} for each in ids]}

    def publish(self, events: Sequence[DeliveryRequested]) -> list[str]:
        """What was not taken, by the delivery's id."""
        return [event.delivery_id for event in self.publisher.publish(events, UNTIL)]


def ids(events: Sequence[DeliveryRequested]) -> list[str]:
    return [event.delivery_id for event in events]


def test_an_event_is_an_entry_as_the_service_takes_it() -> None:
    client = boto3.client("events", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
    asked = {
        "EventBusName": "carillon-test",
        "Source": "payment_request_event",
        "DetailType": "payment_notification_email",
        "Resources": ["demo"],
        "Detail": EVENTS[0].detail(),
    }
    with Stubber(client) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [asked]})
        assert EventBridgePublisher("carillon-test", client, Clock(NOW)).publish(EVENTS[:1], UNTIL) == []
        stub.assert_no_pending_responses()


def test_events_go_in_batches_of_ten() -> None:
    bus = Bus()
    assert bus.publish(EVENTS[:25]) == []
    assert sorted(bus.calls) == sorted([ids(EVENTS[:10]), ids(EVENTS[10:20]), ids(EVENTS[20:25])])
    assert not any(bus.waits)


def test_nothing_to_publish_asks_the_bus_nothing() -> None:
    bus = Bus()
    assert bus.publish([]) == []
    assert bus.calls == []


def test_batches_go_side_by_side() -> None:
    """Each call returns only once all of them have begun: one after the other, none would."""
    together = Barrier(CONNECTIONS, timeout=60)

    def with_the_others(_: list[str]) -> list[str]:
        together.wait()
        return []

    bus = Bus(with_the_others)
    assert bus.publish(EVENTS[: 10 * CONNECTIONS]) == []
    assert len(bus.calls) == CONNECTIONS


def test_only_what_was_refused_is_tried_again_a_little_later() -> None:
    refused = [["d-1", "d-3"], ["d-1"], []]
    bus = Bus(lambda _: refused.pop(0))
    assert bus.publish(EVENTS[:4]) == []
    assert bus.calls == [ids(EVENTS[:4]), ["d-1", "d-3"], ["d-1"]]
    assert len([wait for wait in bus.waits if wait]) == 2
    assert sum(bus.waits) < 1


def test_what_is_refused_three_times_is_returned_and_does_not_keep_the_rest() -> None:
    bus = Bus(lambda asked: ["d-9"] if "d-9" in asked else [])
    assert bus.publish(EVENTS[:12]) == ["d-9"]
    assert sorted(bus.calls) == sorted([ids(EVENTS[:10]), ["d-9"], ["d-9"], ids(EVENTS[10:12])])


def test_a_bus_that_denies_is_not_asked_for_the_rest_and_no_exception_leaves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def deny(_: list[str]) -> list[str]:
        raise DENIED

    bus = Bus(deny)
    assert bus.publish(EVENTS) == ids(EVENTS)
    assert len(bus.calls) <= CONNECTIONS
    *why, how_many = [vars(record) for record in caplog.records]
    assert {(each["aws_error"], each["aws_operation"]) for each in why} == {("AccessDeniedException", "PutEvents")}
    assert "may not" not in str(why)
    assert how_many["events"] == len(EVENTS)


def test_what_was_taken_before_the_bus_failed_is_not_returned() -> None:
    answers: list[Any] = [["d-1"], DENIED]

    def fail_later(_: list[str]) -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    assert Bus(fail_later).publish(EVENTS[:3]) == ["d-1"]


def test_a_bus_that_cannot_be_reached_takes_nothing() -> None:
    def unreachable(_: list[str]) -> list[str]:
        raise EndpointConnectionError(endpoint_url="https://events.example.com")

    assert Bus(unreachable).publish(EVENTS[:25]) == ids(EVENTS[:25])


def test_out_of_time_no_call_is_begun_and_the_rest_is_returned() -> None:
    """The time is over once as many calls have been answered as go at once."""
    bus = Bus()
    answered = count(1)

    def slow(_: list[str]) -> list[str]:
        if next(answered) == CONNECTIONS:
            bus.clock.now = UNTIL
        return []

    bus.then = slow
    left = bus.publish(EVENTS)
    assert CONNECTIONS <= len(bus.calls) < 2 * CONNECTIONS
    assert len(left) == len(EVENTS) - 10 * len(bus.calls)
    assert not set(left) & {each for call in bus.calls for each in call}
    assert bus.publish(EVENTS[:1]) == ["d-0"]


def test_out_of_time_what_was_refused_is_not_tried_again() -> None:
    bus = Bus()

    def refuse(asked: list[str]) -> list[str]:
        bus.clock.now = UNTIL
        return asked

    bus.then = refuse
    assert bus.publish(EVENTS[:3]) == ids(EVENTS[:3])
    assert len(bus.calls) == 1
