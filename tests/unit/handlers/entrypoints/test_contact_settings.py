"""The settings API, with a table in memory."""

from typing import Any

import pytest

from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import Offer, UserSettings
from handlers.entrypoints import contacts
from tests.unit.handlers.entrypoints.gateway import Answer, call
from tests.unit.handlers.memory import MemoryChoices

CHOSEN = {
    "categories": {"marketing": {"email": False, "push": True}},
    "quiet_hours": {"start": "22:00", "end": "08:00"},
}


OFFER = Offer(frozenset({"marketing", "payment", "security"}), frozenset({"security"}), ("email", "push"))


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> MemoryChoices:
    table = MemoryChoices()
    monkeypatch.setattr(contacts, "settings_table", table)
    monkeypatch.setattr(contacts, "offer", OFFER)
    return table


def ask(method: str, body: Any = None, user: str = "ada") -> Answer:
    return call(contacts.handler, method, f"/v1/contacts/{user}/settings", body)


def test_a_put_answers_201_then_200_with_the_settings_and_a_get_finds_them() -> None:
    answers = [ask("PUT", CHOSEN) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].body == answers[1].body == ask("GET").body == CHOSEN


def test_who_never_chose_is_opted_in_to_everything_at_any_time() -> None:
    answer = ask("GET")
    assert (answer.status, answer.body) == (200, {"categories": {}, "quiet_hours": None})


def test_a_put_replaces_all_that_was_chosen_before() -> None:
    ask("PUT", CHOSEN)
    assert ask("PUT", {"quiet_hours": None}).body == {"categories": {}, "quiet_hours": None}
    assert ask("GET").body == {"categories": {}, "quiet_hours": None}


def test_settings_of_one_user_are_not_anothers() -> None:
    ask("PUT", CHOSEN, user="ada")
    assert ask("GET", user="bob").body["quiet_hours"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"categories": {"Marketing!": {"email": False}}}, "categories.Marketing!"),
        ({"categories": {"marketting": {"email": False}}}, "categories.marketting"),
        ({"categories": {"marketing": {"fax": False}}}, "categories.marketing.fax"),
        ({"categories": {"marketing": {"sms": False}}}, "categories.marketing.sms"),
        ({"categories": {"security": {"email": False}}}, "categories.security"),
        ({"categories": {"marketing": {"email": "no"}}}, "categories.marketing.email"),
        ({"categories": {f"c{n}": {} for n in range(201)}}, "categories"),
        ({"quiet_hours": {"start": "22:00"}}, "quiet_hours.end"),
        ({"quiet_hours": {"start": "24:00", "end": "08:00"}}, "quiet_hours.start"),
        ({"quiet_hours": {"start": "22:00:00", "end": "08:00"}}, "quiet_hours.start"),
        ({"quiet_hours": {"start": "72000", "end": "08:00"}}, "quiet_hours.start"),
        ({"quiet_hours": {"start": "2200Z", "end": "08:00"}}, "quiet_hours.start"),
        ({"quiet_hours": {"start": 1320, "end": "08:00"}}, "quiet_hours.start"),
        ({"quiet_hours": {"start": "08:00", "end": "08:00"}}, "quiet_hours.end"),
        ({"quiet_hours": {"start": "22:00", "end": "08:00", "days": []}}, "quiet_hours.days"),
        ({"user_id": "bob"}, "user_id"),
    ],
)
def test_settings_that_mean_nothing_are_refused_naming_the_field(body: Any, field: str, table: MemoryChoices) -> None:
    answer = ask("PUT", body)
    assert answer.status == 400
    assert [error["field"] for error in answer.body["errors"]] == [field]
    assert table.kept == {}


def test_a_refusal_says_what_there_is() -> None:
    [category] = ask("PUT", {"categories": {"marketting": {}}}).body["errors"]
    assert category["message"] == "is not a category of this environment; it has marketing, payment, security"
    [channel] = ask("PUT", {"categories": {"payment": {"sms": True}}}).body["errors"]
    assert channel["message"] == "is not a channel of this environment; it has email, push"
    [critical] = ask("PUT", {"categories": {"security": {"email": False}}}).body["errors"]
    assert critical["message"] == "is critical: it is always sent and cannot be switched off"
    assert ask("PUT", {"categories": {"security": {"email": True}}}).status == 201


def test_what_was_stored_before_a_category_went_can_be_read_and_put_back_and_is_kept(table: MemoryChoices) -> None:
    kept = {"gone": {"email": False}, "payment": {"email": False, "fax": False}, "security": {"email": False}}
    table.kept["ada"] = UserSettings(categories=kept)
    read = ask("GET")
    assert read.body["categories"] == {"payment": {"email": False}}
    assert ask("PUT", read.body).status == 200
    assert table.kept["ada"].categories == kept


def test_what_was_opted_out_of_at_the_users_mailbox_is_among_their_settings(table: MemoryChoices) -> None:
    table.reach["ada"] = Reach({"email": (Endpoint("ada@example.com"),)})
    table.kept[address_key("Ada@example.com")] = UserSettings(categories={"marketing": {"email": False}})
    assert ask("GET").body["categories"] == {"marketing": {"email": False}}
    assert ask("PUT", {"categories": {"marketing": {"email": True}}}).body["categories"] == {
        "marketing": {"email": True}
    }
    assert ask("GET").body["categories"] == {"marketing": {"email": True}}
