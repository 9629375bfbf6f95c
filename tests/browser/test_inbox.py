"""The inbox page in a real browser."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import follow, opened
from tests.local.sandbox.providers import calls
from tests.local.support import HTTP, Sandbox

# What a mail must not do, each towards the address of somebody who would learn of it.
HOSTILE = """
<p id="said">Hello</p>
<script>document.getElementById("said").textContent = "script ran"; top.document.title = "script ran"</script>
<img src="{tracker}/open.gif" onerror="document.getElementById('said').textContent = 'handler ran'">
<link rel="stylesheet" href="{tracker}/style.css">
<form action="{tracker}/steal"><button id="steal">Give</button></form>
<a id="away" href="{tracker}/" target="_top">Go</a>
"""

# Of ten deliveries, nine of which were sent and one of these came back.
COUNTED = {
    **{"sent": 4, "opened": 3, "clicked": 2, "error": 1},
    **{"ever_sent": 9, "ever_opened": 5, "ever_clicked": 2, "bounced": 1},
}


@contextmanager
def listening() -> Iterator[tuple[str, Callable[[], bool]]]:
    """A server's address, and whether anybody has called there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def was_called() -> bool:
            try:
                server.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        yield f"http://localhost:{server.getsockname()[1]}", was_called


def open_inbox(page: Page, sandbox: Sandbox) -> None:
    """The page, once it hears of changes."""
    page.goto(sandbox.url)
    expect(page.locator("#live")).to_have_text("live")


def test_a_mail_is_shown_rendered_with_its_timeline(page: Page, sandbox: Sandbox) -> None:
    ids = sandbox.log_delivery("created", "pending", "sent")
    sandbox.send("<h1>Thank you, Ada</h1>", subject="Receipt 42", ids=ids)
    open_inbox(page, sandbox)
    expect(page.get_by_role("heading", name="Receipt 42")).to_be_visible()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Thank you, Ada")).to_be_visible()
    expect(page.locator("#timeline li b")).to_have_text(["created", "pending", "sent"])
    expect(page.locator("#list li").first.locator(".pill")).to_have_text("sent")


def test_a_message_appears_by_itself_and_its_timeline_moves_on(page: Page, sandbox: Sandbox) -> None:
    open_inbox(page, sandbox)
    ids = sandbox.log_delivery("created", "pending")
    sandbox.send("<p>x</p>", subject="Arrived meanwhile", ids=ids)
    expect(page.locator("#list li").first).to_contain_text("Arrived meanwhile")
    expect(page.locator("#timeline li b")).to_have_text(["created", "pending"])
    sandbox.move_delivery(*ids, "created", "pending", "sent")
    expect(page.locator("#timeline li b")).to_have_text(["created", "pending", "sent"])
    expect(page.locator("#list li").first.locator(".pill")).to_have_text("sent")


def test_a_message_being_read_stays_when_another_one_comes(page: Page, sandbox: Sandbox) -> None:
    sandbox.send("<p>the one being read</p>", subject="Being read")
    open_inbox(page, sandbox)
    follow(page.locator("#list li").first)
    expect(page.locator("#live")).to_have_text("live")
    frame = page.locator("iframe").element_handle()
    sandbox.send("<p>x</p>", subject="Newer")
    expect(page.locator("#list li").first).to_contain_text("Newer")
    expect(page.get_by_role("heading", name="Being read")).to_be_visible()
    assert frame.evaluate("frame => frame.isConnected"), "the frame was made anew under the reader's eyes"


@pytest.mark.parametrize("start", ["", "<!DOCTYPE html><html><head><title>x</title></head><body>"])
def test_a_link_of_a_mail_opens_in_a_tab_of_its_own(page: Page, sandbox: Sandbox, start: str) -> None:
    sandbox.send(f'{start}<p><a href="{sandbox.url}/static/bell.svg">The bell</a></p>', subject="Follow me")
    open_inbox(page, sandbox)
    follow(page.get_by_text("Follow me").first)
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name="The bell").click()
    opened.value.wait_for_url("**/static/bell.svg")
    assert opened.value.evaluate("opener") is None
    expect(page.frame_locator("iframe").get_by_role("link", name="The bell")).to_be_visible()


def test_what_a_mail_contains_can_run_send_and_load_nothing(page: Page, sandbox: Sandbox) -> None:
    with listening() as (tracker, was_called):
        sandbox.send(HOSTILE.format(tracker=tracker), subject="Hostile")
        open_inbox(page, sandbox)
        frame = page.frame_locator("iframe")
        expect(frame.locator("#said")).to_have_text("Hello")
        frame.locator("#steal").click()
        frame.locator("#away").click()
        expect(frame.locator("#said")).to_have_text("Hello")
        assert page.title().startswith("Carillon inbox")
        assert page.url.startswith(sandbox.url)
        assert not was_called()


def test_a_mail_opened_outside_its_frame_cannot_run_either(page: Page, sandbox: Sandbox) -> None:
    with listening() as (tracker, was_called):
        sandbox.send(HOSTILE.format(tracker=tracker), subject="Hostile")
        open_inbox(page, sandbox)
        page.goto(sandbox.url + str(page.locator("iframe").get_attribute("src")))
        expect(page.locator("#said")).to_have_text("Hello")
        assert not was_called()


def test_the_page_follows_the_systems_colours(browser: Browser, sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", subject="Colours")
    brightness = {}
    for scheme in ("light", "dark"):
        with opened(browser, color_scheme=scheme) as page:
            open_inbox(page, sandbox)
            brightness[scheme] = {
                part: page.locator(part).evaluate(_BRIGHTNESS) for part in ("body", "#list", "#message", "#timeline")
            }
    assert min(brightness["light"].values()) > 200
    assert max(brightness["dark"].values()) < 60


def test_nothing_on_the_page_is_against_its_own_policy(page: Page, sandbox: Sandbox) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for send in (calls.slack, calls.twilio, calls.apns):
        send(sandbox)
        open_inbox(page, sandbox)
    sandbox.send("<p>harmless</p>", subject="Harmless")
    open_inbox(page, sandbox)
    for view in ("Headers and tags", "Source", "Links", "Attempts", "Rendered"):
        follow(page.get_by_role("link", name=view))
        expect(page.locator("#live")).to_have_text("live")
    assert not complaints


def test_a_push_is_on_a_phones_lock_screen_above_those_before_it(page: Page, sandbox: Sandbox) -> None:
    for title in ("Before", "Payment received"):
        alert = f'{{"aps": {{"alert": {{"title": "{title}", "body": "EUR 42.00"}}}}}}'.encode()
        calls.apns(sandbox, content=alert, headers=sandbox.logged())
    open_inbox(page, sandbox)
    notifications = page.get_by_label("Notifications").locator("li b")
    expect(notifications.first).to_have_text("Payment received")
    expect(notifications.nth(1)).to_have_text("Before")
    box = page.locator(".phone").bounding_box()
    assert box is not None
    assert box["height"] > 1.5 * box["width"], "not the shape of a phone"


def test_a_text_message_is_a_bubble_below_those_before_it(page: Page, sandbox: Sandbox) -> None:
    for body in ("Your code is 381 204", "Thank you"):
        calls.twilio(sandbox, form={"Body": body}, headers=sandbox.logged())
    open_inbox(page, sandbox)
    bubbles = page.get_by_label("Text messages").locator("p")
    expect(bubbles.last).to_have_text("Thank you")
    first, last = bubbles.nth(-2).bounding_box(), bubbles.last.bounding_box()
    assert first is not None
    assert last is not None
    assert first["y"] + first["height"] < last["y"]


def test_a_chat_message_is_in_its_room(page: Page, sandbox: Sandbox) -> None:
    calls.slack(sandbox, message={"text": "First line\nSecond line"}, headers=sandbox.logged())
    open_inbox(page, sandbox)
    expect(page.locator(".room figcaption")).to_contain_text("hooks.slack.com")
    expect(page.get_by_label("Chat").locator("li[aria-current] p")).to_have_text("First line\nSecond line")


def test_the_list_is_narrowed_to_a_user_and_a_channel_and_stays_so(page: Page, sandbox: Sandbox) -> None:
    calls.slack(sandbox, message={"text": "for Grace"}, headers=sandbox.logged("grace"))
    calls.twilio(sandbox, form={"Body": "a text for Grace"}, headers=sandbox.logged("grace"))
    calls.slack(sandbox, message={"text": "for Ada"}, headers=sandbox.logged())
    open_inbox(page, sandbox)
    page.get_by_text("Everybody").first.click()
    follow(page.get_by_label("Users").get_by_role("link", name="grace"))
    follow(page.locator("#channels").get_by_role("link", name="chat"))
    expect(page.locator("#live")).to_have_text("live")
    expect(page.locator("#list .what")).to_have_text(["for Grace"])
    calls.slack(sandbox, message={"text": "for Ada again"}, headers=sandbox.logged())
    calls.slack(sandbox, message={"text": "for Grace again"}, headers=sandbox.logged("grace"))
    expect(page.locator("#list .what")).to_have_text(["for Grace again", "for Grace"])


def test_views_and_channels_work_without_javascript(browser: Browser, sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", subject="Plain HTML")
    with opened(browser, java_script_enabled=False) as page:
        page.goto(sandbox.url)
        follow(page.locator("#channels").get_by_role("link", name="email"))
        follow(page.locator("#list li").filter(has_text="Plain HTML").first)
        follow(page.get_by_role("link", name="Headers and tags"))
        expect(page.locator("table")).to_contain_text("no-reply@example.com")


def test_a_small_screen_shows_the_list_or_the_message_that_was_chosen(browser: Browser, sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", subject="On a phone")
    with opened(browser, viewport={"width": 390, "height": 800}) as page:
        open_inbox(page, sandbox)
        expect(page.locator("#message")).to_be_hidden()
        follow(page.locator("#list li").first)
        expect(page.get_by_role("heading", name="On a phone")).to_be_visible()
        expect(page.locator("#list")).to_be_hidden()
        follow(page.get_by_role("link", name="all messages"))
        expect(page.locator("#list")).to_be_visible()


def test_a_platform_that_has_gone_is_said(page: Page, sandbox: Sandbox) -> None:
    open_inbox(page, sandbox)
    page.context.set_offline(True)
    page.evaluate("stream.dispatchEvent(new Event('error'))")
    expect(page.locator("#live")).to_have_text("not connected")


# Of the background as it is painted, 0 (black) to 255.
_BRIGHTNESS = """
element => {
  const [red, green, blue] = getComputedStyle(element).backgroundColor.match(/[0-9.]+/g).map(Number);
  return (red + green + blue) / 3;
}
"""


def test_an_alert_appears_by_itself_under_its_tab_and_is_over_there(page: Page, sandbox: Sandbox) -> None:
    page.goto(f"{sandbox.url}/alerts")
    expect(page.locator("#live")).to_have_text("live")
    for state in ("opened", "over"):
        sandbox.tell(state, "chat")
        expect(page.locator("article").filter(has_text="chat: outage").locator(".pill")).to_have_text(state)
    page.locator("article").filter(has_text="chat: outage").get_by_role("link", name="outage.md").click()
    expect(page.get_by_text("# Runbook: outage")).to_be_visible()


def test_engagement_is_a_funnel_and_figures_of_each_channel_and_provider(page: Page, sandbox: Sandbox) -> None:
    sandbox.forget_counts()
    sandbox.count("email", "ses", **COUNTED)
    sandbox.count("sms", "twilio", sent=10, ever_sent=10)
    open_inbox(page, sandbox)
    follow(page.get_by_role("link", name="Engagement"))
    expect(page.get_by_role("heading", name="What became of 20 deliveries")).to_be_visible()
    funnel = page.get_by_label("Funnel").locator("li")
    expect(funnel.locator("b")).to_have_text(["20", "19", "5", "2", "0", "1"])
    expect(funnel.locator("i")).to_have_text(["", "", "27.8 %", "11.1 %", "0.0 %", "5.3 %"])
    widths = funnel.locator("rect:not(.track)").evaluate_all("all => all.map(each => each.getAttribute('width'))")
    assert [float(each) for each in widths] == [100, 95, 25, 10, 0, 5]
    expect(page.locator("tbody tr").first).to_contain_text("62.5 %")
    expect(page.locator("tbody tr").last).to_contain_text("twilio")
    sandbox.count("sms", "twilio", sent=11, ever_sent=11)
    expect(page.get_by_role("heading", name="What became of 21 deliveries")).to_be_visible()


def test_rates_are_drawn_for_each_day_of_each_channel_and_provider(page: Page, sandbox: Sandbox) -> None:
    sandbox.count("email", "mailer", days_ago=2, sent=3, opened=1, ever_sent=4, ever_opened=1)
    page.goto(f"{sandbox.url}/engagement")
    chart = page.get_by_role("figure", name="email: mailer 4 sent")
    days = chart.get_by_role("img")
    expect(days).to_have_count(7)
    expect(days.nth(4)).to_have_accessible_name("opened 25.0 %, clicked 0.0 %, unsubscribed 0.0 %, bounced 0.0 %")
    [drawn] = days.nth(4).locator("rect").all()
    assert drawn.get_attribute("height") == "25.0"
    expect(days.nth(5)).to_have_accessible_name("opened –, clicked –, unsubscribed –, bounced –")


def test_queues_follow_by_themselves_and_disturb_nobody_who_chooses_a_fault(page: Page, sandbox: Sandbox) -> None:
    open_inbox(page, sandbox)
    follow(page.get_by_role("link", name="Platform"))
    expect(page.locator("#live")).to_have_text("live")
    webhook = page.locator("#webhook")
    webhook.get_by_text("Make it fail").click()
    webhook.get_by_label("How").select_option("throttle")
    sqs = sandbox.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="carillon-local-chat-dlq")["QueueUrl"], MessageBody="x")
    dead_letters = page.get_by_label("Channel chat").locator("dl div").last.locator("dd")
    expect(dead_letters).to_have_text("1")
    expect(webhook.get_by_label("How")).to_have_value("throttle")
    follow(webhook.get_by_role("button", name="Switch on"))
    expect(webhook.get_by_text("throttle at 100 %")).to_be_visible()
    HTTP.delete(f"{sandbox.url}/api/faults/webhook").raise_for_status()
    expect(webhook.get_by_text("throttle at 100 %")).to_be_hidden()


def test_a_fault_is_switched_on_and_off_without_javascript(browser: Browser, sandbox: Sandbox) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{sandbox.url}/platform")
        fcm = page.locator("#fcm")
        fcm.get_by_text("Make it fail").click()
        fcm.get_by_label("How").select_option("accepts")
        fcm.get_by_label("Of its calls").select_option("50")
        follow(fcm.get_by_role("button", name="Switch on"))
        expect(fcm.get_by_text("timeout, message taken, at 50 %")).to_be_visible()
        follow(fcm.get_by_role("button", name="Switch off the fault of fcm"))
        expect(fcm.get_by_role("button", name="Switch off the fault of fcm")).to_be_hidden()
        assert HTTP.get(f"{sandbox.url}/api/faults").json() == {}
