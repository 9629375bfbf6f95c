"""An email through all of it, over real HTTP, and what happens on the way when something is not as it should be."""

import uuid
from datetime import datetime
from typing import Any

import pytest

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer

FUNCTIONS = ("authorizer", "notifications", "contacts", "templates", "worker-email", "sweeper", "observer")


@pytest.fixture
def template(producer: Producer) -> str:
    name = f"receipt-{uuid.uuid4().hex[:8]}"
    answer = producer.call(
        "PUT",
        f"/v1/templates/{name}/email/default",
        {
            "subject": "Receipt {{ number }}",
            "body": "<h1>Thank you, {{ name }}</h1><p>{{ amount }}</p>",
            "text": "Thank you, {{ name }}: {{ amount }}",
        },
    )
    assert answer.status_code in (200, 201), answer.text
    return name


def payment(template: str, user: str, **fields: Any) -> dict[str, Any]:
    data = {"number": 42, "name": "Ada <3", "amount": "12.50 EUR"}
    return {"category": "payment", "template": template, "data": data, "to": [{"user_id": user}], **fields}


def test_an_email_goes_from_created_to_pending_to_sent_and_is_in_the_inbox(producer: Producer, template: str) -> None:
    user = producer.contact(email="ada@example.com", locale="en")
    accepted = producer.send(payment(template, user))
    assert accepted.status_code == 202, accepted.text
    [planned] = accepted.json()["deliveries"]
    assert {k: planned[k] for k in ("user_id", "channel", "status")} == {
        "user_id": user,
        "channel": "email",
        "status": "created",
    }

    [delivery] = producer.until_final(accepted.json()["notification_id"])["deliveries"]

    assert delivery["delivery_id"] == planned["delivery_id"]
    assert [step["status"] for step in delivery["timeline"]] == ["created", "pending", "sent"]
    times = [datetime.fromisoformat(step["at"]) for step in delivery["timeline"]]
    assert times == sorted(times)
    assert delivery["provider"] == "ses"
    assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["accepted"]

    [message] = [m for m in producer.messages() if m["delivery_id"] == delivery["delivery_id"]]
    assert {k: message[k] for k in ("channel", "provider", "to", "subject", "body")} == {
        "channel": "email",
        "provider": "ses",
        "to": "ada@example.com",
        "subject": "Receipt 42",
        "body": "<h1>Thank you, Ada &lt;3</h1><p>12.50 EUR</p>",
    }


def test_a_dry_run_says_the_same_and_sends_and_stores_nothing(
    producer: Producer, template: str, operator: Operator
) -> None:
    user = producer.contact(email="dry@example.com")
    answer = producer.call("POST", "/v1/notifications?dry_run=true", payment(template, user))
    assert answer.status_code in (200, 202), answer.text
    [planned] = answer.json()["deliveries"]
    assert planned["status"] == "created"
    assert operator.stored_deliveries_of(user) == []
    assert [m for m in producer.messages() if m["to"] == "dry@example.com"] == []


def test_the_same_idempotency_key_gets_the_same_answer_and_one_email(producer: Producer, template: str) -> None:
    user, key = producer.contact(email=f"{uuid.uuid4().hex}@example.com"), {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (producer.send(payment(template, user), headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert [each.headers.get("idempotency-replayed") for each in (first, second)] == [None, "true"]
    [delivery] = producer.until_final(first.json()["notification_id"])["deliveries"]
    assert len([m for m in producer.messages() if m["delivery_id"] == delivery["delivery_id"]]) == 1


def test_the_same_idempotency_key_with_another_body_is_422(producer: Producer, template: str) -> None:
    user, key = producer.contact(email="idem@example.com"), {"Idempotency-Key": uuid.uuid4().hex}
    assert producer.send(payment(template, user), headers=key).status_code == 202
    other = producer.send(payment(template, user, priority="high"), headers=key)
    assert other.status_code == 422
    assert other.json()["type"] == "urn:carillon:problem:idempotency-mismatch"


def test_the_same_event_twice_is_dropped_and_counted(producer: Producer, template: str, operator: Operator) -> None:
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    notification = producer.send(payment(template, user)).json()
    [delivery] = producer.until_final(notification["notification_id"])["deliveries"]
    dropped = operator.times_logged("worker-email", "DuplicateDropped")

    operator.publish_again(notification["notification_id"], delivery["delivery_id"])

    operator.until_logged("worker-email", "DuplicateDropped", times=dropped + 1)
    again = producer.notification(notification["notification_id"])["deliveries"][0]
    assert again["timeline"] == delivery["timeline"]
    assert len([m for m in producer.messages() if m["delivery_id"] == delivery["delivery_id"]]) == 1


def test_a_user_who_opted_out_after_the_plan_gets_nothing(
    producer: Producer, template: str, operator: Operator
) -> None:
    """Settings are checked again at send time: the worker is held back while the user changes their mind."""
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    with operator.paused_worker():
        notification = producer.send(payment(template, user)).json()
        operator.opt_out(user, "payment")
    [delivery] = producer.until_final(notification["notification_id"])["deliveries"]
    assert (delivery["status"], delivery["reason"]) == ("unsubscribed", "opted_out")
    assert [m for m in producer.messages() if m["delivery_id"] == delivery["delivery_id"]] == []


def test_what_is_urgent_is_sent_while_the_ordinary_queue_stands_still(
    producer: Producer, template: str, operator: Operator
) -> None:
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    with operator.paused_worker():
        waiting = producer.send(payment(template, user)).json()["notification_id"]
        urgent = producer.send(payment(template, user, priority="high")).json()["notification_id"]
        [delivery] = producer.until_final(urgent)["deliveries"]
        assert (delivery["status"], producer.notification(waiting)["deliveries"][0]["status"]) == ("sent", "created")
    producer.until_final(waiting)


def test_who_cannot_be_reached_is_told_in_the_answer_and_the_others_get_theirs(
    producer: Producer, template: str, operator: Operator
) -> None:
    opted_out, reachable = producer.contact(email="out@example.com"), producer.contact(email="in@example.com")
    silent = producer.contact(phone="+4915112345678")
    operator.opt_out(opted_out, "payment")
    to = [{"user_id": u} for u in (opted_out, reachable, silent, "nobody-here")] + [{"email": "direct@example.com"}]
    accepted = producer.send(payment(template, reachable) | {"to": to}).json()
    planned = [(d.get("user_id"), d["status"], d.get("reason")) for d in accepted["deliveries"]]
    assert planned == [
        (opted_out, "unsubscribed", "opted_out"),
        (reachable, "created", None),
        (silent, "error", "no_endpoint"),
        ("nobody-here", "error", "unknown_contact"),
        (None, "created", None),
    ]
    final = producer.until_final(accepted["notification_id"])
    assert [d["status"] for d in final["deliveries"]].count("sent") == 2


def test_a_failed_publish_still_answers_202_and_the_sweeper_sends_it(
    producer: Producer, template: str, operator: Operator
) -> None:
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    with operator.without_statement("notifications", "PublishEvents"):
        accepted = producer.send(payment(template, user))
    assert accepted.status_code == 202
    notification_id, [planned] = accepted.json()["notification_id"], accepted.json()["deliveries"]
    assert producer.notification(notification_id)["deliveries"][0]["status"] == "created"

    operator.make_due(notification_id, planned["delivery_id"])
    operator.sweep()

    [delivery] = producer.until_final(notification_id)["deliveries"]
    assert delivery["status"] == "sent"


def test_one_app_never_sees_the_notification_of_another(producer: Producer, template: str, other_app: Producer) -> None:
    notification = producer.send(payment(template, producer.contact(email="mine@example.com"))).json()
    assert other_app.call("GET", f"/v1/notifications/{notification['notification_id']}").status_code == 404


def test_what_is_logged_by_the_functions_names_no_address_and_no_secret(
    producer: Producer, template: str, operator: Operator
) -> None:
    local_part = uuid.uuid4().hex
    notification = producer.send(payment(template, producer.contact(email=f"{local_part}@example.com"))).json()
    producer.until_final(notification["notification_id"])
    operator.until_logged("worker-email", notification["notification_id"])
    logged = "\n".join(operator.logged(function) for function in FUNCTIONS)
    assert local_part not in logged
    assert producer.app_secret not in logged
    assert "Ada <3" not in logged
