"""The links in messages, followed over real HTTP as a recipient's mail program and browser do, without any token."""

import re
import uuid
from typing import Any

import pytest

from local.platform import Platform
from tests.emulator.producer import READER, Producer

CONTENT = {
    "subject": "Receipt",
    "body": '<a href="{{ tracked(shop) }}">Shop</a><img src="{{ open_url }}"><a href="{{ unsubscribe_url }}">Out</a>',
}
SHOP = "https://shop.example.com/orders?id=42&from=mail"


def send(producer: Producer, to: dict[str, str], category: str = "marketing") -> dict[str, Any]:
    body = {"category": category, "content": CONTENT, "data": {"shop": SHOP}, "to": [to], "channels": ["email"]}
    accepted = producer.send(body)
    assert accepted.status_code == 202, accepted.text
    answer: dict[str, Any] = accepted.json()
    return answer


def links(producer: Producer, accepted: dict[str, Any]) -> dict[str, str]:
    """The links in the mail as it arrived, by what their path begins with."""
    producer.until_final(accepted["notification_id"])
    [delivery] = accepted["deliveries"]
    [mail] = [each for each in producer.messages() if each["delivery_id"] == delivery["delivery_id"]]
    found = re.findall(r'(?:href|src)="(http[^"]+/(t/c|t/o|u)/[^"]+)"', mail["body"])
    return {path: url for url, path in found}


def timeline(producer: Producer, accepted: dict[str, Any]) -> list[str]:
    [delivery] = producer.notification(accepted["notification_id"])["deliveries"]
    return [step["status"] for step in delivery["timeline"]]


def test_a_mail_is_opened_and_clicked_and_its_reader_unsubscribes_at_one_click(producer: Producer) -> None:
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    accepted = send(producer, {"user_id": user})
    found = links(producer, accepted)
    assert set(found) == {"t/c", "t/o", "u"}

    assert READER.get(found["t/o"]).headers["content-type"] == "image/svg+xml"
    clicked = READER.get(found["t/c"], follow_redirects=False)
    assert (clicked.status_code, clicked.headers["location"]) == (302, SHOP)
    looked = READER.get(found["u"])
    assert (looked.status_code, looked.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert timeline(producer, accepted) == ["created", "pending", "sent", "opened", "clicked"]

    assert READER.post(found["u"], data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert timeline(producer, accepted)[-1] == "unsubscribed"
    settings = producer.call("GET", f"/v1/contacts/{user}/settings").json()
    assert settings["categories"] == {"marketing": {"email": False}}
    [next_one] = send(producer, {"user_id": user})["deliveries"]
    assert (next_one["status"], next_one["reason"]) == ("unsubscribed", "opted_out")
    [other] = send(producer, {"user_id": user}, category="payment")["deliveries"]
    assert other["status"] == "created"


def test_a_bare_address_can_unsubscribe_as_well(producer: Producer) -> None:
    to = {"email": f"{uuid.uuid4().hex}@example.com"}
    found = links(producer, send(producer, to))
    form = {"List-Unsubscribe": (None, "One-Click")}
    assert READER.post(found["u"], files=form).status_code == 200  # multipart, as RFC 8058 prefers
    assert [each["status"] for each in send(producer, to)["deliveries"]] == ["unsubscribed"]


def test_what_is_chosen_on_the_page_holds(producer: Producer) -> None:
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    found = links(producer, send(producer, {"user_id": user}))
    shown = re.findall(r'name="shown" value="([^"]+)"', READER.get(found["u"]).text)
    assert {"payment/email", "marketing/email"} <= set(shown)
    form = {"save": "yes", "shown": shown, "wanted": ["payment/email"], "start": "22:00", "end": "07:00"}
    assert READER.post(found["u"], data=form).status_code == 200
    settings = producer.call("GET", f"/v1/contacts/{user}/settings").json()
    assert settings["categories"]["payment"]["email"] is True
    assert settings["categories"]["marketing"]["email"] is False
    assert settings["quiet_hours"] == {"start": "22:00", "end": "07:00"}


@pytest.mark.parametrize("path", ["/t/o/", "/t/c/", "/u/"])
def test_a_link_that_nobody_signed_leads_nowhere(path: str, platform: Platform) -> None:
    assert READER.get(f"{platform.local.api_url}{path}WyJuIiwiZCJd.c2lnbmF0dXJl").status_code == 404
