"""Nobody is flooded, neither a recipient nor the API, over real HTTP."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until

# Five a minute, by Pulumi.local.yaml.
LIMITED = "social"
PAST, FUTURE = "2000-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"


def message(user: str, category: str = LIMITED) -> dict[str, Any]:
    return {"category": category, "content": {"subject": "Hi", "body": "<p>Hi</p>"}, "to": [{"user_id": user}]}


def only(producer: Producer, notification_id: str) -> dict[str, Any]:
    [delivery] = producer.notification(notification_id)["deliveries"]
    return dict(delivery)


@pytest.fixture
def _unswept(operator: Operator) -> Iterator[None]:
    """No minute's sweep comes in between, however long this takes."""
    with operator.unswept():
        yield


@pytest.mark.usefixtures("_unswept")
def test_what_is_over_a_recipients_limit_waits_for_its_own_time_and_is_sent_then(
    producer: Producer, operator: Operator
) -> None:
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    with operator.paused_worker():  # so that all of them are there at once
        ids = [producer.send(message(user)).json()["notification_id"] for _ in range(8)]

    def is_decided(delivery: dict[str, Any]) -> bool:
        return delivery["status"] == "sent" or delivery.get("reason") == "rate_limited"

    found = [until(partial(only, producer, each), is_decided) for each in ids]
    waiting = {each: delivery for each, delivery in zip(ids, found, strict=True) if delivery["status"] == "created"}
    assert len(waiting) == 3
    times = sorted(datetime.fromisoformat(each["send_at"]) for each in waiting.values())
    assert all(later - sooner >= timedelta(seconds=12) for sooner, later in pairwise(times))
    assert all(each["attempts"] == [] for each in waiting.values())

    [planned] = producer.call("POST", "/v1/notifications?dry_run=true", message(user)).json()["deliveries"]
    assert (planned["status"], planned["reason"]) == ("created", "rate_limited")
    assert datetime.fromisoformat(planned["send_at"]) - times[-1] >= timedelta(seconds=12)
    unlimited = producer.send(message(user, "payment")).json()["notification_id"]
    assert producer.until_final(unlimited)["deliveries"][0]["status"] == "sent"

    # However long this takes, no time comes but when this test says so.
    for notification_id, delivery in waiting.items():
        for name in ("slot", "due_at"):
            operator.set_in_delivery(notification_id, delivery["delivery_id"], name, FUTURE)

    # The last of them is published before its time, and waits for it; then the time of all has come.
    early, delivery = max(waiting.items(), key=lambda each: str(each[1]["send_at"]))
    publish_at(operator, early, delivery, FUTURE)
    results = partial(operator.worker_results, delivery["delivery_id"])
    until(results, lambda found: found == ["deferred", "deferred"])
    assert only(producer, early)["send_at"] == FUTURE
    for notification_id, delivery in waiting.items():
        publish_at(operator, notification_id, delivery, PAST)
        [sent] = producer.until_final(notification_id)["deliveries"]
        assert (sent["status"], len(sent["attempts"])) == ("sent", 1)


def publish_at(operator: Operator, notification_id: str, delivery: dict[str, Any], slot: str) -> None:
    """Let a delivery be due whose own time is this one, and sweep."""
    operator.set_in_delivery(notification_id, delivery["delivery_id"], "slot", slot)
    operator.make_due(notification_id, delivery["delivery_id"])
    operator.sweep()


def test_an_app_that_calls_more_often_than_it_may_is_told_when_to_come_again(
    platform: Platform, operator: Operator, producer: Producer
) -> None:
    with operator.app(["*"], ["*"], rate=1, burst=2) as (key, secret):
        app = Producer(platform.local.api_url, key, secret, platform.local.inbox_url)
        body = message(f"user-{uuid.uuid4().hex}") | {"to": [{"email": f"{uuid.uuid4().hex}@example.com"}]}
        assert app.send(body).status_code == 202
        operator.use_up_rate(key)
        for _ in range(2):
            refused = app.send(body)
            assert refused.status_code == 429
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert 1 <= int(refused.headers["Retry-After"]) <= 59
            assert refused.json()["type"] == "urn:carillon:problem:too-many-requests"
    assert producer.call("GET", "/v1/contacts/nobody").status_code == 404
