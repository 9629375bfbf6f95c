"""A provider's outage is not ours: the next one sends, the dead one is left alone, and traffic returns to it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from handlers.domain.providers.routing import FAILURES_TO_OPEN
from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until
from tests.emulator.test_channels import send

SECOND = {"email": ("ses", "sendgrid"), "sms": ("sns", "twilio"), "push": ("apns", "sns-push")}


def asked(delivery: dict[str, Any]) -> list[str]:
    return [attempt["provider"] for attempt in delivery["attempts"]]


@contextmanager
def fault(platform: Platform, provider: str, mode: str, rate: float = 1.0) -> Iterator[None]:
    url = f"{platform.local.inbox_url}/api/faults/{provider}"
    httpx.put(url, json={"mode": mode, "rate": rate}).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(url).raise_for_status()


def reachable(producer: Producer) -> str:
    unique = uuid.uuid4().hex
    return producer.contact(
        email=f"{unique}@example.com",
        phone="+4915112345678",
        device_tokens=[{"deviceToken": unique + unique, "platform": "apns"}],
    )


def sent_by(producer: Producer, channel: str) -> dict[str, Any]:
    accepted = send(producer, reachable(producer), [channel])
    [delivery] = producer.until_final(accepted["notification_id"])["deliveries"]
    assert delivery["status"] == "sent", delivery
    found: dict[str, Any] = delivery
    return found


@pytest.mark.parametrize("channel", SECOND)
def test_with_the_first_provider_out_the_second_sends_and_soon_is_asked_alone_until_the_first_is_back(
    channel: str, producer: Producer, platform: Platform, operator: Operator
) -> None:
    first, second = SECOND[channel]
    with fault(platform, first, "outage"):
        for _ in range(FAILURES_TO_OPEN):
            delivery = sent_by(producer, channel)
            assert delivery["provider"] == second
        # The circuit is open: whoever knows, and in five seconds everybody does, does not ask the first any more.
        until(lambda: [asked(sent_by(producer, channel)) for _ in range(3)], lambda found: found == [[second]] * 3)
    assert asked(sent_by(producer, channel)) == [second]
    operator.end_cool_downs(channel)
    for _ in range(2):  # the one that tries it, and whoever comes after
        assert asked(sent_by(producer, channel)) == [first]


def test_a_refusal_of_the_recipient_is_final_and_no_other_provider_is_asked(
    producer: Producer, platform: Platform
) -> None:
    with fault(platform, "twilio", "reject"), fault(platform, "sns", "outage"):
        accepted = send(producer, reachable(producer), ["sms"])
        [delivery] = producer.until_final(accepted["notification_id"])["deliveries"]
    assert delivery["status"] == "error"
    assert delivery["attempts"][-1]["provider"] == "twilio"
    assert delivery["attempts"][-1]["outcome"] == "refused"
