"""Producers are told what becomes of their deliveries: by the whole platform, at an endpoint that the sandbox plays."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until


class Subscriber:
    """An app of its own that has an endpoint at a host of its own."""

    def __init__(self, producer: Producer, **webhook: Any) -> None:
        self.producer, self.host = producer, f"{uuid.uuid4().hex[:8]}.example.com"
        self._endpoint = f"{producer.inbox_url}/api/endpoints/{self.host}"
        url = f"https://{self.host}/statuses"
        made = producer.call("PUT", "/v1/webhook", {"url": url, **webhook})
        assert made.status_code == 201, made.text
        httpx.put(self._endpoint, json={"secret": made.json()["secret"]}).raise_for_status()

    def send(self) -> dict[str, Any]:
        """One mail, once it is sent: its delivery as the API shows it."""
        body = {
            "category": "payment",
            "channels": ["email"],
            "content": {"subject": "Told", "body": "Told"},
            "to": [{"email": f"{uuid.uuid4().hex}@example.com"}],
        }
        accepted = self.producer.send(body)
        assert accepted.status_code == 202, accepted.text
        [delivery] = self.producer.until_final(accepted.json()["notification_id"])["deliveries"]
        assert delivery["status"] == "sent"
        return dict(delivery)

    def told(self) -> list[dict[str, Any]]:
        """What the endpoint got, all of it signed right, in the order that shows, each id once."""
        got = httpx.get(self._endpoint).raise_for_status().json()
        by_id = {each["headers"]["webhook-id"]: each["body"] for each in got}
        return sorted(by_id.values(), key=lambda each: each["data"]["sequence"])

    def until_told(self, delivery: dict[str, Any], *statuses: str) -> None:
        """Wait until these statuses of a delivery were told, in this order, and none twice by another id."""

        def of_it() -> list[str]:
            told = [each["data"] for each in self.told()]
            return [each["status"] for each in told if each["delivery_id"] == delivery["delivery_id"]]

        until(of_it, lambda found: len(found) >= len(statuses))
        assert of_it() == list(statuses)

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = self.producer.call("GET", "/v1/webhook").json()
        return found

    def end(self) -> None:
        assert self.producer.call("DELETE", "/v1/webhook").status_code == 204
        assert self.producer.call("GET", "/v1/webhook").status_code == 404


class Subscribing:
    """Makes apps with endpoints, until the end of the test."""

    def __init__(self, platform: Platform, operator: Operator, until_the_end: ExitStack) -> None:
        self._platform, self._operator, self._until_the_end = platform, operator, until_the_end

    def __call__(self, **webhook: Any) -> Subscriber:
        local = self._platform.local
        key, secret = self._until_the_end.enter_context(self._operator.app(["*"], ["*"]))
        made = Subscriber(Producer(local.api_url, key, secret, local.inbox_url), **webhook)
        self._until_the_end.callback(made.producer.call, "DELETE", "/v1/webhook")
        return made


@pytest.fixture
def subscribe(platform: Platform, operator: Operator) -> Iterator[Subscribing]:
    with ExitStack() as until_the_end:
        yield Subscribing(platform, operator, until_the_end)


def test_an_app_is_told_each_status_of_its_own_deliveries_once_and_nothing_after_the_end(
    subscribe: Subscribing, operator: Operator
) -> None:
    ours, other = subscribe(), subscribe(statuses=["sent"])
    before = other.send()
    delivery = ours.send()
    receipt = {"delivery_id": delivery["delivery_id"], "event": "opened"}
    assert ours.producer.call("POST", "/v1/receipts", receipt).status_code == 204
    ours.until_told(delivery, "created", "pending", "sent", "opened")
    other.until_told(before, "sent")
    assert {each["data"]["delivery_id"] for each in ours.told()} == {delivery["delivery_id"]}
    by_status = {step["status"]: step["at"] for step in delivery["timeline"]}
    assert {each["data"]["status"]: each["timestamp"] for each in ours.told()[:3]} == by_status

    ours.end()
    operator.start_afresh("observer")  # it remembers webhooks for some seconds
    after = ours.send()
    other.until_told(other.send(), "sent")  # moved after it, so it would have been told before
    assert after["delivery_id"] not in {each["data"]["delivery_id"] for each in ours.told()}


def test_an_endpoint_that_is_gone_is_suspended_and_a_dead_one_holds_up_nobody(
    subscribe: Subscribing, operator: Operator
) -> None:
    gone, dead, well = subscribe(), subscribe(), subscribe()
    with operator.fault(gone.host, "reject"), operator.fault(dead.host, "timeout"):
        for each in (dead, gone):
            each.send()
        delivery = well.send()
        well.until_told(delivery, "created", "pending", "sent")
        marks = until(gone.shown, lambda shown: "suspended_since" in shown)
        assert marks["failing_since"] == marks["suspended_since"]
        failing = until(dead.shown, lambda shown: "failing_since" in shown)
        assert "suspended_since" not in failing
    assert gone.told() == dead.told() == []
    assert gone.producer.call("PUT", "/v1/webhook", gone.shown()).status_code == 200
    assert "suspended_since" not in gone.shown()
