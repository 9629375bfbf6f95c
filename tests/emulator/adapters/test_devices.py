"""Devices in real tables: each is one user's alone, and one that is dead is gone from its user and from nobody else."""

from typing import Any

import pytest

from handlers.adapters.aws import dynamo
from handlers.domain.people.contacts import Contact
from handlers.domain.people.devices import MAX_DEVICES, Device
from handlers.domain.problems import Contended, InvalidRequest
from tests.emulator.adapters.registry import PHONES, Meanwhile, Registry, contact

APNS = {"deviceToken": "0123456789abcdef" * 4, "platform": "apns"}
OTHER_APNS = {"deviceToken": "fedcba9876543210" * 4, "platform": "apns"}
FCM = {"deviceToken": "dQw4w9WgXcQ:APA91b" + "x-Y_" * 35, "platform": "fcm"}


def has(registry: Registry, user_id: str, *devices: dict[str, str]) -> None:
    registry.contacts.put(user_id, contact(email="ada@example.com", device_tokens=devices))


def devices(registry: Registry, user_id: str) -> Any:
    document = registry.state()[user_id]
    assert document["email"] == "ada@example.com", "the rest of the contact is not touched"
    return document["device_tokens"]


def add(registry: Registry, user_id: str, device: dict[str, str]) -> tuple[dict[str, Any], bool]:
    answered, is_new = registry.contacts.add_device(user_id, Device.model_validate(device))
    assert answered.document() == registry.state()[user_id]
    return answered.document(), is_new


# -- dead devices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dead", [APNS, OTHER_APNS, FCM])
def test_the_dead_device_is_removed_wherever_it_stands(dead: dict[str, str], registry: Registry) -> None:
    has(registry, "ada", APNS, OTHER_APNS, FCM)
    registry.devices.forget("ada", dead["platform"], dead["deviceToken"])
    assert devices(registry, "ada") == [device for device in (APNS, OTHER_APNS, FCM) if device != dead]
    assert registry.owner(dead) is None


def test_a_dead_device_that_is_another_users_is_left_to_them(registry: Registry) -> None:
    has(registry, "ada", APNS, FCM)
    has(registry, "bob", APNS)
    registry.devices.forget("ada", "apns", APNS["deviceToken"])
    assert (devices(registry, "ada"), devices(registry, "bob")) == ([FCM], [APNS])
    assert registry.owner(APNS) == "bob"


def test_a_device_of_another_platform_is_another_device(registry: Registry) -> None:
    has(registry, "ada", APNS)
    registry.devices.forget("ada", "fcm", APNS["deviceToken"])
    assert devices(registry, "ada") == [APNS]


def test_forgetting_twice_is_forgetting_once(registry: Registry) -> None:
    has(registry, "ada", APNS, FCM)
    for _ in range(2):
        registry.devices.forget("ada", "apns", APNS["deviceToken"])
    assert devices(registry, "ada") == [FCM]


def test_a_contact_without_devices_stays_without(registry: Registry) -> None:
    registry.contacts.put("ada", Contact())
    registry.devices.forget("ada", "apns", APNS["deviceToken"])
    assert registry.state() == {"ada": {}}


def test_no_contact_is_made_of_one_that_was_deleted(registry: Registry) -> None:
    registry.devices.forget("nobody", "apns", APNS["deviceToken"])
    assert registry.state() == {}


# -- one user's alone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [("put", "bob", "1"), ("patch", "bob", "1"), ("add", "bob", "1")], ids=" ".join)
def test_whoever_is_given_a_device_takes_it_from_whoever_had_it(way: tuple[str, ...], registry: Registry) -> None:
    has(registry, "ada", FCM, PHONES["1"], APNS)
    registry.contacts.put("bob", Contact())
    registry.do(way)
    assert devices(registry, "ada") == [FCM, APNS]
    assert registry.state()["bob"]["device_tokens"] == [PHONES["1"]]


def test_a_device_can_come_back(registry: Registry) -> None:
    has(registry, "ada", APNS)
    add(registry, "bob", APNS)
    add(registry, "ada", APNS)
    assert devices(registry, "ada") == [APNS]
    assert registry.state()["bob"] == {"device_tokens": []}


def test_adding_makes_a_contact_and_adding_again_changes_nothing(registry: Registry) -> None:
    assert add(registry, "ada", APNS) == ({"device_tokens": [APNS]}, True)
    assert add(registry, "ada", FCM) == ({"device_tokens": [APNS, FCM]}, True)
    assert add(registry, "ada", APNS) == ({"device_tokens": [APNS, FCM]}, False)


def test_adding_leaves_the_rest_of_a_contact_alone(registry: Registry) -> None:
    registry.contacts.put("ada", contact(email="ada@example.com", tags=["vip"]))
    assert add(registry, "ada", APNS)[0] == {"email": "ada@example.com", "tags": ["vip"], "device_tokens": [APNS]}


def test_an_apns_token_in_capitals_is_the_same_device(registry: Registry) -> None:
    has(registry, "ada", APNS)
    capitals = {**APNS, "deviceToken": APNS["deviceToken"].upper()}
    assert add(registry, "ada", capitals) == ({"email": "ada@example.com", "device_tokens": [APNS]}, False)
    add(registry, "bob", capitals)
    assert devices(registry, "ada") == []
    registry.contacts.remove_device("bob", APNS["deviceToken"])
    assert registry.owners() == {}


def test_a_device_is_removed_by_its_token_from_this_user_alone(registry: Registry) -> None:
    has(registry, "ada", APNS, FCM)
    has(registry, "bob", OTHER_APNS)
    for device in (FCM, OTHER_APNS):
        registry.contacts.remove_device("ada", device["deviceToken"])
    assert (devices(registry, "ada"), devices(registry, "bob")) == ([APNS], [OTHER_APNS])


def test_a_whole_contact_of_devices_is_replaced_by_those_of_as_many_others_and_one_more_is_refused(
    registry: Registry,
) -> None:
    old, new = (
        [{"deviceToken": f"{kind}{number:063x}", "platform": "apns"} for number in range(MAX_DEVICES)] for kind in "ab"
    )
    for number, device in enumerate(new):
        has(registry, f"user-{number}", device)
    has(registry, "ada", *old)
    has(registry, "ada", *new)
    assert devices(registry, "ada") == new
    assert devices(registry, "user-7") == []
    registry.assert_each_device_is_in_the_contact_of_whom_it_belongs_to()
    with pytest.raises(InvalidRequest) as refused:
        registry.contacts.add_device("ada", Device.model_validate(FCM))
    assert [error.field for error in refused.value.errors] == ["device_tokens"]
    assert devices(registry, "ada") == new


# -- what should not be, and is after a restore of one table alone -----------------------------------------------------


def test_what_belongs_to_somebody_who_does_not_have_it_can_be_had(registry: Registry) -> None:
    for user, document in (("gone", None), ("without", {}), ("other", {"device_tokens": [FCM]})):
        registry.start(())
        if document is not None:
            registry.contacts.put(user, contact(**document))
        belongs_to(registry, APNS, user)
        add(registry, "ada", APNS)
        assert registry.owner(APNS) == "ada"
        assert registry.state().get(user) == document


@pytest.mark.parametrize("user", ["bob", "ada"])
def test_who_did_not_have_what_belonged_to_them_can_register_it_in_between(user: str, registry: Registry) -> None:
    for last_call in (0, 1, 2):
        registry.start(())
        belongs_to(registry, PHONES["1"], user)
        between = Meanwhile(registry.client, last_call, lambda: registry.do(("add", "bob", "1")))
        registry.seen_by(between).do(("add", "ada", "1"))
        registry.assert_each_device_is_in_the_contact_of_whom_it_belongs_to()
        assert registry.owner(PHONES["1"]) == "ada"


def test_what_is_in_a_contact_and_belongs_to_another_becomes_the_users_by_registering_it_again(
    registry: Registry,
) -> None:
    has(registry, "ada", APNS, FCM)
    has(registry, "bob", OTHER_APNS)
    belongs_to(registry, APNS, "bob")
    assert add(registry, "ada", APNS)[1] is False
    registry.assert_each_device_is_in_the_contact_of_whom_it_belongs_to()


def test_what_is_in_a_contact_and_belongs_to_another_can_be_removed_and_stays_the_others(registry: Registry) -> None:
    has(registry, "ada", APNS, OTHER_APNS, FCM)
    for device in (APNS, OTHER_APNS):
        belongs_to(registry, device, "bob")
    registry.devices.forget("ada", "apns", APNS["deviceToken"])
    assert devices(registry, "ada") == [OTHER_APNS, FCM]
    registry.contacts.delete("ada")
    assert registry.state() == {}
    assert registry.owners() == dict.fromkeys((Device.model_validate(each).key for each in (APNS, OTHER_APNS)), "bob")


def belongs_to(registry: Registry, device: dict[str, str], user_id: str) -> None:
    item = {"token": {"S": Device.model_validate(device).key}, "user_id": {"S": user_id}}
    registry.client.put_item(TableName=registry.names[1], Item=item)


# -- what it costs, and when it is given up ----------------------------------------------------------------------------

READ, WRITE = "batch_get_item", "transact_write_items"


@pytest.mark.parametrize(
    ("action", "calls"),
    [
        (("put bare", "cyd"), ["put_item"]),
        (("patch other", "bob"), ["update_item"]),
        (("delete", "cyd"), ["delete_item"]),
        (("add", "ada", "1"), [READ]),
        (("add", "ada", "2"), [READ, WRITE]),
        (("add", "ada", "3"), [READ, READ, WRITE]),
        (("put", "ada", "1"), [READ, WRITE]),
        (("put", "ada", "2"), [READ, READ, WRITE]),
        (("patch", "ada", "1", "2"), [READ, WRITE]),
        (("remove", "ada", "1"), [READ, WRITE]),
        (("remove", "ada", "2"), [READ]),
        (("forget", "ada", "1"), [READ, WRITE]),
        (("put bare", "ada"), ["put_item", READ, READ, WRITE]),
        (("delete", "ada"), ["delete_item", READ, READ, WRITE]),
    ],
    ids=str,
)
def test_it_costs_these_calls(action: tuple[str, ...], calls: list[str], registry: Registry) -> None:
    registry.start((("put", "ada", "1"), ("put", "bob", "3")))
    client = Meanwhile(registry.client)
    registry.seen_by(client).do(action)
    assert client.calls == calls


class Refusing:
    """A client whose first writes are refused for somebody else's transaction, which the emulator never does."""

    def __init__(self, dynamodb: Any, times: int, reason: str = "TransactionConflict") -> None:
        self.exceptions = dynamodb.exceptions
        self._dynamodb, self._times, self._reason = dynamodb, times, reason

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            if self._times and operation in {"put_item", "transact_write_items"}:
                self._times -= 1
                raise self._refusal(operation)
            return getattr(self._dynamodb, operation)(**arguments)

        return call

    def _refusal(self, operation: str) -> Exception:
        if operation == "put_item":
            error = {"Error": {"Code": "TransactionConflictException"}}
            refusal: Exception = self.exceptions.TransactionConflictException(error, operation)
        else:
            error = {"Error": {"Code": "TransactionCanceledException"}}
            reasons = {"CancellationReasons": [{"Code": self._reason}, {"Code": "None"}]}
            refusal = self.exceptions.TransactionCanceledException({**error, **reasons}, operation)
        return refusal


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Nobody is waited for; the attempts after which it would have been."""
    counted: list[int] = []
    monkeypatch.setattr(dynamo, "pause", counted.append)
    return counted


@pytest.mark.parametrize("action", [("put", "ada", "1"), ("put bare", "ada")], ids=" ".join)
def test_who_meets_a_transaction_tries_again_later_each_time(
    action: tuple[str, ...], registry: Registry, pauses: list[int]
) -> None:
    registry.seen_by(Refusing(registry.client, times=3)).do(action)
    assert pauses == [0, 1, 2]
    assert "ada" in registry.state()


@pytest.mark.parametrize("action", [("put", "ada", "1"), ("put bare", "ada")], ids=" ".join)
def test_who_meets_transactions_each_time_gives_up_and_has_written_nothing(
    action: tuple[str, ...], registry: Registry, pauses: list[int]
) -> None:
    with pytest.raises(Contended) as given_up:
        registry.seen_by(Refusing(registry.client, times=100)).do(action)
    assert given_up.value.retry_after == 1
    assert pauses == [0, 1, 2, 3, 4]
    assert (registry.state(), registry.owners()) == ({}, {})


def test_a_transaction_that_can_never_be_made_is_not_tried_again(registry: Registry, pauses: list[int]) -> None:
    client = Refusing(registry.client, times=1, reason="ValidationError")
    with pytest.raises(client.exceptions.TransactionCanceledException):
        registry.seen_by(client).do(("put", "ada", "1"))
    assert pauses == []
