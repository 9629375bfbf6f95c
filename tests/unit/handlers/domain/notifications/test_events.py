"""The event as the design has it, and what a worker makes of what it finds in its queue."""

import json
from typing import Any

import pytest

from handlers.domain.notifications.events import DeliveryRequested, NotAnEventError

EVENT = DeliveryRequested("e-1", "n-1", "d-1", "payment", "sms", "payments", "ada")


def envelope(event: DeliveryRequested = EVENT, **changes: Any) -> dict[str, Any]:
    """The event as EventBridge delivers it to a queue."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": event.detail_type,
        "source": event.source,
        "account": "111122223333",
        "time": "2030-01-31T12:00:00Z",
        "region": "eu-central-1",
        "resources": [event.app_key],
        "detail": json.loads(event.detail()),
        **changes,
    }


def test_source_and_detail_type_are_those_of_the_design() -> None:
    assert (EVENT.source, EVENT.detail_type) == ("payment_request_event", "payment_notification_sms")


def test_the_detail_holds_ids_and_nothing_else() -> None:
    ids = {"event_id": "e-1", "notification_id": "n-1", "delivery_id": "d-1"}
    assert json.loads(EVENT.detail()) == ids | {"user_id": "ada"}
    assert json.loads(DeliveryRequested("e-1", "n-1", "d-1", "payment", "sms", "payments").detail()) == ids


@pytest.mark.parametrize("user_id", ["ada", None])
def test_what_was_published_is_what_the_worker_reads(user_id: str | None) -> None:
    event = DeliveryRequested("e-1", "n-1", "d-1", "payment", "sms", "payments", user_id)
    assert DeliveryRequested.parse(json.dumps(envelope(event))) == event


CHANGES: list[dict[str, Any]] = [
    {"detail-type": "payment_sms"},
    {"detail-type": "_notification_sms"},
    {"detail-type": "payment_notification_"},
    {"detail-type": 7},
    {"detail": None},
    {"detail": {"event_id": "e-1"}},
    {"detail": {"event_id": 1, "notification_id": "n-1", "delivery_id": "d-1"}},
    {"detail": {"event_id": "e-1", "notification_id": "", "delivery_id": "d-1"}},
    {"detail": {"event_id": "e-1", "notification_id": "n-1", "delivery_id": "d-1", "user_id": 7}},
    {"resources": []},
    {"resources": ["a", "b"]},
]


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", "7", "{", '"text"', "{}", *(json.dumps(envelope(**change)) for change in CHANGES)],
)
def test_what_is_no_event_is_refused_and_not_quoted(body: str) -> None:
    with pytest.raises(NotAnEventError) as refused:
        DeliveryRequested.parse(body)
    assert str(refused.value) == ""
