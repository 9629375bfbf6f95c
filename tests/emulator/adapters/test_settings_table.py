"""Settings in a real table."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from handlers.adapters.aws import dynamo
from handlers.adapters.aws.settings import SettingsTable
from handlers.domain.people.settings import UserSettings
from handlers.domain.problems import Contended

CHOSEN = UserSettings.model_validate(
    {"categories": {"marketing": {"email": False}}, "quiet_hours": {"start": "22:00", "end": "08:00"}}
)


@pytest.fixture
def table(aws: Callable[[str], Any]) -> SettingsTable:
    client, name = aws("dynamodb"), f"settings-{uuid.uuid4().hex[:8]}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return SettingsTable(name, client)


def test_what_was_put_is_got_whole(table: SettingsTable) -> None:
    assert table.put("ada", CHOSEN)
    assert table.get("ada") == CHOSEN
    assert not table.put("ada", UserSettings())
    assert table.get("ada") == UserSettings()


def test_who_never_chose_has_none(table: SettingsTable) -> None:
    assert table.get("ada") is None


def test_a_change_is_made_of_what_was_there_and_answered(table: SettingsTable) -> None:
    assert table.change("ada", lambda now: now.without("news", "sms")).categories == {"news": {"sms": False}}
    table.put("bob", CHOSEN)
    changed = table.change("bob", lambda now: now.without("news", "sms"))
    assert changed == table.get("bob")
    assert changed.categories == {"marketing": {"email": False}, "news": {"sms": False}}
    assert changed.quiet_hours == CHOSEN.quiet_hours


def test_of_changes_at_once_none_is_lost(table: SettingsTable) -> None:
    def opt_out(number: int) -> None:
        table.change("ada", lambda now: now.without(f"c{number}", "email"))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(opt_out, range(4)))
    kept = table.get("ada")
    assert kept is not None
    assert set(kept.categories) == {f"c{number}" for number in range(4)}


def test_settings_that_never_stand_still_are_told(table: SettingsTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamo, "pause", lambda attempt: None)
    count = iter(range(100))

    def change(now: UserSettings) -> UserSettings:
        table.put("ada", UserSettings(categories={f"c{next(count)}": {}}))  # somebody is quicker
        return now

    with pytest.raises(Contended):
        table.change("ada", change)
