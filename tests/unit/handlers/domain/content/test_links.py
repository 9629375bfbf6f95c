"""Links in messages: ours alone, each for one purpose, and harmless to follow."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.content.budget import RefusedError
from handlers.domain.content.links import (
    SAMPLE_ID,
    VARIABLES,
    InvalidLinkError,
    Link,
    Links,
    Purpose,
    sample_links,
    sign,
    verify,
)

KEY = b"k" * 32
LINK = Link(str(uuid.UUID(int=1)), str(uuid.UUID(int=2)))
LINKS = Links("https://api.example.com/live", lambda: KEY)


@given(st.uuids(), st.uuids(), st.none() | st.text(min_size=1), st.sampled_from(Purpose))
def test_what_was_signed_is_verified_and_says_the_same(
    notification: uuid.UUID, delivery: uuid.UUID, target: str | None, purpose: Purpose
) -> None:
    link = Link(str(notification), str(delivery), target)
    assert verify(KEY, purpose, sign(KEY, purpose, link)) == link


@given(st.text())
def test_no_other_text_is_a_link(token: str) -> None:
    with pytest.raises(InvalidLinkError):
        verify(KEY, Purpose.CLICK, token)


@given(st.integers(min_value=0), st.characters(categories=["Lu", "Ll", "Nd"]))
def test_a_link_that_was_changed_anywhere_is_none(place: int, character: str) -> None:
    token = sign(KEY, Purpose.CLICK, Link(LINK.notification_id, LINK.delivery_id, "https://example.com"))
    place %= len(token) - 1  # the last character of base64 has bits that stand for nothing
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        with pytest.raises(InvalidLinkError):
            verify(KEY, Purpose.CLICK, changed)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_link_is_for_one_purpose_and_one_environment_alone(purpose: Purpose) -> None:
    token = sign(KEY, purpose, LINK)
    for other in set(Purpose) - {purpose}:
        with pytest.raises(InvalidLinkError):
            verify(KEY, other, token)
    with pytest.raises(InvalidLinkError):
        verify(b"another key", purpose, token)


def test_a_link_names_no_person_and_is_safe_in_a_path() -> None:
    url = LINKS.unsubscribe(LINK.notification_id, LINK.delivery_id)
    path, _, token = url.rpartition("/")
    assert path == "https://api.example.com/live/u"
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert len(token) == 87


def tracked(url: object) -> object:
    return LINKS.variables(LINK.notification_id, LINK.delivery_id)["tracked"](url)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://shop.example/a?b=c&d=%20e#f", "https://shop.example/a?b=c&d=%20e#f"),
        ("http://shop.example", "http://shop.example"),
        ("https://münchen.example/straße?q=ü#ä", "https://xn--mnchen-3ya.example/stra%C3%9Fe?q=%C3%BC#%C3%A4"),
        ("https://shop.example/a b", "https://shop.example/a%20b"),
        ("https://shop.example/{id}?x={y}|^`", "https://shop.example/%7Bid%7D?x=%7By%7D%7C%5E%60"),
        ("https://shop.example/50%", "https://shop.example/50%25"),
        ("https://shop.example/?q=a\\b", "https://shop.example/?q=a%5Cb"),
        (" https://shop.example/ ", "https://shop.example/"),
        ("HTTPS://shop.example/A", "HTTPS://shop.example/A"),
        ("https://shop.example/😀", "https://shop.example/%F0%9F%98%80"),
    ],
)
def test_what_can_be_followed_is_encoded_and_leads_exactly_there(url: str, target: str) -> None:
    link = tracked(url)
    assert isinstance(link, str)
    token = link.removeprefix("https://api.example.com/live/t/c/")
    assert verify(KEY, Purpose.CLICK, token).target == target
    assert re.fullmatch(r"[!-~]+", target)


@pytest.mark.parametrize(
    "url", ["", None, "#top", "mailto:ada@example.com?subject=a b", "tel:+49 151", "shop://order/1"]
)
def test_what_cannot_be_followed_stays_as_it_is(url: str | None) -> None:
    assert tracked(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("javascript:alert(1)", "javascript:, which no message may lead to"),
        ("JavaScript:alert(1)", "javascript:, which no message may lead to"),
        ("data:text/html,x", "data:, which no message may lead to"),
        ("//example.com", "does not begin with https://"),
        ("/path", "does not begin with https://"),
        ("www.example.com", "does not begin with https://"),
        ("not a url", "does not begin with https://"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https:example.com", "no host"),
        ("https://exa mple.com/", "host or port is not valid"),
        ("https://example.com:99999/", "host or port is not valid"),
        ("https://shop.example\\@evil.example/", "backslash"),
        ("https://example.com/\r\nX: y", "control character"),
        ("https://example.com/" + "a" * 2048, "more than 2048 characters"),
        ("https://example.com/" + "ä" * 1000, "more than 2048 characters once encoded"),
        (42, "no text"),
        (["https://example.com"], "no text"),
    ],
)
def test_what_is_no_url_is_refused_with_the_reason(url: object, reason: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(reason)):
        tracked(url)


@given(st.text(max_size=60) | st.from_regex(r"https?://.{0,40}", fullmatch=True))
def test_whatever_it_is_given_it_leads_to_a_url_as_it_is_sent_or_nowhere(url: str) -> None:
    try:
        link = tracked(url)
    except RefusedError:
        return
    assert isinstance(link, str)
    if link != url:
        target = verify(KEY, Purpose.CLICK, link.rpartition("/")[2]).target or ""
        assert re.fullmatch(r"[!-~]+", target)
        assert target.lower().startswith(("http://", "https://"))


def test_a_sample_has_every_variable_as_long_as_the_real_one() -> None:
    real = LINKS.variables(LINK.notification_id, LINK.delivery_id)
    sample = sample_links(LINKS.base_url).variables(SAMPLE_ID, SAMPLE_ID)
    assert sample.keys() == VARIABLES.keys() == real.keys()
    assert len(sample["unsubscribe_url"]) == len(real["unsubscribe_url"])
    assert len(sample["open_url"]) == len(real["open_url"])
    target = "https://shop.example.com/orders/42"
    assert len(sample["tracked"](target)) == len(real["tracked"](target))


def test_a_sample_leads_nowhere() -> None:
    sample = sample_links(LINKS.base_url).variables(SAMPLE_ID, SAMPLE_ID)
    with pytest.raises(InvalidLinkError):
        verify(LINKS.secret(), Purpose.UNSUBSCRIBE, sample["unsubscribe_url"].rpartition("/")[2])
