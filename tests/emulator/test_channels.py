"""Every channel, each through its first provider: who gets what, and who does not."""

import uuid
from typing import Any

from tests.emulator.producer import Producer

APNS_TOKEN = "0123456789abcdef" * 4
CONTENT = {"subject": "Hello {{ name }}", "body": "Hello {{ name }}, your code is {{ code }}"}
DATA = {"name": "Ada", "code": 4711}
FIRST = {"email": "ses", "sms": "sns"}


def everywhere(producer: Producer) -> str:
    """A user with an address, a number, two devices and two external channels, one of which is off."""
    unique = uuid.uuid4().hex
    return producer.contact(
        email=f"{unique}@example.com",
        phone="+4915112345678",
        device_tokens=[
            {"deviceToken": unique + unique, "platform": "apns"},
            {"deviceToken": f"fcm-{unique}" + "x" * 110, "platform": "fcm"},
        ],
        external_channels=[
            {"platform": "slack", "url": f"https://hooks.slack.com/services/T0/B0/{unique}", "status": True},
            {"platform": "discord", "url": f"https://discord.com/api/webhooks/1/{unique}", "status": False},
        ],
    )


def send(producer: Producer, user: str, channels: list[str], **fields: Any) -> dict[str, Any]:
    body = {"category": "payment", "content": CONTENT, "data": DATA, "to": [{"user_id": user}], "channels": channels}
    accepted = producer.send(body | fields)
    assert accepted.status_code == 202, accepted.text
    answer: dict[str, Any] = accepted.json()
    return answer


def test_a_user_is_reached_on_all_channels_on_each_device_and_on_the_external_channels_that_are_on(
    producer: Producer,
) -> None:
    user = everywhere(producer)
    accepted = send(producer, user, ["email", "sms", "push", "chat"])
    deliveries = producer.until_final(accepted["notification_id"])["deliveries"]

    assert {(d["channel"], d["provider"], d["status"]) for d in deliveries} == {
        ("email", "ses", "sent"),
        ("sms", "sns", "sent"),
        ("push", "apns", "sent"),
        ("push", "fcm", "sent"),
        ("chat", "slack", "sent"),
    }
    assert len(deliveries) == 5
    received = {m["delivery_id"]: m for m in producer.messages()}
    got = {(d["channel"], received[d["delivery_id"]]["provider"]) for d in deliveries}
    assert got == {(d["channel"], d["provider"]) for d in deliveries}
    assert all("4711" in received[d["delivery_id"]]["body"] for d in deliveries)
