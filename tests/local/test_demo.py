"""What `make demo` shows, and that it fails when a delivery does not arrive."""

import httpx
import pytest
from rich.console import Console

from local.demo import SAMPLES, DemoError, send_and_follow
from local.platform import Platform


def shown(platform: Platform) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        send_and_follow(platform, console)
    return captured.get()


def test_it_shows_each_deliverys_timeline_and_what_the_inbox_has(platform: Platform) -> None:
    said = shown(platform)
    positions = [said.index(status) for status in ("created", "pending", "sent")]
    assert positions == sorted(positions)
    assert said.count(" ms ") == 2 * len(SAMPLES)
    for received in ("ada@example.com", "Receipt for invoice 2026-0042", "Thank you, Ada", "EUR 42.00"):
        assert received in said


def test_a_delivery_that_is_refused_fails_it(platform: Platform) -> None:
    fault = f"{platform.local.inbox_url}/api/faults/ses"
    httpx.put(fault, json={"mode": "reject"}).raise_for_status()
    try:
        with pytest.raises(DemoError, match="the email is error"):
            shown(platform)
    finally:
        httpx.delete(fault).raise_for_status()
