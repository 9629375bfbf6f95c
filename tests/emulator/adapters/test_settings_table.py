"""What people chose, in real tables: kept for users and their addresses, and of changes at once none is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from handlers.adapters.aws import dynamo
from handlers.adapters.aws.dynamo import plain
from handlers.adapters.aws.settings import SettingsTable
from handlers.domain.people.choices import Speaker
from handlers.domain.people.contacts import Contact, changes
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import Offer, UserSettings
from handlers.domain.problems import Contended
from tests.emulator.adapters.registry import Meanwhile, Registry

OFFER = Offer(frozenset({"marketing", "news"}), frozenset(), ("email", "sms"))
CHOSEN = UserSettings.model_validate(
    {"categories": {"marketing": {"email": False}}, "quiet_hours": {"start": "22:00", "end": "08:00"}}
)
ADA = Speaker("ada")
MAIL = address_key("ada@example.com")


class Tables:
    """The tables of settings and contacts, and a client that tells the calls."""

    def __init__(self, registry: Registry, name: str, client: Any) -> None:
        self.registry, self.name, self.client = registry, name, client
        self.settings = self.seen_by(client)

    def seen_by(self, client: Any) -> SettingsTable:
        return SettingsTable(self.name, self.registry.names[0], client)

    def contact(self, user_id: str, **fields: Any) -> None:
        """Write it, and let the settings follow, as the API does."""
        contact = Contact.model_validate(fields)
        self.registry.contacts.put(user_id, contact)
        self.settings.carry(user_id, contact.document())

    def refused(self, key: str) -> Any:
        """Of which categories the item has opted out on any channel; None if there is none."""
        item = self.client.get_item(TableName=self.name, Key={"user_id": {"S": key}}, ConsistentRead=True).get("Item")
        if item is None:
            return None
        return {name for name, of in plain(item)["categories"].items() if not all(of.values())}


@pytest.fixture
def tables(registry: Registry, new_table: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setattr(dynamo, "_FIRST_WAIT", 0)
    return Tables(registry, new_table("settings", "user_id"), registry.client)


def test_what_was_put_is_got_whole(tables: Tables) -> None:
    assert tables.settings.put("ada", UserSettings(), OFFER)[1]
    chosen, created = tables.settings.put("ada", CHOSEN, OFFER)
    assert (chosen.settings, created) == (CHOSEN, False)
    assert tables.settings.get(ADA).settings == CHOSEN


def test_who_never_chose_has_chosen_nothing(tables: Tables) -> None:
    assert tables.settings.get(ADA).settings == UserSettings()


def test_what_a_user_refuses_is_refused_at_their_addresses_in_one_transaction(tables: Tables) -> None:
    tables.contact("ada", email="Ada@example.com", phone="+442079460123")
    client = Meanwhile(tables.client)
    refused = UserSettings(categories={"marketing": {"email": False, "sms": False}, "news": {"sms": False}})
    tables.seen_by(client).put("ada", refused, OFFER)
    assert client.calls == ["get_item", "batch_get_item", "transact_write_items"]
    assert tables.refused(MAIL) == {"marketing"}
    assert tables.refused(address_key("+442079460123")) == {"marketing", "news"}


def test_what_is_refused_at_an_address_holds_for_whoever_is_there_until_they_want_it(tables: Tables) -> None:
    tables.contact("ada", email="Ada@example.com")
    bare = Speaker(None, "email", "ADA@example.com")
    client = Meanwhile(tables.client)
    tables.seen_by(client).change(bare, lambda now: now.without("news", "email"))
    assert client.calls == ["batch_get_item", "transact_write_items"]
    assert not tables.settings.get(ADA).settings.allow("news", "email")
    tables.settings.put("ada", UserSettings(categories={"news": {"email": True}}), OFFER)
    assert tables.settings.get(bare).settings.allow("news", "email")


def test_a_user_who_comes_to_an_address_brings_what_they_refuse(tables: Tables) -> None:
    tables.settings.put("ada", CHOSEN, OFFER)
    assert tables.refused(MAIL) is None
    tables.contact("ada", email="ada@example.com")
    assert tables.refused(MAIL) == {"marketing"}


def test_who_refuses_nothing_costs_one_call_and_who_has_no_address_none(tables: Tables) -> None:
    client = Meanwhile(tables.client)
    tables.seen_by(client).carry("ada", {"email": "ada@example.com"})
    tables.seen_by(client).carry("ada", {"locale": "de"})
    assert client.calls == ["batch_get_item"]


def test_a_contact_that_is_gone_leaves_its_address_opted_out(tables: Tables) -> None:
    tables.contact("ada", email="ada@example.com")
    tables.settings.put("ada", CHOSEN, OFFER)
    tables.registry.contacts.delete("ada")
    assert tables.refused(MAIL) == {"marketing"}


@pytest.mark.parametrize("nth", [1, 2])
def test_an_opt_out_reaches_the_address_that_the_user_comes_to_at_that_moment(nth: int, tables: Tables) -> None:
    tables.contact("ada", email="old@example.com")
    moving = Meanwhile(tables.client, nth, lambda: tables.contact("ada", email="ada@example.com"))
    tables.seen_by(moving).put("ada", CHOSEN, OFFER)
    assert tables.refused(MAIL) == {"marketing"}


@pytest.mark.parametrize("nth", [0, 1])
def test_a_user_who_comes_to_an_address_brings_what_they_refuse_at_that_moment(nth: int, tables: Tables) -> None:
    tables.settings.put("ada", UserSettings(categories={"news": {"email": False}}), OFFER)
    both = UserSettings(categories={"news": {"email": False}, "marketing": {"email": False}})
    tables.registry.contacts.put("ada", Contact(email="ada@example.com"))

    def choose() -> None:
        tables.settings.put("ada", both, OFFER)

    choosing = Meanwhile(tables.client, nth, choose)
    tables.seen_by(choosing).carry("ada", {"email": "ada@example.com"})
    assert tables.refused(MAIL) == {"news", "marketing"}


def test_a_patch_of_one_address_leaves_the_other_as_it_is(tables: Tables) -> None:
    tables.contact("ada", phone="+442079460123")
    tables.settings.put("ada", CHOSEN, OFFER)
    tables.registry.contacts.change("ada", changes(Contact(email="ada@example.com")))
    tables.settings.carry("ada", {"email": "ada@example.com"})
    assert tables.refused(MAIL) == {"marketing"}


def test_of_changes_at_once_none_is_lost(tables: Tables) -> None:
    tables.contact("ada", email="ada@example.com")

    def opt_out(number: int) -> None:
        tables.settings.change(ADA, lambda now: now.without(f"c{number}", "email"))

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(opt_out, range(3)))
    assert tables.refused("ada") == tables.refused(MAIL) == {f"c{number}" for number in range(3)}


def test_settings_that_never_stand_still_are_told(tables: Tables) -> None:
    count = iter(range(100))

    def change(now: Any) -> Any:
        tables.settings.put("ada", UserSettings(categories={f"c{next(count)}": {}}), OFFER)  # somebody is quicker
        return now.without("news", "email")

    with pytest.raises(Contended):
        tables.settings.change(ADA, change)
