"""Links in messages: ours alone, each for one purpose, and harmless to follow."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.com",
        "/path",
        "https://",
        "ftp://example.com",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
        "https://example.com/ä",
        "https://example.com/" + "a" * 2048,
        "",
    ],
)
def test_only_what_a_browser_may_be_sent_to_is_tracked(url: str) -> None:
    with pytest.raises(ValueError, match="not a url"):
        LINKS.variables(LINK.notification_id, LINK.delivery_id)["tracked"](url)


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
