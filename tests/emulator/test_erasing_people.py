"""`DELETE /v1/contacts/{user_id}` erases a user everywhere, and what was counted stays counted: over real HTTP."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import httpx

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until
from tests.emulator.test_links import links

CONTENT = {"subject": "Hello {{ name }}", "body": 'Dear {{ name }}, <a href="{{ unsubscribe_url }}">out</a>'}


def test_of_an_erased_user_nothing_personal_is_left_and_what_was_sent_is_still_counted(
    producer: Producer, operator: Operator
) -> None:
    name, number = f"Name{uuid.uuid4().hex}", f"+49151{uuid.uuid4().int % 10**8:08}"
    mailbox = f"{name}@example.com"
    user = producer.contact(email=mailbox, phone=number)
    producer.call("PUT", f"/v1/contacts/{user}/settings", {"categories": {"social": {"email": False}}})
    body = {"category": "payment", "content": CONTENT, "data": {"name": name}, "channels": ["email"]}
    to_user = producer.send({**body, "to": [{"user_id": user}]}).json()
    to_address = producer.send({**body, "to": [{"email": mailbox}]}).json()
    sent = producer.until_final(to_user["notification_id"])
    producer.until_final(to_address["notification_id"])
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    waiting = producer.send({**body, "to": [{"user_id": user}], "send_at": later}).json()
    unsubscribe = links(producer, to_user)["u"]
    before = producer.notification(to_user["notification_id"])["deliveries"][0]
    assert name[:1] in before.pop("recipient")

    assert producer.call("DELETE", f"/v1/contacts/{user}").status_code == 204
    assert producer.call("GET", f"/v1/contacts/{user}").status_code == 404
    assert producer.call("GET", f"/v1/contacts/{user}/settings").json()["categories"] == {}
    ids = [each["notification_id"] for each in (to_user, to_address, waiting)]

    def erased() -> bool:
        operator.forget_pass()
        operator.sweep()
        return not any({"endpoint", "payload"} & item.keys() for each in ids for item in operator.items(each))

    assert until(erased, bool)
    stored = json.dumps([operator.items(each) for each in ids], default=str)
    assert name not in stored
    assert number not in stored
    assert producer.notification(to_user["notification_id"])["deliveries"] == [before]
    [ended] = producer.notification(waiting["notification_id"])["deliveries"]
    assert (ended["status"], ended["reason"]) == ("error", "no_endpoint")
    assert sent["deliveries"][0]["status"] == "sent"
    assert httpx.get(unsubscribe).status_code == 404
    # The mailbox refuses still what was refused there, for whoever names it.
    again = producer.send({**body, "category": "social", "to": [{"email": mailbox}]}).json()
    assert again["deliveries"][0]["reason"] == "opted_out"
