"""What `make demo` shows, and that it fails when a delivery does not arrive."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import boto3
import httpx
import pytest
from rich.console import Console

from local.demo import QUIET_ROOM, SAMPLES, DemoError, play, send_and_follow
from local.demo_outage import NUMBERS
from local.platform import Platform
from tests.emulator.operator_actions import Operator

THEIRS = {QUIET_ROOM, *NUMBERS, *(address for sample in SAMPLES for address in sample.arrives_at)}


@pytest.fixture
def operator(platform: Platform) -> Operator:
    emulator = platform.emulator
    session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
    return Operator(platform, cache(partial(session.client, endpoint_url=emulator.endpoint_url)))


@pytest.fixture
def at_once(platform: Platform, operator: Operator) -> Iterator[None]:
    """Alerts that wait for nothing, as the demo's own platform is deployed; and no circuit left open for others."""
    function = operator.aws("lambda").get_function_configuration(FunctionName=operator.function_name("sweeper"))
    rules = function["Environment"]["Variables"]["CARILLON_ALERT_RULES"]
    quick = {**json.loads(rules), "outage_after_seconds": 0, "over_after_seconds": 0}
    operator.start_afresh("sweeper", CARILLON_ALERT_RULES=json.dumps(quick))
    operator.start_afresh("worker-sms")  # it remembers for some seconds who is off
    try:
        yield
    finally:
        key = {"id": {"S": "providers#sms"}}
        operator.aws("dynamodb").delete_item(TableName=platform.outputs["tableNames"]["limits"], Key=key)
        operator.start_afresh("worker-sms")
        operator.start_afresh("sweeper", CARILLON_ALERT_RULES=rules)


def shown(platform: Platform, act: Callable[[Platform, Console], object]) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        act(platform, console)
    return captured.get()


def inbox(platform: Platform) -> list[dict[str, Any]]:
    """What has arrived at the demo's recipients: other tests' on the platform may still be under way."""
    found: list[dict[str, Any]] = httpx.get(f"{platform.local.inbox_url}/api/messages").json()
    return [each for each in found if each["to"] in THEIRS]


@pytest.mark.usefixtures("at_once")
def test_it_sends_on_every_channel_reads_the_mail_and_tells_of_an_outage_that_comes_and_goes(
    platform: Platform,
) -> None:
    before = len(inbox(platform))
    said = shown(platform, play)
    positions = [said.index(status) for status in ("created", "pending", "sent", "opened", "clicked")]
    assert positions == sorted(positions)
    arrivals = sum(len(sample.arrives_at) for sample in SAMPLES)
    assert said.count(" ms ") == 2 * arrivals + 4  # those of the mail once more, with an open and a click
    for received in ("ada@example.com", "Receipt for invoice 2026-0042", "Thank you, Ada", "EUR 42.00"):
        assert received in said
    providers = ["apns", "fcm", "ses", "slack", "sns"]
    assert all(provider in said for provider in providers)
    new = inbox(platform)[before:]
    assert sorted(message["provider"] for message in new) == sorted([*providers, *["twilio"] * 5])
    assert QUIET_ROOM not in {message["to"] for message in new}

    outage = said[said.index("An outage: sns answers 503") :]
    told = [outage.index(each) for each in ("takes deliveries (opened)", "takes deliveries (over)", "were sent by")]
    assert told == sorted(told)
    assert "sns: ServiceUnavailable" in outage
    funnel = outage[outage.index("Engagement, from GET /v1/stats") :]
    assert re.search(r"clicked +│ █", funnel)


def test_a_delivery_that_is_refused_fails_it(platform: Platform) -> None:
    fault = f"{platform.local.inbox_url}/api/faults/ses"
    httpx.put(fault, json={"mode": "reject"}).raise_for_status()
    try:
        with pytest.raises(DemoError, match="the email is error"):
            shown(platform, send_and_follow)
    finally:
        httpx.delete(fault).raise_for_status()
