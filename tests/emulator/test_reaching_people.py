"""Who is reached, where, and who has said no: over real HTTP, and what arrived in the inbox."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until
from tests.emulator.test_links import links
from tests.emulator.test_waiting import HOUR, fall_asleep

CONTENT = {"subject": "Hello", "body": 'Hello <a href="{{ unsubscribe_url }}">out</a>', "text": "Hello"}
PLAIN = {"subject": "Hello", "body": "Hello"}


def address() -> str:
    """One that nobody had before, in letters of either case."""
    return f"Ann.{uuid.uuid4().hex[:12]}@example.com"


def post(producer: Producer, to: list[dict[str, str]], category: str = "marketing", **fields: Any) -> dict[str, Any]:
    body = {"category": category, "content": CONTENT, "to": to, "channels": ["email"], **fields}
    answer = producer.send(body)
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    dry = producer.call("POST", "/v1/notifications?dry_run=true", body).json()
    assert [why(each) for each in dry["deliveries"]] == [why(each) for each in accepted["deliveries"]]
    return accepted


def why(delivery: dict[str, Any]) -> tuple[str, str | None]:
    return delivery["status"], delivery.get("reason")


def planned(
    producer: Producer, to: dict[str, str], category: str = "marketing", **fields: Any
) -> tuple[str, str | None]:
    """What one delivery is planned as, by an acceptance and a dry run alike."""
    [delivery] = post(producer, [to], category, **fields)["deliveries"]
    return why(delivery)


def click(link: str) -> httpx.Response:
    """Unsubscribe as a mail program does."""
    return httpx.post(link, data={"List-Unsubscribe": "One-Click"})


def choose(producer: Producer, user: str, **settings: Any) -> httpx.Response:
    return producer.call("PUT", f"/v1/contacts/{user}/settings", settings)


OPTED_OUT = ("unsubscribed", "opted_out")


LATER = timedelta(days=1)


def let_come(operator: Operator, notification_id: str, delivery_ids: Iterable[str]) -> None:
    """Let the time of deliveries that wait have come, and have them published."""
    for delivery_id in delivery_ids:
        operator.make_due(notification_id, delivery_id)
    operator.sweep()


def test_what_waits_goes_where_its_user_is_then_and_never_where_they_were(
    producer: Producer, operator: Operator
) -> None:
    hook = {"platform": "webhook", "url": f"https://hooks.example.com/{uuid.uuid4().hex}", "status": True}
    old = {"gone": address(), "moved": address(), "texted": "+4915112345671", "chatting": hook["url"]}
    users = {
        "gone": producer.contact(email=old["gone"]),
        "moved": producer.contact(email=old["moved"]),
        "texted": producer.contact(phone=old["texted"]),
        "chatting": producer.contact(external_channels=[hook]),
    }
    bare = address()
    at = (datetime.now(UTC) + LATER).isoformat()
    to = [*({"user_id": user} for user in users.values()), {"email": bare}]
    body = {"category": "demo", "content": PLAIN, "to": to, "channels": ["email", "sms", "chat"], "send_at": at}
    accepted = producer.send(body).json()
    waiting = {each["delivery_id"] for each in accepted["deliveries"] if each["status"] == "created"}
    assert len(waiting) == 5

    new = address()
    assert producer.call("DELETE", f"/v1/contacts/{users['gone']}").status_code == 204
    assert producer.call("PATCH", f"/v1/contacts/{users['moved']}", {"email": new}).status_code == 200
    assert producer.call("PATCH", f"/v1/contacts/{users['texted']}", {"phone": None}).status_code == 200
    off = {"external_channels": [{**hook, "status": False}]}
    assert producer.call("PATCH", f"/v1/contacts/{users['chatting']}", off).status_code == 200

    let_come(operator, accepted["notification_id"], waiting)
    final = producer.until_final(accepted["notification_id"])["deliveries"]
    became = {each.get("user_id"): why(each) for each in final if each["delivery_id"] in waiting}
    lost = ("error", "no_endpoint")
    assert became == {
        users["gone"]: lost,
        users["moved"]: ("sent", None),
        users["texted"]: lost,
        users["chatting"]: lost,
        None: ("sent", None),
    }
    arrived = {each["to"] for each in producer.messages() if each["delivery_id"] in waiting}
    assert arrived == {new, bare}


def test_one_mailbox_gets_one_mail_however_it_is_named(producer: Producer) -> None:
    mailbox = address()
    user = producer.contact(email=mailbox)
    accepted = post(producer, [{"email": mailbox.upper()}, {"email": mailbox.lower()}, {"user_id": user}])
    producer.until_final(accepted["notification_id"])
    sent = {each["delivery_id"] for each in accepted["deliveries"]}
    assert [each["to"] for each in producer.messages() if each["delivery_id"] in sent] == [mailbox]


def test_an_opt_out_belongs_to_the_mailbox_and_the_number(producer: Producer) -> None:
    mailbox, number = address(), f"+49151{uuid.uuid4().int % 10**8:08}"
    user = producer.contact(email=mailbox, phone=number)
    refused = {"marketing": {"email": False, "sms": False}}
    assert choose(producer, user, categories=refused).status_code == 201
    assert planned(producer, {"email": mailbox.lower()}) == OPTED_OUT
    assert planned(producer, {"phone": number}, channels=["sms"]) == OPTED_OUT
    assert planned(producer, {"user_id": producer.contact(email=mailbox)}) == OPTED_OUT

    new = address()
    producer.call("PATCH", f"/v1/contacts/{user}", {"email": new})
    assert planned(producer, {"email": new}) == OPTED_OUT
    producer.call("DELETE", f"/v1/contacts/{user}")
    assert planned(producer, {"email": new}) == OPTED_OUT


def test_a_mailbox_that_unsubscribed_is_left_alone_whoever_is_named_and_what_waits_for_it_too(
    producer: Producer, operator: Operator
) -> None:
    mailbox = address()
    user = producer.contact(email=mailbox)
    out = links(producer, post(producer, [{"email": mailbox}]))["u"]
    at = (datetime.now(UTC) + LATER).isoformat()
    waiting = [post(producer, [to], send_at=at) for to in ({"user_id": user}, {"email": mailbox})]
    assert click(out).status_code == 200
    assert planned(producer, {"user_id": user}) == OPTED_OUT
    for accepted in waiting:
        let_come(operator, accepted["notification_id"], [accepted["deliveries"][0]["delivery_id"]])
        [delivery] = producer.until_final(accepted["notification_id"])["deliveries"]
        assert why(delivery) == OPTED_OUT

    settings = producer.call("GET", f"/v1/contacts/{user}/settings").json()
    assert settings["categories"] == {"marketing": {"email": False}}
    assert choose(producer, user, **settings).status_code == 201
    assert choose(producer, user, categories={"marketing": {"email": True}}).status_code == 200
    for to in ({"user_id": user}, {"email": mailbox}):
        assert planned(producer, to) == ("created", None)


def test_a_click_in_an_old_mail_speaks_for_the_mailbox_that_it_lies_in(producer: Producer) -> None:
    old, new = address(), address()
    user = producer.contact(email=old)
    out = links(producer, post(producer, [{"user_id": user}]))["u"]
    producer.call("PATCH", f"/v1/contacts/{user}", {"email": new})
    assert click(out).status_code == 200
    assert planned(producer, {"email": old}) == OPTED_OUT
    for to in ({"user_id": user}, {"email": new}):
        assert planned(producer, to) == ("created", None)


def test_nobody_is_out_of_a_critical_category(producer: Producer, platform: Platform) -> None:
    mailbox = address()
    user = producer.contact(email=mailbox)

    def headers() -> str:
        """Those of the user's newest mail."""
        return httpx.get(platform.local.inbox_url, params={"user": user, "view": "details"}).text

    links(producer, post(producer, [{"user_id": user}]))
    assert "List-Unsubscribe" in until(headers, lambda shown: "Tag category" in shown)
    out = links(producer, post(producer, [{"user_id": user}], "security"))["u"]
    assert "List-Unsubscribe" not in until(headers, lambda shown: "security" in shown)
    for answer in (httpx.get(out), click(out)):
        assert answer.status_code == 200
        assert "always sent" in answer.text
    refused = choose(producer, user, categories={"security": {"email": False}})
    assert refused.status_code == 400
    assert [each["field"] for each in refused.json()["errors"]] == ["categories.security"]
    for to in ({"user_id": user}, {"email": mailbox}):
        assert planned(producer, to, "security") == ("created", None)


@pytest.mark.parametrize(
    ("categories", "field"),
    [
        ({"marketting": {"email": False}}, "categories.marketting"),
        ({"marketing": {"fax": False}}, "categories.marketing.fax"),
    ],
)
def test_what_there_is_not_cannot_be_chosen(categories: Any, field: str, producer: Producer) -> None:
    answer = choose(producer, producer.contact(), categories=categories)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert "marketing" in error["message"] or "email" in error["message"]


def test_what_could_only_be_sent_once_it_has_expired_is_told_at_once(producer: Producer) -> None:
    user = producer.contact(email=address(), timezone="Asia/Kolkata")
    fall_asleep(producer, user, "Asia/Kolkata")
    soon = (datetime.now(UTC) + HOUR / 2).isoformat()
    assert planned(producer, {"user_id": user}, expires_at=soon) == ("error", "expired")
    assert planned(producer, {"user_id": user}) == ("created", "quiet_hours")
