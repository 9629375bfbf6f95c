"""What became of messages after they were sent, told by the sandbox's providers as the real ones tell it."""

import uuid
from typing import Any

import httpx
import pytest

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import READER, Producer, until

CONTENT = {"subject": "Receipt", "body": "<p>Thank you.</p>"}


def send(producer: Producer, address: dict[str, str], channel: str = "email", **fields: Any) -> dict[str, Any]:
    """One delivery to a bare address, as it was answered."""
    body = {"category": "payment", "content": CONTENT, "to": [address], "channels": [channel], **fields}
    answer = producer.send(body)
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    return accepted


def sent(producer: Producer, address: dict[str, str], channel: str = "email") -> dict[str, Any]:
    accepted = send(producer, address, channel)
    producer.until_final(accepted["notification_id"])
    return accepted


def delivery(producer: Producer, accepted: dict[str, Any]) -> dict[str, Any]:
    [found] = producer.notification(accepted["notification_id"])["deliveries"]
    return dict(found)


def tell(producer: Producer, accepted: dict[str, Any], event: str) -> dict[str, Any]:
    """Let the provider that took the message tell what became of it."""
    [answered] = accepted["deliveries"]
    asked = {"delivery_id": answered["delivery_id"], "event": event}
    answer = httpx.post(f"{producer.inbox_url}/api/receipts", json=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def events(found: dict[str, Any]) -> list[str]:
    return [step["event"] for step in found["timeline"] if "event" in step]


def anybody() -> dict[str, str]:
    return {"email": f"{uuid.uuid4().hex}@example.com"}


def anyone() -> dict[str, str]:
    return {"phone": f"+49151{uuid.uuid4().int % 10**8:08d}"}


def test_a_hard_bounce_stops_the_next_mail_to_that_address_before_it_is_tried(producer: Producer) -> None:
    address = {"email": f"bounce+{uuid.uuid4().hex}@example.com"}
    first = send(producer, address)
    bounced = until(lambda: delivery(producer, first), lambda found: "bounced" in events(found))
    assert (bounced["status"], bounced["reason"]) == ("error", "bounced")
    assert [step["status"] for step in bounced["timeline"]] == ["created", "pending", "sent", "error"]

    [planned] = producer.call("POST", "/v1/notifications?dry_run=true", body_to(address)).json()["deliveries"]
    assert (planned["status"], planned["reason"]) == ("error", "suppressed")
    second = send(producer, address)
    assert (second["deliveries"][0]["status"], second["deliveries"][0]["reason"]) == ("error", "suppressed")
    assert delivery(producer, second)["attempts"] == []
    user = producer.contact(email=address["email"].upper().replace("@EXAMPLE.COM", "@example.com"))
    [of_user] = send(producer, {"user_id": user})["deliveries"]
    assert (of_user["status"], of_user["reason"]) == ("error", "suppressed")
    assert [each["to"] for each in producer.messages()].count(address["email"]) == 1

    assert producer.call("DELETE", f"/v1/suppressions/{address['email'].replace('+', '%2B')}").status_code == 204
    [lifted] = producer.call("POST", "/v1/notifications?dry_run=true", body_to(address)).json()["deliveries"]
    assert lifted["status"] == "created"


def body_to(address: dict[str, str]) -> dict[str, Any]:
    return {"category": "payment", "content": CONTENT, "to": [address], "channels": ["email"]}


def test_an_address_that_is_suppressed_after_it_was_planned_gets_nothing(
    producer: Producer, operator: Operator
) -> None:
    address = anybody()
    with operator.paused_worker("email"):
        accepted = send(producer, address)
        assert accepted["deliveries"][0]["status"] == "created"
        assert producer.call("POST", "/v1/suppressions", {"address": address["email"]}).status_code == 201
    producer.until_final(accepted["notification_id"])
    stopped = delivery(producer, accepted)
    assert (stopped["status"], stopped["reason"], stopped["attempts"]) == ("error", "suppressed", [])


@pytest.mark.parametrize("out", [None, "ses"], ids=["ses", "sendgrid"])
def test_mail_is_delivered_and_called_spam(producer: Producer, operator: Operator, out: str | None) -> None:
    address = anybody()
    if out is None:
        accepted = sent(producer, address)
    else:
        with operator.fault(out, "outage"):
            accepted = sent(producer, address)
    assert tell(producer, accepted, "delivered")["provider"] == ("sendgrid" if out else "ses")
    until(lambda: events(delivery(producer, accepted)), lambda told: told == ["delivered"])
    tell(producer, accepted, "delivered")
    tell(producer, accepted, "complained")
    found = until(lambda: delivery(producer, accepted), lambda each: "complained" in events(each))
    assert (found["status"], events(found)) == ("sent", ["delivered", "complained"])
    [planned] = producer.call("POST", "/v1/notifications?dry_run=true", body_to(address)).json()["deliveries"]
    assert planned["reason"] == "suppressed"


def test_twilio_tells_that_a_number_is_not_one(producer: Producer, operator: Operator) -> None:
    with operator.fault("sns", "outage"):
        accepted = sent(producer, anyone(), "sms")
    assert tell(producer, accepted, "delivered") == {"provider": "twilio", "event": "delivered", "answered": 204}
    assert events(delivery(producer, accepted)) == ["delivered"]
    tell(producer, accepted, "bounced")
    found = delivery(producer, accepted)
    assert (found["status"], found["reason"]) == ("error", "bounced")


def test_who_unsubscribes_at_the_provider_gets_no_more_of_it(producer: Producer, operator: Operator) -> None:
    address = {"user_id": producer.contact(**anybody())}
    with operator.fault("ses", "outage"):
        accepted = sent(producer, address)
    assert tell(producer, accepted, "unsubscribed")["answered"] == 204
    assert delivery(producer, accepted)["status"] == "unsubscribed"
    [planned] = producer.call("POST", "/v1/notifications?dry_run=true", body_to(address)).json()["deliveries"]
    assert planned["reason"] == "opted_out"


def test_what_no_provider_has_signed_is_refused(producer: Producer) -> None:
    forged = {"X-Twilio-Signature": "Zm9yZ2Vk", "Content-Type": "application/x-www-form-urlencoded"}
    for provider in ("twilio", "sendgrid"):
        answer = READER.post(
            f"{producer.api_url}/hooks/{provider}?base=x", content="MessageStatus=delivered", headers=forged
        )
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:carillon:problem:not-signed")
    assert READER.post(f"{producer.api_url}/hooks/nobody", content="{}").status_code == 404


def test_an_app_tells_that_a_message_was_opened_by_its_deliverys_id_alone(
    producer: Producer, operator: Operator
) -> None:
    people = [{"email": f"{uuid.uuid4().hex}@example.com"} for _ in range(2)]
    accepted = producer.send({**body_to(people[0]), "to": people}).json()
    producer.until_final(accepted["notification_id"])
    ids = [each["delivery_id"] for each in accepted["deliveries"]]
    assert producer.call("POST", "/v1/receipts", {"delivery_id": ids[1], "event": "clicked"}).status_code == 204
    assert producer.call("POST", "/v1/receipts", {"delivery_id": ids[1], "event": "opened"}).status_code == 204
    found = producer.notification(accepted["notification_id"])["deliveries"]
    assert [each["status"] for each in found] == ["sent", "clicked"]
    unknown = (str(uuid.uuid4()), "no id", accepted["notification_id"])
    for each in unknown:
        assert producer.call("POST", "/v1/receipts", {"delivery_id": each, "event": "opened"}).status_code == 404
    assert producer.call("POST", "/v1/receipts", {"delivery_id": ids[0], "event": "sent"}).status_code == 400
    with operator.app(["*"], ["*"]) as (key, secret):
        other = Producer(producer.api_url, key, secret, producer.inbox_url)
        assert other.call("POST", "/v1/receipts", {"delivery_id": ids[0], "event": "opened"}).status_code == 404
        assert other.call("GET", "/v1/suppressions").status_code == 403


def test_suppressions_are_listed_page_by_page(producer: Producer) -> None:
    added = {f"{uuid.uuid4().hex}@example.com" for _ in range(5)}
    for address in added:
        assert producer.call("POST", "/v1/suppressions", {"address": address}).status_code == 201
        assert producer.call("POST", "/v1/suppressions", {"address": address}).status_code == 200
    listed: list[str] = []
    path = "/v1/suppressions?limit=2"
    while True:
        page = producer.call("GET", path).json()
        assert len(page["suppressions"]) <= 2
        listed += [each["address"] for each in page["suppressions"]]
        if "cursor" not in page:
            break
        path = f"/v1/suppressions?limit=2&cursor={page['cursor']}"
    assert added <= set(listed)
    assert len(listed) == len(set(listed))
    assert producer.call("GET", "/v1/suppressions?cursor=nonsense").status_code == 400


def test_what_a_scanner_opens_is_noted_as_a_machines_and_a_person_opens_it_after(producer: Producer) -> None:
    accepted = send(producer, anybody(), content={"subject": "Hi", "body": '<p>Hello</p><img src="{{ open_url }}">'})
    producer.until_final(accepted["notification_id"])
    [mail] = [m for m in producer.messages() if m["delivery_id"] == accepted["deliveries"][0]["delivery_id"]]
    url = mail["body"].partition('src="')[2].partition('"')[0]
    READER.head(url)
    READER.get(url, headers={"User-Agent": "Barracuda Link Protection"})
    found = delivery(producer, accepted)
    assert (found["status"], found["timeline"][-1]["event"], found["timeline"][-1]["machine"]) == (
        "sent",
        "opened",
        True,
    )
    READER.get(url)
    assert delivery(producer, accepted)["status"] == "opened"
