"""Devices in real tables: each is one user's alone, whoever registers it at once; a dead one is gone from that one."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from handlers.adapters.contacts import ContactsTable
from handlers.adapters.devices import ContendedContactError, DeviceOwners, DynamoDevices
from handlers.domain.contacts import MAX_DEVICES, Contact, Device, changes
from handlers.domain.problems import InvalidRequest

APNS = {"deviceToken": "0123456789abcdef" * 4, "platform": "apns"}
OTHER_APNS = {"deviceToken": "fedcba9876543210" * 4, "platform": "apns"}
FCM = {"deviceToken": "dQw4w9WgXcQ:APA91b" + "x-Y_" * 35, "platform": "fcm"}


@pytest.fixture(scope="module")
def dynamodb(aws: Callable[[str], Any]) -> Any:
    return aws("dynamodb")


@pytest.fixture
def name(new_table: Callable[[str, str], str]) -> str:
    """An empty table of contacts."""
    return new_table("contacts", "user_id")


@pytest.fixture
def owners(new_table: Callable[[str, str], str], dynamodb: Any) -> DeviceOwners:
    """An empty table of devices."""
    return DeviceOwners(new_table("devices", "token"), dynamodb)


@pytest.fixture
def contacts(dynamodb: Any, name: str, owners: DeviceOwners) -> ContactsTable:
    return ContactsTable(name, owners, dynamodb)


@pytest.fixture
def devices(dynamodb: Any, name: str, owners: DeviceOwners) -> DynamoDevices:
    return DynamoDevices(name, owners, dynamodb)


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


def test_a_device_that_moves_meanwhile_is_found_again(
    contacts: ContactsTable, dynamodb: Any, name: str, owners: DeviceOwners
) -> None:
    orders = [(FCM, APNS), (OTHER_APNS, FCM, APNS)]

    def move(write: int) -> None:
        if write < len(orders):
            has(contacts, "ada", *orders[write])

    shuffling: Any = _Shuffling(dynamodb, move)
    DynamoDevices(name, owners, shuffling).forget("ada", "apns", APNS["deviceToken"])
    assert tokens(contacts, "ada") == [OTHER_APNS, FCM]


def test_devices_that_never_stand_still_are_an_error(
    contacts: ContactsTable, dynamodb: Any, name: str, owners: DeviceOwners
) -> None:
    def move(write: int) -> None:
        has(contacts, "ada", *((FCM, APNS) if write % 2 == 0 else (APNS, FCM)))

    client: Any = _Shuffling(dynamodb, move)
    with pytest.raises(ContendedContactError):
        DynamoDevices(name, owners, client).forget("ada", "apns", APNS["deviceToken"])
    assert client.writes == 5
    assert APNS in tokens(contacts, "ada")


# -- one user's alone --------------------------------------------------------------------------------------------------


def device(token: dict[str, str]) -> Device:
    return Device.model_validate(token)


def every_users(contacts: ContactsTable, token: dict[str, str], users: Iterable[str]) -> list[str]:
    """Those of the users in whose contacts the device is."""
    found = {user: contacts.get(user) for user in users}
    return [user for user, contact in found.items() if contact and device(token) in (contact.device_tokens or ())]


def owned(dynamodb: Any, owners: DeviceOwners) -> dict[str, str]:
    items = dynamodb.scan(TableName=owners.table, ConsistentRead=True)["Items"]
    return {item["token"]["S"]: item["user_id"]["S"] for item in items}


def owner(dynamodb: Any, owners: DeviceOwners, token: dict[str, str]) -> str | None:
    [key] = owners.keys([device(token)])
    return owned(dynamodb, owners).get(key["token"]["S"])


def put_with(contacts: ContactsTable, user: str, token: dict[str, str]) -> None:
    has(contacts, user, token)


def patch_with(contacts: ContactsTable, user: str, token: dict[str, str]) -> None:
    assert contacts.change(user, changes(Contact.model_validate({"device_tokens": [token]}))) is not None


def add_to(contacts: ContactsTable, user: str, token: dict[str, str]) -> None:
    contacts.add_device(user, device(token))


WAYS = [put_with, patch_with, add_to]


@pytest.mark.parametrize("give", WAYS)
def test_whoever_is_given_a_device_takes_it_from_whoever_had_it(
    give: Callable[..., None], contacts: ContactsTable, dynamodb: Any, owners: DeviceOwners
) -> None:
    has(contacts, "ada", OTHER_APNS, APNS, FCM)
    has(contacts, "bob")
    give(contacts, "bob", APNS)
    assert tokens(contacts, "ada") == [OTHER_APNS, FCM]
    assert tokens(contacts, "bob") == [APNS]
    assert owner(dynamodb, owners, APNS) == "bob"


@pytest.mark.parametrize("give", WAYS)
def test_a_device_comes_back_to_whoever_had_it_first(give: Callable[..., None], contacts: ContactsTable) -> None:
    has(contacts, "ada", FCM)
    has(contacts, "bob")
    for user in ("bob", "ada", "bob"):
        give(contacts, user, APNS)
        assert every_users(contacts, APNS, ("ada", "bob")) == [user]


def test_the_same_token_of_another_platform_is_another_device(contacts: ContactsTable) -> None:
    as_fcm = {"deviceToken": "ab" * 60, "platform": "fcm"}
    has(contacts, "ada", as_fcm)
    has(contacts, "bob", {**as_fcm, "platform": "apns"})
    assert tokens(contacts, "ada") == [as_fcm]


def test_adding_makes_a_contact_and_adding_again_changes_nothing(contacts: ContactsTable) -> None:
    assert contacts.add_device("ada", device(APNS)) == (Contact.model_validate({"device_tokens": [APNS]}), True)
    assert contacts.add_device("ada", device(FCM))[1]
    added, is_new = contacts.add_device("ada", device(APNS))
    assert (added, is_new) == (Contact.model_validate({"device_tokens": [APNS, FCM]}), False)
    assert contacts.get("ada") == added


def test_a_user_has_a_bounded_number_of_devices_all_of_which_may_be_other_peoples(contacts: ContactsTable) -> None:
    everything = [{"deviceToken": f"{number:064x}", "platform": "apns"} for number in range(MAX_DEVICES)]
    for number, token in enumerate(everything):
        has(contacts, f"user-{number}", token)
    has(contacts, "ada", *everything)
    assert tokens(contacts, "ada") == everything
    assert tokens(contacts, "user-7") == []
    with pytest.raises(InvalidRequest):
        contacts.add_device("ada", device(APNS))


def test_who_has_no_devices_any_more_owns_none(
    contacts: ContactsTable, devices: DynamoDevices, dynamodb: Any, owners: DeviceOwners
) -> None:
    def without_devices() -> None:
        contacts.put("ada", Contact())

    def with_others() -> None:
        has(contacts, "ada", OTHER_APNS)

    def emptied() -> None:
        contacts.change("ada", changes(Contact.model_validate({"device_tokens": []})))

    def removed() -> None:
        contacts.change("ada", changes(Contact.model_validate({"device_tokens": None})))

    def forgotten() -> None:
        devices.forget("ada", "apns", APNS["deviceToken"])

    def deleted() -> None:
        contacts.delete("ada")

    for lose in (without_devices, with_others, emptied, removed, forgotten, deleted):
        has(contacts, "ada", APNS)
        assert owner(dynamodb, owners, APNS) == "ada"
        lose()
        assert owner(dynamodb, owners, APNS) is None, lose.__name__


def test_an_owner_that_a_crash_has_left_behind_is_in_nobodys_way(
    contacts: ContactsTable, dynamodb: Any, owners: DeviceOwners
) -> None:
    [key] = owners.keys([device(APNS)])
    dynamodb.put_item(TableName=owners.table, Item=key | {"user_id": {"S": "gone"}})
    has(contacts, "ada", APNS)
    assert owner(dynamodb, owners, APNS) == "ada"
    assert contacts.get("gone") is None


def test_a_patch_of_devices_makes_no_contact(contacts: ContactsTable, dynamodb: Any, owners: DeviceOwners) -> None:
    assert contacts.change("ada", changes(Contact.model_validate({"device_tokens": [APNS]}))) is None
    assert contacts.get("ada") is None
    assert owned(dynamodb, owners) == {}


def test_of_many_who_register_one_device_at_once_exactly_one_has_it(
    contacts: ContactsTable, dynamodb: Any, owners: DeviceOwners
) -> None:
    users = [f"user-{number}" for number in range(4)]
    for user in users:
        has(contacts, user)

    def register(user: str) -> None:
        for give in (add_to, patch_with, add_to):
            with suppress(ContendedContactError):  # four at once may be too many for five tries
                give(contacts, user, APNS)

    with ThreadPoolExecutor(len(users)) as threads:
        list(threads.map(register, users))
    having = every_users(contacts, APNS, users)
    assert len(having) == 1
    assert owner(dynamodb, owners, APNS) == having[0]


def test_devices_added_to_one_user_at_once_are_all_there(contacts: ContactsTable) -> None:
    everything = [{"deviceToken": f"{number:064x}", "platform": "apns"} for number in range(3)]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda token: add_to(contacts, "ada", token), everything))
    contact = contacts.get("ada")
    assert contact is not None
    assert sorted(contact.document()["device_tokens"], key=str) == everything
