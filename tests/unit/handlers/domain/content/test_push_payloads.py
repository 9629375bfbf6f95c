"""What a device is sent: as Apple documents it, and as Google's published schema has it."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.domain.content.push_payloads import apns_headers, apns_payload, fcm_message, seconds_left
from handlers.domain.notifications.deliveries import Priority
from tests.unit.handlers.adapters.providers.push import DELIVERY_ID, NOW, push

IDS = {"notification_id": "n-1", "delivery_id": DELIVERY_ID, "category": "payment"}
FCM: dict[str, Any] = json.loads((Path(__file__).parent / "published" / "fcm.v1.json").read_text())


def strays(value: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """Return the places where a value is not what a schema of a Google discovery document allows."""
    if "$ref" in schema:
        schema = FCM["schemas"][schema["$ref"]] | {"type": "object"}
    if schema["type"] == "object" and isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        inner = {name: known.get(name, others) for name in value}
        unknown = [f"{path}.{name}" for name, of in inner.items() if of is None]
        return unknown + [s for name, of in inner.items() if of for s in strays(value[name], of, f"{path}.{name}")]
    fits = isinstance(value, {"string": str, "boolean": bool, "integer": int}.get(schema["type"], type(None)))
    return [] if fits and value in schema.get("enum", [value]) else [path]


def test_apple_is_sent_an_alert_and_the_ids_that_the_app_reports() -> None:
    assert apns_payload(push()) == {"aps": {"alert": {"title": "Grüße", "body": "Ada 🎉"}}, **IDS}


def test_without_a_subject_there_is_no_title() -> None:
    assert apns_payload(push(subject=None))["aps"] == {"alert": {"body": "Ada 🎉"}}
    assert fcm_message(push("fcm", subject=None), NOW)["notification"] == {"body": "Ada 🎉"}


@pytest.mark.parametrize(
    ("priority", "apple", "google"), [(Priority.NORMAL, "5", "NORMAL"), (Priority.HIGH, "10", "HIGH")]
)
def test_its_urgency_is_told(priority: Priority, apple: str, google: str) -> None:
    assert apns_headers(push(priority=priority))["apns-priority"] == apple
    assert fcm_message(push("fcm", priority=priority), NOW)["android"]["priority"] == google


def test_what_is_sent_again_takes_the_place_of_the_first() -> None:
    assert apns_headers(push())["apns-collapse-id"] == DELIVERY_ID
    assert len(DELIVERY_ID.encode()) <= 64
    android = fcm_message(push("fcm"), NOW)["android"]
    assert android["notification"] == {"tag": DELIVERY_ID}
    assert "collapse_key" not in android, "FCM keeps only four of these for a device that is off"


def test_it_is_kept_until_it_expires() -> None:
    expiring = push(expires_at=NOW + timedelta(seconds=90, milliseconds=900))
    assert apns_headers(expiring)["apns-expiration"] == str(int(NOW.timestamp()) + 90)
    assert fcm_message(expiring, NOW)["android"]["ttl"] == "90s"


def test_without_an_expiry_apple_and_google_keep_it_as_they_do() -> None:
    assert "apns-expiration" not in apns_headers(push())
    assert "ttl" not in fcm_message(push("fcm"), NOW)["android"]


@pytest.mark.parametrize(
    ("expires_at", "seconds"),
    [
        (NOW - timedelta(seconds=1), 0),
        (NOW + timedelta(milliseconds=999), 0),
        (NOW + timedelta(seconds=1), 1),
        (NOW + timedelta(days=28), 2_419_200),
        (NOW + timedelta(days=400), 2_419_200),
    ],
)
def test_nothing_is_kept_for_less_than_no_time_or_more_than_four_weeks(expires_at: datetime, seconds: int) -> None:
    assert seconds_left(expires_at, NOW) == seconds


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("expires_at", [None, NOW + timedelta(hours=1)])
@pytest.mark.parametrize("subject", [None, "Grüße"])
def test_google_is_sent_what_its_published_schema_has(
    priority: Priority, expires_at: datetime | None, subject: str | None
) -> None:
    message = push("fcm", subject=subject, priority=priority, expires_at=expires_at)
    body = {"message": {"token": message.endpoint.address, **fcm_message(message, NOW)}}
    assert strays(body, {"$ref": "SendMessageRequest"}) == []
    assert body["message"]["data"] == IDS
    assert body["message"]["apns"]["headers"] == apns_headers(message), "the token may be of an app on iOS"


def test_the_schema_would_notice() -> None:
    wrong = {"message": {"token": 1, "titel": "x", "android": {"priority": "urgent"}, "data": {"n": 1}}}
    assert strays(wrong, {"$ref": "SendMessageRequest"}) == [
        ".message.titel",
        ".message.token",
        ".message.android.priority",
        ".message.data.n",
    ]
