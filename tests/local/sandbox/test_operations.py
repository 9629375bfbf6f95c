"""The tab Platform: queues and circuits as they are, and faults that only a page of ours may switch."""

from typing import Any

import httpx
import pytest

from handlers.adapters.aws.dynamo import typed
from local.sandbox.health import Health
from tests.local.support import LIMITS, Sandbox


def seen(sandbox: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{sandbox.url}/api/platform").raise_for_status().json()
    return found


def faults(sandbox: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{sandbox.url}/api/faults").json()
    return found


def test_the_depths_of_queues_and_the_state_of_circuits_are_told_and_shown(sandbox: Sandbox) -> None:
    sqs = sandbox.client("sqs")
    for queue, count in (("sms", 2), ("sms-high", 1), ("sms-dlq", 2)):
        url = sqs.get_queue_url(QueueName=f"carillon-local-{queue}")["QueueUrl"]
        for _ in range(count):
            sqs.send_message(QueueUrl=url, MessageBody="x")
    times = {"opened_at": "2020-01-31T12:00:00.000Z", "probe_at": "2099-01-31T12:00:30.000Z"}
    item = {
        "id": "providers#sms",
        "order": ["twilio"],
        "off": {"sns"},
        "circuits": {"twilio": {"failures": 7, **times}},
    }
    sandbox.client("dynamodb").put_item(TableName=LIMITS, Item=typed(item))
    sms = seen(sandbox)["sms"]
    assert {name: sms[name] for name in ("waiting", "in_flight", "dead_letters", "unsent")} == {
        "waiting": 3,
        "in_flight": 0,
        "dead_letters": 2,
        "unsent": 0,
    }
    twilio, sns = sms["providers"]["twilio"], sms["providers"]["sns"]
    assert (twilio["place"], twilio["circuit"]) == (1, "open")
    assert twilio["says"] == "· open until 12:00:30 UTC, 7 failures in a row"
    assert (sns["place"], sns["circuit"], sns["fault"]) == (None, "closed", "")
    assert (sns["turn"], sns["says"], twilio["turn"]) == ("switched off", "", "asked first")
    page = httpx.get(f"{sandbox.url}/platform").text
    assert 'data-live="sms/waiting" data-state="3">3<' in page
    assert 'data-live="sms/dead_letters" data-state="2">2<' in page
    assert 'data-live="sms/providers/twilio/circuit" data-state="open">open<' in page


def test_a_channel_that_the_program_has_not_made_yet_is_not_there(sandbox: Sandbox) -> None:
    assert Health(sandbox.account, "carillon-elsewhere").read() == {}


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"fault": "outage", "rate": "50"}, {"mode": "outage", "rate": 0.5}),
        ({"fault": "throttle", "rate": "100"}, {"mode": "throttle", "rate": 1.0}),
        ({"fault": "reject", "rate": "25"}, {"mode": "reject", "rate": 0.25}),
        ({"fault": "timeout", "rate": "10"}, {"mode": "timeout", "rate": 0.1}),
        ({"fault": "accepts", "rate": "100"}, {"mode": "timeout", "rate": 1.0, "accepts": True}),
        ({"fault": "idle_close", "rate": "100"}, {"mode": "idle_close", "rate": 1.0}),
    ],
)
def test_every_fault_is_switched_on_and_off_by_a_form(
    sandbox: Sandbox, form: dict[str, str], fault: dict[str, Any]
) -> None:
    url = f"{sandbox.url}/platform/faults/twilio"
    answer = httpx.post(url, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/platform#twilio")
    assert faults(sandbox) == {"twilio": fault}
    assert seen(sandbox)["sms"]["providers"]["twilio"]["fault"]
    assert httpx.post(url).status_code == 303
    assert faults(sandbox) == {}


@pytest.mark.parametrize(
    ("provider", "form"),
    [
        ("pigeon", {"fault": "outage"}),
        ("ses", {"fault": "tired"}),
        ("ses", {"fault": "outage", "rate": "x"}),
        ("ses", {"fault": "outage", "rate": "101"}),
    ],
)
def test_what_no_form_of_ours_sends_is_refused(sandbox: Sandbox, provider: str, form: dict[str, str]) -> None:
    assert httpx.post(f"{sandbox.url}/platform/faults/{provider}", data=form).status_code == 400
    assert faults(sandbox) == {}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another port of this machine
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),  # as browsers do without a referrer
        ({}, 303),
    ],
)
def test_only_a_page_of_ours_may_change_anything(sandbox: Sandbox, headers: dict[str, str], status: int) -> None:
    answer = httpx.post(f"{sandbox.url}/platform/faults/ses", data={"fault": "outage"}, headers=headers)
    assert answer.status_code == status
    assert bool(faults(sandbox)) == (status == 303)
    httpx.post(f"{sandbox.url}/platform/faults/ses")
    if status == 403:
        assert httpx.post(f"{sandbox.url}/api/receipts", json={}, headers=headers).status_code == 403
