"""What tells devices apart, and what a change of a contact's devices means to those who have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.people.devices import MAX_DEVICES, Device, Moves, device_key, moves

MOST_ITEMS_OF_A_TRANSACTION = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""

KEYS = st.frozensets(st.sampled_from("abcdef"))


def test_a_token_is_another_device_on_another_platform() -> None:
    assert device_key("apns", "ab" * 60) != device_key("fcm", "ab" * 60)


def test_an_apns_token_in_capitals_is_the_same_device_and_an_fcm_token_is_not() -> None:
    assert device_key("apns", "AB" * 32) == device_key("apns", "ab" * 32)
    assert device_key("fcm", "A" * 120) != device_key("fcm", "a" * 120)


@pytest.mark.parametrize("token", ["x" * 100, "x" * 4096])
def test_a_key_fits_into_dynamodb_however_long_the_token(token: str) -> None:
    key = Device.model_validate({"deviceToken": token, "platform": "fcm"}).key
    assert len(key) == 64
    assert token not in key


def test_what_comes_is_told_with_whose_it_is_and_what_goes_without() -> None:
    assert moves("ada", {"stays", "goes"}, {"stays", "nobodys", "bobs"}, {"nobodys": None, "bobs": "bob"}) == Moves(
        coming={"nobodys": None, "bobs": "bob"}, going=frozenset({"goes"})
    )


def test_what_is_the_users_but_was_not_in_the_contact_comes_too() -> None:
    assert moves("ada", set(), {"hers"}, {"hers": "ada"}).coming == {"hers": "ada"}


@pytest.mark.parametrize("owner", [None, "bob"])
def test_what_stays_but_is_not_the_users_comes_too(owner: str | None) -> None:
    assert moves("ada", {"stays"}, {"stays"}, {"stays": owner}).coming == {"stays": owner}


@given(KEYS, KEYS, st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([None, "ada", "bob"])))
def test_what_is_in_the_contact_afterwards_has_come_or_was_there_and_is_not_known_to_be_anothers(
    before: frozenset[str], after: frozenset[str], owners: dict[str, str | None]
) -> None:
    moving = moves("ada", before, after, owners)
    assert moving.coming.keys() <= after
    assert after - moving.coming.keys() <= before
    assert all(owners.get(key, "ada") == "ada" for key in after - moving.coming.keys())
    assert moving.going == before - after


def test_a_whole_contact_of_devices_can_be_replaced_by_those_of_as_many_others_in_one_transaction() -> None:
    for_the_contact, for_each_that_goes, for_each_that_comes = 1, 1, 2
    most = for_the_contact + MAX_DEVICES * (for_each_that_goes + for_each_that_comes)
    assert most <= MOST_ITEMS_OF_A_TRANSACTION
