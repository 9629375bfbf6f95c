"""The whole platform in a real browser: a mail is read in the inbox page, and its reader acts by its links."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from local.platform import Platform
from tests.browser.conftest import follow, opened
from tests.emulator.producer import Producer

READER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
"""Not the browser's own, which says that it is headless, and is counted as a machine."""


@pytest.fixture
def reader(browser: Browser) -> Iterator[Page]:
    with opened(browser, user_agent=READER) as page:
        yield page


def send(producer: Producer, user: str) -> dict[str, Any]:
    """Send a mail whose links lead nowhere out of this machine; its one delivery, with the notification's id."""
    body = '<a href="{{ tracked(shop) }}">To the shop</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a>'
    accepted = producer.send(
        {
            "category": "newsletter",
            "content": {"subject": "News for you", "body": body},
            "data": {"shop": f"{producer.inbox_url}/static/bell.svg"},
            "to": [{"user_id": user}],
        }
    )
    assert accepted.status_code == 202, accepted.text
    answer = accepted.json()
    [delivery] = answer["deliveries"]
    return {**delivery, "notification_id": answer["notification_id"]}


def test_a_link_of_a_mail_is_clicked_and_its_reader_unsubscribes(reader: Page, platform: Platform) -> None:
    local = platform.local
    producer = Producer(local.api_url, local.app_key, local.app_secret, local.inbox_url)
    user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
    sent = send(producer, user)
    [delivery] = producer.until_final(sent["notification_id"])["deliveries"]

    reader.goto(local.inbox_url)
    search = reader.get_by_role("searchbox")
    search.fill(user)
    with reader.expect_navigation():
        search.press("Enter")
    expect(reader.locator("#list li")).to_have_count(1)
    expect(reader.locator("#live")).to_have_text("live")
    follow(reader.get_by_role("link", name="Links"))
    expect(reader.get_by_label("Links", exact=True).locator(".pill")).to_have_text(
        ["tracked", "unsubscribe", "unsubscribe"]  # the last is the header's
    )
    assert not reader.locator("[data-wrong]").count(), "a link that we made is found to be wrong"
    follow(reader.get_by_role("link", name="Rendered"))
    mail = reader.frame_locator("iframe")
    # Whoever follows a link within a second after it was sent is taken for a machine.
    reader.wait_for_function("sent => Date.now() - sent > 1000", arg=sent_at(delivery) * 1000)
    with reader.expect_popup() as shop:
        mail.get_by_role("link", name="To the shop").click()
    shop.value.wait_for_url("**/static/bell.svg")
    expect(reader.locator("#list .pill")).to_have_text("clicked")
    expect(reader.locator("#timeline li b")).to_have_text(["created", "pending", "sent", "clicked"])
    assert producer.notification(sent["notification_id"])["deliveries"][0]["status"] == "clicked"

    with reader.expect_popup() as settings:
        mail.get_by_role("link", name="Unsubscribe").click()
    follow(settings.value.get_by_role("button", name="Unsubscribe from these"))
    expect(settings.value.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    expect(reader.locator("#list .pill")).to_have_text("unsubscribed")
    settings.value.get_by_role("group", name="Offers").get_by_role("switch", name="Email").uncheck()
    follow(settings.value.get_by_role("button", name="Save"))
    expect(settings.value.get_by_role("group", name="Offers").get_by_role("switch", name="Email")).not_to_be_checked()
    chosen = producer.call("GET", f"/v1/contacts/{user}/settings").json()["categories"]
    assert (chosen["newsletter"], chosen["promotion"]) == ({"email": False}, {"email": False})
    planned = send(producer, user)
    assert (planned["status"], planned["reason"]) == ("unsubscribed", "opted_out")


def sent_at(delivery: dict[str, Any]) -> float:
    """When a delivery was sent, in seconds since 1970."""
    [at] = [step["at"] for step in delivery["timeline"] if step["status"] == "sent"]
    return datetime.fromisoformat(at).timestamp()
