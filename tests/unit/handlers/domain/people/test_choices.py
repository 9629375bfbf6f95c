"""What somebody chose holds for them and for their addresses, and nobody takes back what another refused unasked."""

from typing import Any

import pytest

from handlers.domain.people.choices import Choices, Holder, Speaker
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.same_address import address_key, canonical
from handlers.domain.people.settings import Offer, UserSettings

OFFER = Offer(frozenset({"news", "offers", "security"}), frozenset({"security"}), ("email", "sms", "push"))
ADA = Reach({"email": (Endpoint("Ada@example.com"),), "sms": (Endpoint("+442079460123"),)})


def settings(**categories: dict[str, bool]) -> UserSettings:
    return UserSettings(categories=categories)


def choices(own: UserSettings | None = None, **addresses: UserSettings) -> Choices:
    return Choices(own or settings(), {"email": settings(), "sms": settings(), **addresses})


OUT = settings(news={"email": False})


# -- one rule of the same address --------------------------------------------------------------------------------------


def test_letter_case_tells_no_addresses_apart() -> None:
    assert canonical("Ada@Example.com") == canonical("ada@example.COM")
    assert address_key("Ada@Example.com") == address_key("ada@example.COM") != address_key("bob@example.com")


# -- who speaks for whom -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speaker", "reach", "user_id", "addresses"),
    [
        (Speaker("ada"), ADA, "ada", {"email": "Ada@example.com", "sms": "+442079460123"}),
        (Speaker("ada"), None, "ada", {}),
        (Speaker("ada", "push", "token"), ADA, "ada", {"email": "Ada@example.com", "sms": "+442079460123"}),
        (Speaker("ada", "email", "ada@EXAMPLE.com"), ADA, "ada", {"email": "Ada@example.com", "sms": "+442079460123"}),
        (Speaker("ada", "email", "old@example.com"), ADA, None, {"email": "old@example.com"}),
        (Speaker("ada", "sms", "+442079460999"), ADA, None, {"sms": "+442079460999"}),
        (Speaker("ada", "email", "ada@example.com"), None, None, {"email": "ada@example.com"}),
        (Speaker(None, "email", "bob@example.com"), None, None, {"email": "bob@example.com"}),
    ],
)
def test_a_link_speaks_for_the_user_while_the_address_is_theirs(
    speaker: Speaker, reach: Reach | None, user_id: str | None, addresses: dict[str, str]
) -> None:
    assert speaker.holder(reach) == Holder(user_id, addresses)


# -- what holds --------------------------------------------------------------------------------------------------------


def test_what_is_refused_at_an_address_holds_for_the_user_there() -> None:
    held = choices(settings(news={"email": True, "sms": True}), email=OUT).settings
    assert held.categories == {"news": {"email": False, "sms": True}}


@pytest.mark.parametrize("opt_out", [lambda now: now.without("news", "email"), lambda now: now.replaced(OUT, OFFER)])
def test_what_a_user_refuses_is_refused_at_their_address_and_nowhere_else(opt_out: Any) -> None:
    after = opt_out(choices())
    assert (after.own, after.addresses) == (OUT, {"email": OUT, "sms": settings()})


def test_who_wants_it_again_has_it_again_at_their_address() -> None:
    wanted = settings(news={"email": True})
    for before in (choices(OUT, email=OUT), choices(email=OUT)):
        for after in (before.updated(wanted), before.replaced(wanted, OFFER)):
            assert after.addresses["email"] == settings()
            assert after.settings.allow("news", "email")


def test_not_to_name_what_one_refused_oneself_is_to_want_it_again() -> None:
    assert choices(OUT, email=OUT).replaced(settings(), OFFER).settings == settings()


def test_not_to_name_what_was_refused_at_the_address_leaves_it_refused() -> None:
    for after in (choices(email=OUT).replaced(settings(), OFFER), choices(email=OUT).without("offers", "email")):
        assert not after.settings.allow("news", "email")


def test_what_is_read_can_be_written_back_and_changes_nothing_that_holds() -> None:
    before = choices(settings(news={"email": True}, gone={"email": False}, security={"email": False}), email=OUT)
    shown = OFFER.shown(before.settings)
    OFFER.check(shown)
    after = before.replaced(shown, OFFER)
    assert OFFER.shown(after.settings) == shown
    # What could not be chosen is kept: the category may come back, or be critical no longer.
    assert not after.settings.allow("gone", "email")
    assert not after.settings.allow("security", "email")


def test_a_user_who_comes_to_another_address_brings_what_they_refuse() -> None:
    there = settings(offers={"email": False})
    after = choices(settings(news={"email": False, "sms": True, "push": False}), email=there).carried()
    assert after.addresses == {"email": settings(offers={"email": False}, news={"email": False}), "sms": settings()}
    assert after.carried() == after


def test_an_address_that_is_nobodys_has_nothing_of_its_own() -> None:
    bare = Choices(settings(), {"email": settings()}, is_user=False)
    after = bare.without("news", "email")
    assert (after.own, after.addresses) == (settings(), {"email": OUT})
