"""Dead devices in a real table: gone from the user they were found at, and from nobody else."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from handlers.adapters.contacts import ContactsTable
from handlers.adapters.devices import ContendedContactError, DynamoDevices
from handlers.domain.contacts import Contact

APNS = {"deviceToken": "0123456789abcdef" * 4, "platform": "apns"}
OTHER_APNS = {"deviceToken": "fedcba9876543210" * 4, "platform": "apns"}
FCM = {"deviceToken": "dQw4w9WgXcQ:APA91b" + "x-Y_" * 35, "platform": "fcm"}


@pytest.fixture(scope="module")
def dynamodb(aws: Callable[[str], Any]) -> Any:
    return aws("dynamodb")


@pytest.fixture
def name(dynamodb: Any) -> str:
    """An empty table of contacts."""
    name = f"contacts-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def contacts(dynamodb: Any, name: str) -> ContactsTable:
    return ContactsTable(name, dynamodb)


@pytest.fixture
def devices(dynamodb: Any, name: str) -> DynamoDevices:
    return DynamoDevices(name, dynamodb)


def has(contacts: ContactsTable, user_id: str, *tokens: dict[str, str]) -> None:
    contacts.put(user_id, Contact.model_validate({"email": "ada@example.com", "device_tokens": tokens}))


def tokens(contacts: ContactsTable, user_id: str) -> Any:
    contact = contacts.get(user_id)
    assert contact is not None
    assert contact.email == "ada@example.com", "the rest of the contact is not touched"
    return contact.document()["device_tokens"]


@pytest.mark.parametrize("dead", [APNS, OTHER_APNS, FCM])
def test_the_dead_device_is_removed_wherever_it_stands(
    dead: dict[str, str], contacts: ContactsTable, devices: DynamoDevices
) -> None:
    has(contacts, "ada", APNS, OTHER_APNS, FCM)
    devices.forget("ada", dead["platform"], dead["deviceToken"])
    assert tokens(contacts, "ada") == [device for device in (APNS, OTHER_APNS, FCM) if device != dead]


def test_a_device_that_is_another_users_is_left_to_them(contacts: ContactsTable, devices: DynamoDevices) -> None:
    has(contacts, "ada", FCM)
    has(contacts, "bob", APNS)
    devices.forget("ada", "apns", APNS["deviceToken"])
    assert (tokens(contacts, "ada"), tokens(contacts, "bob")) == ([FCM], [APNS])


def test_a_device_of_another_platform_is_another_device(contacts: ContactsTable, devices: DynamoDevices) -> None:
    has(contacts, "ada", APNS)
    devices.forget("ada", "fcm", APNS["deviceToken"])
    assert tokens(contacts, "ada") == [APNS]


def test_forgetting_twice_is_forgetting_once(contacts: ContactsTable, devices: DynamoDevices) -> None:
    has(contacts, "ada", APNS, FCM)
    for _ in range(2):
        devices.forget("ada", "apns", APNS["deviceToken"])
    assert tokens(contacts, "ada") == [FCM]


def test_a_contact_without_devices_stays_without(contacts: ContactsTable, devices: DynamoDevices) -> None:
    contacts.put("ada", Contact())
    devices.forget("ada", "apns", APNS["deviceToken"])
    assert contacts.get("ada") == Contact()


def test_no_contact_is_made_of_one_that_was_deleted(contacts: ContactsTable, devices: DynamoDevices) -> None:
    devices.forget("nobody", "apns", APNS["deviceToken"])
    assert contacts.get("nobody") is None


class _Shuffling:
    """A client for whom somebody moves the device away just before each of the first writes."""

    def __init__(self, dynamodb: Any, before_write: Callable[[int], None]) -> None:
        self.exceptions = dynamodb.exceptions
        self._dynamodb = dynamodb
        self._before_write = before_write
        self.writes = 0

    def update_item(self, **arguments: Any) -> Any:
        self._before_write(self.writes)
        self.writes += 1
        return self._dynamodb.update_item(**arguments)


def test_a_device_that_moves_meanwhile_is_found_again(contacts: ContactsTable, dynamodb: Any, name: str) -> None:
    orders = [(FCM, APNS), (OTHER_APNS, FCM, APNS)]

    def move(write: int) -> None:
        if write < len(orders):
            has(contacts, "ada", *orders[write])

    DynamoDevices(name, _Shuffling(dynamodb, move)).forget("ada", "apns", APNS["deviceToken"])  # type: ignore[arg-type]
    assert tokens(contacts, "ada") == [OTHER_APNS, FCM]


def test_devices_that_never_stand_still_are_an_error(contacts: ContactsTable, dynamodb: Any, name: str) -> None:
    def move(write: int) -> None:
        has(contacts, "ada", *((FCM, APNS) if write % 2 == 0 else (APNS, FCM)))

    client = _Shuffling(dynamodb, move)
    with pytest.raises(ContendedContactError):
        DynamoDevices(name, client).forget("ada", "apns", APNS["deviceToken"])  # type: ignore[arg-type]
    assert client.writes == 5
    assert APNS in tokens(contacts, "ada")
