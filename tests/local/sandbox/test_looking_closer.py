"""What the page shows of one message beside itself: its links, its source, what was tried; and how to find it."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern

import httpx
import pytest

from local.sandbox.links import Found, links_of
from local.sandbox.messages import Message
from local.sandbox.sources import source_of
from tests.local.support import SENDER, Sandbox


def mail(body: str, **fields: object) -> Message:
    return Message("email", "ses", "ada@example.com", body, content_type="text/html", **fields)  # type: ignore[arg-type]


def shown(sandbox: Sandbox, subject: str, view: str) -> str:
    """A view of the newest message of this subject."""
    found = httpx.get(sandbox.url, params={"q": subject, "view": view}).text
    return found[found.index('<nav class="views"') :]


def test_the_links_of_a_mail_are_what_is_followed_and_loaded_in_their_order() -> None:
    body = (
        '<a href="https://a.example/?x=1&amp;y=2">To <b>A</b>\n</a><img src="https://b.example/i.png" alt="B">'
        '<img src="data:image/png;base64,AA"><a name="x">no link</a><map><area href="#top" alt="top"></map>'
        '<!-- <a href="https://hidden.example">x</a> --><a href="mailto:c@example.com"><i></i>'
    )
    header = (("List-Unsubscribe", "<https://u.example/1>, <mailto:u@example.com>"),)
    assert links_of(mail(body, headers=header)) == [
        Found("To A", "https://a.example/?x=1&y=2"),
        Found("B", "https://b.example/i.png", is_image=True),
        Found("top", "#top"),
        Found("without a text", "mailto:c@example.com"),
        Found("List-Unsubscribe", "https://u.example/1"),
        Found("List-Unsubscribe", "mailto:u@example.com"),
    ]


def test_the_links_of_a_text_end_where_its_sentences_do() -> None:
    text = Message(
        "sms", "sns", "+49", "Pay at https://a.example/x?y=1. (or https://b.example) <https://c.example|here>!"
    )
    assert [each.url for each in links_of(text)] == [
        "https://a.example/x?y=1",
        "https://b.example",
        "https://c.example",
    ]


def test_each_link_is_checked_by_its_signature_and_form(sandbox: Sandbox) -> None:
    ids = sandbox.log_delivery("created", "pending", "sent")
    ours, theirs = sandbox.links(), sandbox.log_delivery("created")
    good = ours.clicked(*ids, "https://shop.example.com/basket")
    stranger = ours.clicked(*theirs, "https://shop.example.com/")
    urls = [
        *(good, good[:-1] + ("A" if good[-1] != "A" else "B"), stranger, ours.unsubscribe(*ids)),
        *("https://direct.example/", "http://plain.example/", "https://broken.example:port/", "javascript:alert(1)"),
        "tel:+4915112345678",
    ]
    sandbox.send("".join(f'<a href="{url}">x</a>' for url in urls), subject="Nine links", ids=ids)
    page = shown(sandbox, "Nine links", "links")
    rows = page[page.index('<ol class="links"') :].split("<li>")[1:]
    expected = [
        ("tracked", "https://shop.example.com/basket"),
        ("tracked", "its signature is not ours"),
        ("tracked", "it speaks for another delivery"),
        ("unsubscribe", "/u/"),
        ("direct", "https://direct.example/"),
        ("direct", "not encrypted"),
        ("broken", "its host or port is not valid"),
        ("broken", "which no message may lead to"),
        ("tel", "tel:+4915112345678"),
    ]
    assert len(rows) == len(expected)
    for row, (kind, said) in zip(rows, expected, strict=True):
        assert f">{kind}</span>" in row, said
        assert said in row
    assert [number for number, row in enumerate(rows) if "data-wrong" in row] == [1, 2, 6, 7]
    assert 'href="javascript' not in page


def test_the_source_of_a_mail_is_one_that_a_mail_program_reads() -> None:
    message = mail(
        "<p>Grüße</p>",
        text="Grüße",
        subject="Rä\r\nBcc: eve@example.com",
        headers=(("From", SENDER), ("List-Unsubscribe", "<https://u.example/1>"), ("Content-Type", "text/x")),
    )
    read = message_from_bytes((source_of(message) or "").encode(), policy=modern)
    assert isinstance(read, EmailMessage)
    assert (read["From"], read["To"], read["Bcc"]) == (SENDER, "ada@example.com", None)
    assert read["Subject"] == "Rä Bcc: eve@example.com"
    assert [part.get_content().strip() for part in read.iter_parts()] == ["Grüße", "<p>Grüße</p>"]
    assert "<p>Grüße</p>" in (source_of(message) or ""), "nobody can read it"


def test_the_source_is_text_on_the_page_and_a_file_beside_it(sandbox: Sandbox) -> None:
    sandbox.send("<script>alert(1)</script>", subject="With a source")
    page = shown(sandbox, "With a source", "source")
    assert "Subject: With a source" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    path = page.partition('href="')[2][page.partition('href="')[2].index("/messages/") :].partition('"')[0]
    answer = httpx.get(sandbox.url + path)
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert httpx.get(f"{sandbox.url}/messages/none/source").status_code == 404


def test_attempts_are_among_what_happened_in_the_order_of_time(sandbox: Sandbox) -> None:
    ids = sandbox.log_delivery("created", "pending")
    failed = {"provider": "ses", "outcome": "unavailable", "error": "ServiceUnavailable"}
    sandbox.attempt(ids, failed, {"provider": "sendgrid", "outcome": "accepted"})
    sandbox.send("<p>x</p>", subject="Tried twice", ids=ids)
    history = shown(sandbox, "Tried twice", "history")
    said = ["created", "pending", "attempt 1", "ses", "unavailable", "ServiceUnavailable", "attempt 2", "accepted"]
    places = [history.index(f">{each}<") for each in said]
    assert places == sorted(places)


def test_a_message_is_found_by_its_user_its_address_and_its_ids(sandbox: Sandbox) -> None:
    ids = sandbox.log_delivery("created", "pending", "sent", user="grace-hopper")
    sandbox.send("<p>x</p>", subject="To be found", ids=ids)
    for looked_for in ("GRACE-h", ids[0], ids[1], "to be found"):
        assert "To be found" in httpx.get(sandbox.url, params={"q": looked_for}).text, looked_for
    assert "To be found" in httpx.get(sandbox.url, params={"q": "ada@example.com", "user": "grace-hopper"}).text
    assert "Nothing like that so far." in httpx.get(sandbox.url, params={"q": "nobody@example.com"}).text


def test_what_no_provider_has_taken_yet_is_found_in_the_log_by_its_notification(sandbox: Sandbox) -> None:
    ids = sandbox.log_delivery("created", "pending")
    sandbox.attempt(ids, {"provider": "ses", "outcome": "unavailable", "error": "ServiceUnavailable"})
    page = httpx.get(sandbox.url, params={"q": ids[0]}).text
    assert "No provider has taken it yet" in page
    assert ids[1] in page
    assert ">attempt 1<" in page


@pytest.mark.parametrize("looked_for", ["00000000-0000-0000-0000-000000000000", "' OR 1=1", "<b>"])
def test_what_is_not_there_is_not_found(sandbox: Sandbox, looked_for: str) -> None:
    page = httpx.get(sandbox.url, params={"q": looked_for})
    assert page.status_code == 200
    assert "Nothing like that so far." in page.text
