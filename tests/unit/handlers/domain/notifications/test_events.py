"""The event as the design has it, and what a worker makes of what it finds in its queue."""

import json
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.notifications.events import DeliveryRequested, NotAnEventError
from handlers.domain.people.same_address import address_key
from tests.unit.handlers.samples import delivery

IDS = {
    "event_id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "notification_id": "7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "delivery_id": "e902893a-9d22-3c7e-a7b8-d6e313b71d9f",
}
BARE = DeliveryRequested(**IDS, category="payment", channel="sms", app_key="payments")
EVENT = replace(BARE, user_id="ada")


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
    assert json.loads(EVENT.detail()) == IDS | {"user_id": "ada"}
    assert json.loads(BARE.detail()) == IDS


def test_an_event_tells_to_which_address_it_goes_by_its_key_alone() -> None:
    event = delivery(endpoint="Ada@example.com").event()
    assert event.address_key == address_key("ada@example.com")
    assert "example.com" not in event.detail()


def test_an_event_tells_the_platform_of_a_device_and_not_the_device() -> None:
    event = delivery(channel="push", endpoint="ab" * 32, platform="apns").event()
    assert (event.platform, event.address_key) == ("apns", None)
    assert json.loads(event.detail())["platform"] == "apns"
    assert "ab" * 32 not in event.detail()


@pytest.mark.parametrize(
    ("fields", "priority"),
    [({}, None), ({"priority": "high"}, "high"), ({"priority": "high", "digest_id": IDS["event_id"]}, None)],
)
def test_an_event_says_that_it_is_urgent_unless_others_are_to_be_waited_for(
    fields: dict[str, Any], priority: str | None
) -> None:
    event = delivery(**fields).event()
    assert json.loads(event.detail()).get("priority") == priority
    assert DeliveryRequested.parse(json.dumps(envelope(event))).priority == priority


@pytest.mark.parametrize("user_id", ["ada", None, "auth0|5f7c", "a b", "~" * 255, string.punctuation])
@pytest.mark.parametrize("key", [None, address_key("+442079460123")])
@pytest.mark.parametrize(("channel", "platform"), [*((each, None) for each in CHANNELS), ("push", "sns-push")])
def test_what_was_published_is_what_the_worker_reads(
    channel: Channel, platform: str | None, key: str | None, user_id: str | None
) -> None:
    event = replace(EVENT, channel=channel, user_id=user_id, address_key=key, platform=platform)
    assert DeliveryRequested.parse(json.dumps(envelope(event))) == event


def changed(**fields: Any) -> dict[str, Any]:
    """A detail that is right but for these."""
    return {"detail": {**IDS, **fields}}


NO_USERS: list[object] = [7, "", "u" * 256, "u" * 3000, "\ud800", "\u00e4", "a\nb", "\u0000", {}]
CHANGES: list[dict[str, Any]] = [
    {"detail-type": "payment_sms"},
    {"detail-type": "_notification_sms"},
    {"detail-type": "payment_notification_"},
    {"detail-type": "payment_notification_fax"},
    {"detail-type": "\ud800_notification_sms"},
    {"detail-type": f"{'p' * 64}_notification_sms"},
    {"detail-type": 7},
    {"detail": None},
    {"detail": {"event_id": IDS["event_id"]}},
    *(changed(**{name: 1}) for name in IDS),
    *(changed(**{name: value}) for name in IDS for value in ("", "e-1", IDS[name] * 2, f"{IDS[name]}\n")),
    *(changed(user_id=value) for value in NO_USERS),
    *(changed(priority=value) for value in (7, "", "normal", "higher")),
    *(changed(platform=value) for value in (7, "", "APNs", "a b", "x" * 33)),
    *(changed(address_key=value) for value in (7, "", "ada@example.com", "x" * 3000)),
    {"resources": []},
    {"resources": ["a", "b"]},
    {"resources": ["a" * 100_000]},
    {"resources": [["payments"]]},
    {"filler": float("nan")},
    {"filler": "\ud800"},
]


@pytest.mark.parametrize(
    "body",
    [
        *("", "null", "[]", "7", "{", '"text"', "{}", "\ud800", "[" * 100_000, '{"detail":' * 100_000),
        *("1" * 10_000, json.dumps(envelope())[:-1], json.dumps(envelope()) + "x"),
        *(json.dumps(envelope(**change)) for change in CHANGES),
    ],
    ids=lambda body: body[:40].encode("ascii", "replace").decode(),
)
def test_what_is_no_event_is_refused_and_not_quoted(body: str) -> None:
    with pytest.raises(NotAnEventError) as refused:
        DeliveryRequested.parse(body)
    assert str(refused.value) == ""


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_nothing_that_a_queue_may_hold_is_more_than_refused(body: str) -> None:
    with pytest.raises(NotAnEventError):
        DeliveryRequested.parse(body)
