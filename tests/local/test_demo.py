"""What `make demo` shows, and that it fails when a delivery does not arrive."""

from typing import Any

import httpx
import pytest
from rich.console import Console

from local.demo import QUIET_ROOM, SAMPLES, DemoError, send_and_follow
from local.platform import Platform


def shown(platform: Platform) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        send_and_follow(platform, console)
    return captured.get()


def inbox(platform: Platform) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{platform.local.inbox_url}/api/messages").json()
    return found


def test_it_sends_on_every_channel_to_each_endpoint_that_is_on_and_names_its_provider(platform: Platform) -> None:
    before = len(inbox(platform))
    said = shown(platform)
    positions = [said.index(status) for status in ("created", "pending", "sent")]
    assert positions == sorted(positions)
    assert said.count(" ms ") == 2 * sum(len(sample.arrives_at) for sample in SAMPLES)
    for received in ("ada@example.com", "Receipt for invoice 2026-0042", "Thank you, Ada", "EUR 42.00"):
        assert received in said
    providers = ["apns", "fcm", "ses", "slack", "sns"]
    assert all(provider in said for provider in providers)
    new = inbox(platform)[before:]
    assert sorted(message["provider"] for message in new) == providers
    assert QUIET_ROOM not in {message["to"] for message in new}


def test_a_delivery_that_is_refused_fails_it(platform: Platform) -> None:
    fault = f"{platform.local.inbox_url}/api/faults/ses"
    httpx.put(fault, json={"mode": "reject"}).raise_for_status()
    try:
        with pytest.raises(DemoError, match="the email is error"):
            shown(platform)
    finally:
        httpx.delete(fault).raise_for_status()
