"""The settings API, with a table in memory."""

from typing import Any

import pytest

from handlers.domain.people.settings import UserSettings
from handlers.entrypoints import contacts
from tests.unit.handlers.entrypoints.gateway import Answer, call

CHOSEN = {
    "categories": {"marketing": {"email": False, "push": True}},
    "quiet_hours": {"start": "22:00", "end": "08:00"},
}


class Table:
    """A table as `SettingsTable` has it."""

    def __init__(self) -> None:
        self.items: dict[str, UserSettings] = {}

    def get(self, user_id: str) -> UserSettings | None:
        return self.items.get(user_id)

    def put(self, user_id: str, settings: UserSettings) -> bool:
        created = user_id not in self.items
        self.items[user_id] = settings
        return created


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table()
    monkeypatch.setattr(contacts, "settings_table", table)
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
        ({"categories": {"marketing": {"fax": False}}}, "categories.marketing.fax"),
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
def test_settings_that_mean_nothing_are_refused_naming_the_field(body: Any, field: str, table: Table) -> None:
    answer = ask("PUT", body)
    assert answer.status == 400
    assert [error["field"] for error in answer.body["errors"]] == [field]
    assert table.items == {}
