"""The inbox page as it leaves the server; what a browser makes of it is in tests/browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.local.sandbox.providers import calls
from tests.local.support import TABLE, Sandbox


def test_a_message_is_shown_with_its_timeline_from_the_log(sandbox: Sandbox) -> None:
    ids = sandbox.log_delivery("created", "pending", "sent")
    sandbox.send("<p>x</p>", subject="with a timeline", ids=ids)
    page = httpx.get(sandbox.url).text
    timeline = page[page.index('id="timeline"') : page.index("</ol>", page.index('id="timeline"'))]
    assert [status for status in ("created", "pending", "sent") if f"<b>{status}</b>" in timeline] == [
        "created",
        "pending",
        "sent",
    ]
    assert timeline.count("after 20 ms") == 2


def test_a_message_that_is_not_in_the_log_says_so(sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", subject="a stranger")
    assert "Not in the notification log." in httpx.get(sandbox.url).text


def test_a_delivery_that_cannot_be_read_hides_no_other_messages_timeline(sandbox: Sandbox) -> None:
    unreadable, readable = sandbox.log_delivery("created"), sandbox.log_delivery("created", "pending", "sent")
    sandbox.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"notification_id": {"S": unreadable[0]}, "item": {"S": f"delivery#{unreadable[1]}"}},
        UpdateExpression="SET timeline = :nothing",
        ExpressionAttributeValues={":nothing": {"S": "nothing"}},
    )
    for ids, subject in ((unreadable, "unreadable"), (readable, "readable")):
        sandbox.send("<p>x</p>", subject=subject, ids=ids)
    page = httpx.get(sandbox.url)
    assert page.status_code == 200
    assert "unreadable" in page.text
    timeline = page.text[page.text.index('id="timeline"') :]
    assert "<b>sent</b>" in timeline


def test_what_a_message_says_is_never_markup_of_the_page(sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", subject="<script>alert(1)</script>")
    page = httpx.get(sandbox.url).text
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_channel_filter_hides_other_channels(sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", subject="only email")
    assert "only email" in httpx.get(sandbox.url, params={"channel": "email"}).text
    assert "only email" not in httpx.get(sandbox.url, params={"channel": "sms"}).text


def test_the_user_filter_hides_other_users(sandbox: Sandbox) -> None:
    calls.slack(sandbox, message={"text": "only for Grace"}, headers=sandbox.logged("grace"))
    assert "only for Grace" in httpx.get(sandbox.url, params={"user": "grace"}).text
    assert "only for Grace" in httpx.get(sandbox.url, params={"user": "grace", "channel": "chat"}).text
    assert "only for Grace" not in httpx.get(sandbox.url, params={"user": "ada"}).text
    assert "only for Grace" not in httpx.get(sandbox.url, params={"user": "grace", "channel": "sms"}).text


def test_a_filter_that_nothing_passes_says_so(sandbox: Sandbox) -> None:
    assert "Nothing like that so far." in httpx.get(sandbox.url, params={"user": "nobody"}).text


def test_a_phone_shows_what_it_had_got_by_then_and_nothing_of_other_phones(sandbox: Sandbox) -> None:
    for to, body in (("+14155550001", "first"), ("+14155550002", "elsewhere"), ("+14155550001", "second")):
        calls.twilio(sandbox, form={"To": to, "Body": body})
    page = httpx.get(sandbox.url, params={"channel": "sms"}).text
    phone = page[page.index('<figure class="phone"') : page.index("</figure>")]
    assert phone.index("first") < phone.index("second")
    assert "elsewhere" not in phone


@pytest.mark.parametrize(
    ("send", "kind"),
    [
        (calls.apns, "phone"),
        (calls.fcm, "phone"),
        (calls.twilio, "phone"),
        (calls.slack, "room"),
        (calls.teams, "room"),
    ],
)
def test_a_message_is_shown_where_it_was_sent_to(
    sandbox: Sandbox, send: Callable[[Sandbox], object], kind: str
) -> None:
    send(sandbox)
    page = httpx.get(sandbox.url).text
    shown = page[page.index(f'<figure class="{kind}"') : page.index("</figure>")]
    assert "<p>Hello</p>" in shown


@pytest.mark.parametrize("path", ["/", "/alerts", "/api/messages", "/static/inbox.js", "/none"])
def test_every_answer_forbids_what_the_page_does_not_need(sandbox: Sandbox, path: str) -> None:
    headers = httpx.get(f"{sandbox.url}{path}").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_an_html_message_is_a_document_that_can_run_and_load_nothing(sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", subject="a document")
    page = httpx.get(sandbox.url).text
    [path] = re.findall(r'<iframe src="(.+?)"', page)
    answer = httpx.get(sandbox.url + path)
    assert answer.text == '<base target="_blank"><p>x</p>'
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:2] == ["sandbox allow-popups allow-popups-to-escape-sandbox", "default-src 'none'"]
    assert not [directive for directive in policy if directive.startswith(("script-src", "connect-src", "form-action"))]


def test_an_unknown_message_is_not_found(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/messages/none/body").status_code == 404


@contextmanager
def events(sandbox: Sandbox, seconds: float = 240) -> Iterator[Iterator[str]]:
    """Events after the first, which tells of what was before; `httpx.ReadTimeout` when none comes in this time."""
    with httpx.stream("GET", f"{sandbox.url}/changes", timeout=seconds) as stream:
        lines = (line for line in stream.iter_lines() if line)
        next(lines)
        yield lines


def test_a_message_that_came_is_an_event(sandbox: Sandbox) -> None:
    with events(sandbox) as stream:
        sandbox.send("<p>x</p>")
        assert next(stream).startswith("data: ")


def test_a_delivery_that_moves_on_is_an_event_while_somebody_looks(sandbox: Sandbox) -> None:
    ids = sandbox.log_delivery("created", "pending")
    sandbox.send("<p>x</p>", ids=ids)
    with events(sandbox) as stream:
        sandbox.move_delivery(*ids, "created", "pending", "sent")
        assert next(stream).startswith("data: ")


def test_nothing_is_said_while_nothing_changes(sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", ids=sandbox.log_delivery("created", "pending", "sent"))
    with pytest.raises(httpx.ReadTimeout), events(sandbox, seconds=2.5) as stream:
        next(stream)


def test_only_the_views_that_a_message_has_are_offered(sandbox: Sandbox) -> None:
    sandbox.send("<p>x</p>", subject="no text part")
    page = httpx.get(sandbox.url, params={"view": "text"}).text
    assert "Plain text" not in page
    assert "<iframe" in page


def test_an_alert_is_shown_once_under_its_tab_however_often_it_was_told_and_leads_to_its_runbook(
    sandbox: Sandbox,
) -> None:
    with sandbox.fault("outage", provider="sns"):  # which concerns text messages alone
        for state in ("opened", "still open"):
            sandbox.tell(state)
    page = httpx.get(f"{sandbox.url}/alerts").text
    assert page.count("<article") == 1
    assert "Alerts <b>1</b>" in page
    assert "Why: sns: ServiceUnavailable; twilio: 503" in page
    [runbook] = re.findall(r'href="(/runbooks/[a-z.-]+)"', page)
    assert httpx.get(sandbox.url + runbook).text.startswith("# Runbook: outage")
    sandbox.tell("over")
    page = httpx.get(f"{sandbox.url}/alerts").text
    assert (page.count("<article"), "Alerts <b>0</b>" in page) == (1, True)
    told = [each["state"] for each in httpx.get(f"{sandbox.url}/api/alerts").json()]
    assert told == ["opened", "still open", "over"]
    assert "Alerts <b>0</b>" in httpx.get(sandbox.url).text
    assert not [each for each in sandbox.messages() if "outage" in each["body"]]


def test_an_alert_is_an_event(sandbox: Sandbox) -> None:
    with events(sandbox) as stream:
        sandbox.tell("opened", "push")
        assert next(stream).startswith("data: ")


def test_nothing_but_runbooks_is_served_as_one(sandbox: Sandbox) -> None:
    for name in ("none.md", "..%2Fcost.md", "..%2F..%2FREADME.md"):
        assert httpx.get(f"{sandbox.url}/runbooks/{name}").status_code == 404
