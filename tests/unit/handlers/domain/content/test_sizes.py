"""What a channel and its providers take: each bound at both of its sides, and what says nothing to its reader."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.channels import Channel
from handlers.domain.content import sms
from handlers.domain.content.messages import Message
from handlers.domain.content.push_payloads import fcm_message
from handlers.domain.content.rendering import Fault, RenderedContent, TemplateError
from handlers.domain.content.sizes import LIMITS, EmptyError, TooLongError, check, is_blank, shows_something
from handlers.domain.model import compact
from handlers.domain.notifications.deliveries import Priority, Reason
from handlers.domain.people.reach import Endpoint
from handlers.domain.providers.registry import PROVIDERS

ID = "6f8d5c1e-2f0b-5a7e-9b51-3c6d9b0f4a11"
EMAIL = {"subject": "Hello", "body": "<p>Hello</p>"}


def message(platform: str | None = None, expires_at: datetime | None = None, **content: Any) -> Message:
    return Message(
        Endpoint("", platform),
        RenderedContent(**content),
        ID,
        ID,
        "payment",
        Priority.NORMAL,
        expires_at,
    )


def faults(channel: Channel, platform: str | None = None, segments: int = 10, **content: Any) -> list[Fault]:
    try:
        check([message(platform, **content)], channel, segments)
    except TemplateError as error:
        return list(error.faults)
    return []


# -- empty -------------------------------------------------------------------------------------------------------------

BLANK = ["", " ", "\t\r\n", "\u00a0\u2003\u3000", "\u200b\u2060\ufeff", "\x00\x1f", "\u2028"]


@pytest.mark.parametrize("text", BLANK)
def test_a_text_of_white_space_and_of_what_is_not_shown_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["0", " . ", "é", "👩\u200d👧", "\u200bx"])
def test_a_text_with_anything_to_see_is_not_blank(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize("blank", BLANK)
@pytest.mark.parametrize(
    ("channel", "content", "field"),
    [
        ("email", EMAIL, "subject"),
        ("email", EMAIL, "body"),
        ("email", {**EMAIL, "text": "Hello"}, "text"),
        ("push", {"subject": "Hello", "body": "Hello"}, "subject"),
        ("push", {"subject": "Hello", "body": "Hello"}, "body"),
        ("push", {"body": "Hello"}, "body"),
        ("sms", {"body": "Hello"}, "body"),
        ("chat", {"body": "Hello"}, "body"),
    ],
)
def test_a_field_that_says_nothing_is_named(channel: Channel, content: dict[str, Any], field: str, blank: str) -> None:
    assert faults(channel, **content) == []
    [fault] = faults(channel, **{**content, field: blank})
    assert (fault.field, fault.message.startswith("is empty once rendered")) == (field, True)


def test_every_field_that_says_nothing_is_named_at_once() -> None:
    assert [fault.field for fault in faults("email", subject="", body="<p></p>")] == ["subject", "body"]


def test_what_is_empty_and_what_is_too_long_end_for_their_own_reasons() -> None:
    with pytest.raises(EmptyError) as empty:
        check([message(body=" ")], "sms", 10)
    with pytest.raises(TooLongError) as too_long:
        check([message(body="x" * 161)], "sms", 1)
    assert (empty.value.reason, too_long.value.reason) == (Reason.MESSAGE_EMPTY, Reason.MESSAGE_TOO_LONG)


@pytest.mark.parametrize(
    "html",
    [
        "<p></p>",
        "<html><head><title>Receipt</title><style>p { color: red }</style></head><body><div>&nbsp;</div></body></html>",
        "<!-- Hello -->",
        "<!-- never closed <p>Hello</p>",
        "<script>alert('Hello')</script >",
        "<template><p>Hello</p></template>",
        "&#8203;&zwnj;&#x20;",
        "<br><hr>",
        '<img src="https://api.example.com/t/o/token" alt="">',
        '<img src="https://example.com/p.gif" width="1" height="1">',
        "<img src=https://example.com/p.gif width=0>",
        '<img src="https://example.com/p.gif" style="height: 1px">',
        "<!-- <img src='https://example.com/a.png'> -->",
        "<p",
    ],
)
def test_a_mail_that_shows_neither_text_nor_an_image_is_empty(html: str) -> None:
    assert not shows_something(html)
    assert [fault.field for fault in faults("email", subject="s", body=html)] == ["body"]


@pytest.mark.parametrize(
    "html",
    [
        "Hello",
        "<p>0</p>",
        "5 < 6",
        "&lt;",
        "&#128512;",
        '<img src="https://example.com/a.png">',
        '<a href="https://example.com"><img src="https://example.com/a.png" width="100" height="10"></a>',
        '<img src="https://example.com/p.gif" width="1"><img src="https://example.com/a.png" width="100%">',
        "<svg><path d=''/></svg>",
        "<![if !mso]><p>Hello</p><![endif]>",
        "<title>Receipt</title><p>Hello</p>",
    ],
)
def test_a_mail_that_shows_anything_is_not_empty(html: str) -> None:
    assert shows_something(html)
    assert faults("email", subject="s", body=html) == []


def test_a_mail_of_an_image_alone_has_nothing_to_say_in_plain_text() -> None:
    assert faults("email", subject="s", body='<img src="https://example.com/a.png">', text="") == []


@given(st.text(st.sampled_from("<>!-/ a=\"'&;styleimg"), max_size=200))
def test_any_text_can_be_read_as_html(html: str) -> None:
    assert shows_something(html) in (True, False)


# -- too long ----------------------------------------------------------------------------------------------------------


def longest(channel: Channel, platform: str | None, character: str, **content: str) -> int:
    """As how many of a character a body may be, found by trying."""
    few, many = 1, 100_000
    while many - few > 1:
        middle = (few + many) // 2
        fits = not faults(channel, platform, segments=1000, **{"body": character * middle, **content})
        few, many = (middle, many) if fits else (few, middle)
    return few


@pytest.mark.parametrize(
    ("channel", "platform", "character", "most"),
    [
        ("chat", "discord", "x", 2000),
        ("chat", "discord", "😀", 2000),  # code points, and neither UTF-16 units nor bytes
        ("chat", "slack", "x", 40_000),
        ("chat", "slack", "😀", 40_000),
        ("chat", "slack", "&", 40_000),  # the author's own; of a value it goes as &amp;
        ("sms", None, "x", 1600),
        ("sms", None, "ж", 1600),
        ("sms", None, "😀", 800),  # two units of UTF-16 each
    ],
)
def test_characters_are_counted_as_the_provider_counts_them(
    channel: Channel, platform: str, character: str, most: int
) -> None:
    assert longest(channel, platform, character) == most


@pytest.mark.parametrize(("channel", "platform"), [("push", "apns"), ("push", "fcm"), ("chat", "teams")])
def test_bytes_are_counted_where_a_provider_counts_bytes(channel: Channel, platform: str) -> None:
    room = longest(channel, platform, "x")
    assert longest(channel, platform, "é") == room // 2
    assert longest(channel, platform, "😀") == room // 4
    assert longest(channel, platform, '"') == room // 2  # JSON writes it as two


@pytest.mark.parametrize("platform", ["apns", "fcm"])
def test_a_title_takes_of_the_same_room_as_the_text(platform: str) -> None:
    room = longest("push", platform, "x")
    assert longest("push", platform, "x", subject="y" * 100) == room - len(',"title":""') - 100
    [fault] = faults("push", platform, subject="y" * 4000, body="x" * 200)
    assert fault.field == "subject", "the one to shorten"


def test_a_subject_is_no_longer_than_a_line_of_mail_may_be() -> None:
    assert faults("email", subject="x" * 998, body="b") == []
    assert faults("email", subject="é" * 499, body="b") == []
    [fault] = faults("email", subject="é" * 499 + "x", body="b")
    assert (fault.field, fault.message) == (
        "subject",
        "is too long for the subject of a mail once rendered: 999 bytes, of at most 998",
    )


def test_a_text_message_goes_in_as_many_parts_as_the_configuration_allows() -> None:
    assert faults("sms", body="x" * 1530) == []
    assert faults("sms", body="ж" * 670) == []
    assert faults("sms", segments=3, body="x" * 459) == []
    for segments, body, parts in ((10, "x" * 1531, 11), (10, "ж" * 671, 11), (3, "x" * 460, 4)):
        [fault] = faults("sms", segments=segments, body=body)
        expected = f"is too long once rendered: it would go in {parts} text messages, of at most {segments}"
        assert fault == Fault("body", expected)


def test_no_text_that_providers_take_needs_more_parts_than_can_be_configured() -> None:
    longest_texts = ("x" * 1600, "€" * 1600, "ж" * 1600, "😀" * 800)
    assert all(faults("sms", segments=25, body=text) == [] for text in longest_texts)
    assert max(sms.segments(text) for text in longest_texts) == 25


def test_what_is_too_long_is_told_with_the_limit_and_the_size() -> None:
    [fault] = faults("chat", "discord", body="x" * 2001)
    assert fault == Fault("body", "is too long for Discord once rendered: 2,001 characters, of at most 2,000")


@pytest.mark.parametrize("platform", ["webhook", None])
def test_a_webhook_of_ones_own_takes_anything(platform: str | None) -> None:
    assert faults("chat", platform, body="x" * 256 * 1024) == []


def test_what_is_too_long_for_several_is_told_of_each_and_what_is_empty_once() -> None:
    platforms = ("discord", "slack", "teams")
    with pytest.raises(TooLongError) as too_long:
        check([message(platform, body="x" * 40_001) for platform in platforms], "chat", 10)
    assert [fault.message.split()[4] for fault in too_long.value.faults] == ["Discord", "Slack", "Teams"]
    with pytest.raises(EmptyError) as empty:
        check([message(platform, body="") for platform in platforms], "chat", 10)
    assert len(empty.value.faults) == 1


def test_a_platforms_bound_is_no_other_ones() -> None:
    assert faults("chat", "slack", body="x" * 2001) == []
    assert faults("chat", "teams", body="x" * 2001) == []


def test_every_platform_of_every_channel_has_a_bound_but_a_webhook_of_ones_own() -> None:
    bounded = {limit.platform for limit in LIMITS if limit.platform}
    platforms = {each.name for each in PROVIDERS if each.channel == "chat"} | {"apns", "fcm"}
    assert platforms - bounded == {"webhook"}
    assert {limit.channel for limit in LIMITS} == {each.channel for each in PROVIDERS}


def test_a_message_for_fcm_is_measured_alike_whenever_that_is() -> None:
    now = datetime(2030, 1, 31, tzinfo=UTC)
    [measure] = [limit.size for limit in LIMITS if limit.platform == "fcm"]
    expiring = message("fcm", expires_at=now + timedelta(days=300), body="x")
    assert measure(expiring) == len(compact(fcm_message(expiring, now)))
    assert measure(expiring) >= len(compact(fcm_message(expiring, now + timedelta(days=299, hours=23))))
