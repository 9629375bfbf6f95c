"""Contacts in a real table: what is written is what is read, and of two writes at once neither is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from handlers.adapters.aws.contacts import ContactsTable
from handlers.domain.people.contacts import Contact, changes
from tests.emulator.adapters.registry import Registry

APNS = {"deviceToken": "0123456789abcdef" * 4, "platform": "apns"}
WHOLE: dict[str, Any] = {
    "email": "ada@example.com",
    "phone": "+442079460123",
    "locale": "de-AT",
    "timezone": "Europe/Vienna",
    "device_tokens": [APNS, {"deviceToken": "dQw4w9WgXcQ:APA91b" + "x-Y_" * 35, "platform": "fcm"}],
    "external_channels": [{"platform": "slack", "url": "https://hooks.slack.com/services/T/B/x", "status": True}],
    "tags": ["beta"],
}


@pytest.fixture(scope="module")
def dynamodb(aws: Callable[[str], Any]) -> Any:
    return aws("dynamodb")


@pytest.fixture
def name(registry: Registry) -> str:
    """An empty table of contacts."""
    return registry.names[0]


@pytest.fixture
def table(registry: Registry) -> ContactsTable:
    return registry.contacts


def contact(**fields: Any) -> Contact:
    return Contact.model_validate(fields)


def stored(table: ContactsTable, user_id: str) -> dict[str, Any] | None:
    found = table.get(user_id)
    return None if found is None else found.document()


def patched(table: ContactsTable, user_id: str, **patch: Any) -> dict[str, Any] | None:
    result = table.change(user_id, changes(contact(**patch)))
    return None if result is None else result.document()


def test_a_contact_is_read_as_it_was_written(table: ContactsTable) -> None:
    assert table.put("ada", contact(**WHOLE))
    assert stored(table, "ada") == WHOLE


def test_only_the_first_put_creates(table: ContactsTable) -> None:
    assert [table.put("ada", contact()) for _ in range(2)] == [True, False]


def test_a_put_leaves_nothing_of_what_was_there(table: ContactsTable) -> None:
    table.put("ada", contact(**WHOLE))
    table.put("ada", contact(tags=[]))
    assert stored(table, "ada") == {"tags": []}


def test_the_item_holds_the_json_of_the_design(table: ContactsTable, dynamodb: Any, name: str) -> None:
    table.put("ada", contact(**WHOLE))
    item = dynamodb.get_item(TableName=name, Key={"user_id": {"S": "ada"}})["Item"]
    assert item["device_tokens"]["L"][0] == {
        "M": {"deviceToken": {"S": APNS["deviceToken"]}, "platform": {"S": "apns"}}
    }
    assert item["external_channels"]["L"][0]["M"]["status"] == {"BOOL": True}


def test_a_patch_changes_what_it_names_and_nothing_else(table: ContactsTable) -> None:
    table.put("ada", contact(**WHOLE))
    changed = patched(table, "ada", email="new@example.com", phone=None, device_tokens=[])
    expected = {name: value for name, value in WHOLE.items() if name != "phone"}
    assert changed == stored(table, "ada") == expected | {"email": "new@example.com", "device_tokens": []}


def test_an_empty_patch_answers_the_contact_as_it_is(table: ContactsTable) -> None:
    table.put("ada", contact(**WHOLE))
    assert patched(table, "ada") == WHOLE


@pytest.mark.parametrize("patch", [{}, {"email": "new@example.com"}, {"email": None}])
def test_a_patch_creates_no_contact(patch: dict[str, Any], table: ContactsTable) -> None:
    assert patched(table, "nobody", **patch) is None
    assert stored(table, "nobody") is None


def test_of_patches_at_once_none_is_lost(table: ContactsTable) -> None:
    table.put("ada", contact())
    with ThreadPoolExecutor(len(WHOLE)) as pool:
        list(pool.map(lambda field: patched(table, "ada", **{field: WHOLE[field]}), WHOLE))
    assert stored(table, "ada") == WHOLE


def test_a_deleted_contact_is_gone_and_can_be_deleted_again(table: ContactsTable) -> None:
    table.put("ada", contact(**WHOLE))
    for _ in range(2):
        table.delete("ada")
        assert stored(table, "ada") is None


def test_attributes_that_are_no_field_of_a_contact_are_not_read(table: ContactsTable, dynamodb: Any, name: str) -> None:
    item = {"user_id": {"S": "ada"}, "email": {"S": "ada@example.com"}, "later": {"N": "1"}}
    dynamodb.put_item(TableName=name, Item=item)
    assert stored(table, "ada") == {"email": "ada@example.com"}
