"""Notifications of many deliveries, and what is in the log that should not be there, through the API and the inbox."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.domain.notifications.ids import new_notification_id
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until

CONTENT = {"subject": "Many", "body": "<p>Many</p>"}
FAR_AHEAD = (datetime.now(UTC) + timedelta(days=30)).isoformat()


def mail(to: list[dict[str, str]], **fields: Any) -> dict[str, Any]:
    return {"category": "payment", "channels": ["email"], "content": CONTENT, "to": to, **fields}


def addresses(number: int) -> list[dict[str, str]]:
    return [{"email": f"{uuid.uuid4().hex}@example.com"} for _ in range(number)]


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def test_a_hundred_users_on_ten_endpoints_each_are_accepted_under_a_key_and_again_and_canceled(
    producer: Producer,
) -> None:
    def channels() -> list[dict[str, Any]]:
        urls = (f"https://hooks.example.com/{uuid.uuid4().hex}" for _ in range(10))
        return [{"platform": "webhook", "url": url, "status": True} for url in urls]

    to = [{"user_id": producer.contact(external_channels=channels())} for _ in range(100)]
    body = {**mail(to, send_at=FAR_AHEAD), "channels": ["chat"]}
    key = new_key()
    first, second = (producer.send(body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202), (first.text[:500], second.text[:500])
    assert len(first.json()["deliveries"]) == 1000
    assert first.json() == second.json()
    assert producer.send(body | {"priority": "high"}, headers=key).status_code == 422
    path = f"/v1/notifications/{first.json()['notification_id']}"
    read = producer.call("GET", path)
    assert read.status_code == 200, read.text[:500]
    assert len(read.json()["deliveries"]) == 1000

    def unsettled() -> int:
        """How many are still to be canceled; asking again goes on where the last time ended."""
        answer = producer.call("POST", f"{path}/cancel")
        assert answer.status_code == 200, answer.text[:500]
        return [each["status"] for each in answer.json()["deliveries"]].count("created")

    until(unsettled, lambda left: left == 0)


def test_what_an_acceptance_left_that_died_is_seen_and_sent_by_nobody_and_mixes_with_nothing(
    producer: Producer, operator: Operator
) -> None:
    """The id that a key stands for follows from app and key, so it is known whose leftovers these would be."""
    key, body = new_key(), mail(addresses(2))
    notification_id = new_notification_id(
        uuid.uuid5(
            uuid.uuid5(uuid.NAMESPACE_URL, "urn:carillon:notification"),
            f"{producer.app_key}\n{key['Idempotency-Key']}",
        )
    )
    other = producer.send(mail(addresses(1), send_at=FAR_AHEAD)).json()
    like = operator.delivery(other["notification_id"], other["deliveries"][0]["delivery_id"])
    operator.leave_behind(notification_id, like, number=3)
    assert producer.call("GET", f"/v1/notifications/{notification_id}").status_code == 404
    assert producer.call("POST", f"/v1/notifications/{notification_id}/cancel").status_code == 404

    accepted = producer.send(body, headers=key)
    assert (accepted.status_code, accepted.json()["notification_id"]) == (202, notification_id)
    operator.sweep()
    final = producer.until_final(notification_id)
    ids = {each["delivery_id"] for each in accepted.json()["deliveries"]}
    assert {each["delivery_id"]: each["status"] for each in final["deliveries"]} == dict.fromkeys(ids, "sent")
    assert {item["item"]["S"] for item in operator.items(notification_id)} == {
        "notification",
        *(f"delivery#{each}" for each in ids),
    }
    left_to = like["endpoint"]["S"]
    assert [message for message in producer.messages() if message["to"] == left_to] == []


def test_an_item_that_cannot_be_read_keeps_none_of_its_shard_from_being_sent_and_is_sent_when_it_is_mended(
    producer: Producer, operator: Operator
) -> None:
    accepted = producer.send(mail(addresses(5), send_at=FAR_AHEAD)).json()
    notification_id, (spoilt, *others) = (
        accepted["notification_id"],
        [each["delivery_id"] for each in accepted["deliveries"]],
    )
    operator.set_in_delivery(notification_id, spoilt, "app_key", None)
    for delivery_id in (spoilt, *others):
        operator.set_in_delivery(notification_id, delivery_id, "due_shard", "email#3")
        operator.make_due(notification_id, delivery_id)
    operator.sweep()

    def sent() -> set[str]:
        read = producer.notification(notification_id)["deliveries"]
        return {each["delivery_id"] for each in read if each["status"] == "sent"}

    until(sent, lambda ids: ids == set(others))
    assert {each["delivery_id"] for each in producer.notification(notification_id)["deliveries"]} == set(others)
    assert operator.delivery(notification_id, spoilt)["due_shard"] == {"S": "unreadable"}
    # Perhaps of the sweep of the minute, whose lines are there when it ends.
    until(lambda: operator.logged("sweeper", "LogItemUnreadable"), bool)

    operator.set_in_delivery(notification_id, spoilt, "app_key", producer.app_key)
    operator.set_in_delivery(notification_id, spoilt, "due_shard", "email#3")
    operator.sweep()
    until(sent, lambda ids: ids == {spoilt, *others})
