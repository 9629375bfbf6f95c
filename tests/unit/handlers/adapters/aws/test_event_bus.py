"""Publishing in batches, and again only what was refused."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from handlers.adapters.aws.event_bus import EventBridgePublisher
from handlers.domain.notifications.events import DeliveryRequested

EVENTS = [DeliveryRequested(f"e-{n}", "n-1", f"d-{n}", "payment", "email", "demo", "ada") for n in range(25)]
TAKEN, REFUSED = {"EventId": "1"}, {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}


def entries(events: list[DeliveryRequested]) -> dict[str, Any]:
    return {
        "Entries": [
            {
                "EventBusName": "carillon-test",
                "Source": "payment_request_event",
                "DetailType": "payment_notification_email",
                "Resources": ["demo"],
                "Detail": event.detail(),
            }
            for event in events
        ]
    }


def answer(*results: dict[str, str]) -> dict[str, Any]:
    return {"FailedEntryCount": results.count(REFUSED), "Entries": list(results)}


class Bus:
    """A publisher whose calls to AWS are foreseen."""

    def __init__(self) -> None:
        client = boto3.client(
            "events", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.stub = Stubber(client)
        self.waits: list[float] = []
        self.publisher = EventBridgePublisher("carillon-test", client, sleep=self.waits.append)

    def expect(self, events: list[DeliveryRequested], *results: dict[str, str]) -> None:
        self.stub.add_response("put_events", answer(*results), entries(events))


@pytest.fixture
def bus() -> Iterator[Bus]:
    bus = Bus()
    with bus.stub:
        yield bus
    bus.stub.assert_no_pending_responses()


def test_events_go_in_batches_of_ten(bus: Bus) -> None:
    for batch in (EVENTS[:10], EVENTS[10:20], EVENTS[20:]):
        bus.expect(batch, *[TAKEN] * len(batch))
    assert bus.publisher.publish(EVENTS) == []
    assert bus.waits == []


def test_nothing_to_publish_asks_the_bus_nothing(bus: Bus) -> None:
    assert bus.publisher.publish([]) == []


def test_only_what_was_refused_is_tried_again_a_little_later(bus: Bus) -> None:
    bus.expect(EVENTS[:4], TAKEN, REFUSED, TAKEN, REFUSED)
    bus.expect([EVENTS[1], EVENTS[3]], REFUSED, TAKEN)
    bus.expect([EVENTS[1]], TAKEN)
    assert bus.publisher.publish(EVENTS[:4]) == []
    assert len(bus.waits) == 2
    assert sum(bus.waits) < 1


def test_what_is_refused_three_times_is_returned_and_does_not_keep_the_rest(bus: Bus) -> None:
    bus.expect(EVENTS[:10], *[TAKEN] * 9, REFUSED)
    for _ in range(2):
        bus.expect([EVENTS[9]], REFUSED)
    bus.expect(EVENTS[10:12], TAKEN, TAKEN)
    assert bus.publisher.publish(EVENTS[:12]) == [EVENTS[9]]


def test_a_bus_that_denies_is_not_asked_again_and_no_exception_leaves(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    bus.expect(EVENTS[:10], *[TAKEN] * 10)
    bus.stub.add_client_error("put_events", "AccessDeniedException", "User ada is not authorized", 403)
    assert bus.publisher.publish(EVENTS) == EVENTS[10:]
    [why, how_many] = [vars(record) for record in caplog.records]
    assert (why["aws_error"], why["aws_operation"]) == ("AccessDeniedException", "PutEvents")
    assert "is not authorized" not in str(why)
    assert how_many["events"] == 15


def test_a_bus_that_cannot_be_reached_takes_nothing(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://events.example.com")

    monkeypatch.setattr(bus.publisher._client, "put_events", unreachable)
    assert bus.publisher.publish(EVENTS) == EVENTS
