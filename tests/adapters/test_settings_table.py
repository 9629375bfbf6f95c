"""Settings in a real table."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from handlers.adapters.settings import SettingsTable
from handlers.domain.settings import UserSettings

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
