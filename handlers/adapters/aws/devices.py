"""The owner of each device: the table of devices, kept in step with the table of contacts.

Each item of the table names a device's owner. A device is in its owner's contact and in no other. So one transaction
changes the devices of a contact, their items in this table, and the contacts of their former owners. It is made only if
nothing has changed since it was read; otherwise everything is read again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from handlers.adapters.aws.dynamo import Item, Unmet, attempt_write, contending, plain, read, typed
from handlers.domain.people.devices import Moves, device_key, moves

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DEVICES: Final = "device_tokens"
"""The attribute of a contact."""

_VALUES: Final = "ExpressionAttributeValues"

Stored = Mapping[str, str]
"""A device as a contact's item has it: `{"deviceToken", "platform"}`. It was validated when it was written."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A contact as it was read, and to whom those devices belong that were asked for, by key; None: to nobody."""

    contact: Item | None
    owners: Mapping[str, str | None]

    @property
    def devices(self) -> Sequence[Stored]:
        """The devices that are in the contact."""
        return stored_devices(self.contact)

    def has(self, key: str) -> bool:
        """Say whether a device is in the contact."""
        return key in _keys(self.devices)


@dataclass(frozen=True, slots=True)
class ContactWrite:
    """What writes a contact: an action of a transaction with its arguments, and the devices that are in it then."""

    action: Literal["Put", "Update", "Delete"]
    arguments: Mapping[str, Any]
    devices: Sequence[Stored] = ()


class DynamoDevices:
    """Calls `dynamodb:BatchGetItem` once, twice if devices leave somebody, and then TransactWriteItems.

    In that, on contacts what is to be written, `dynamodb:UpdateItem` and `dynamodb:ConditionCheckItem`; on devices
    `dynamodb:PutItem` and `dynamodb:DeleteItem`.
    """

    def __init__(self, contacts_table: str, devices_table: str, client: "DynamoDBClient") -> None:
        self._contacts = contacts_table
        self._devices = devices_table
        self._client = client

    def forget(self, user_id: str, platform: str, token: str) -> None:
        """Remove a device that is dead from this user, if it is there; nobody else's, whoever has it now."""
        self.remove(user_id, {device_key(platform, token)})

    def remove(self, user_id: str, keys: AbstractSet[str]) -> None:
        """Remove those of the devices from this user that are there. Raises `Contended`."""

        def without(seen: Seen) -> ContactWrite | None:
            kept = [device for device in seen.devices if _key(device) not in keys]
            return None if len(kept) == len(seen.devices) else giving(kept)

        self.write(user_id, keys, without)

    def write(self, user_id: str, keys: AbstractSet[str], decide: Callable[[Seen], ContactWrite | None]) -> Seen:
        """Write a user's contact, and let its devices be the user's alone; return what was there before.

        `keys` are of the devices that may come. `decide` is given what is there, and returns what to write in its place
        or None for nothing; it is asked again when somebody else has written meanwhile. Raises `Contended` when that
        happens each time.
        """
        for _ in contending():
            contacts, owners = self._read([user_id], keys)
            seen = Seen(contacts.get(user_id), owners)
            write = decide(seen)
            if write is None or self._transact([*self._actions(user_id, seen, write)]):
                break
        return seen

    def _actions(self, user_id: str, seen: Seen, write: ContactWrite) -> Iterator[Any]:
        """Yield the items of the transaction: the contact, its devices' owners, and the contacts that lose one."""
        moving = moves(user_id, _keys(seen.devices), _keys(write.devices), seen.owners)
        former = moving.former_owners - {user_id}
        contacts, owners = self._read(former, moving.going - seen.owners.keys())
        yield self._on_contact(user_id, seen.contact, write)
        yield from self._belongings(user_id, moving, {**seen.owners, **owners})
        for owner in former:
            yield self._on_contact(owner, contacts.get(owner), _losing(contacts.get(owner), moving.coming.keys()))

    def _read(self, user_ids: Collection[str], keys: Collection[str]) -> tuple[dict[str, Item], dict[str, str | None]]:
        """Return the contacts that there are of these users, and to whom these devices belong."""
        wanted = {
            self._contacts: [typed({"user_id": user_id}) for user_id in user_ids],
            self._devices: [typed({"token": key}) for key in keys],
        }
        found = read(self._client, {table: some for table, some in wanted.items() if some}) if user_ids or keys else {}
        contacts = {item["user_id"]["S"]: item for item in found.get(self._contacts, ())}
        owners = {item["token"]["S"]: item["user_id"]["S"] for item in found.get(self._devices, ())}
        return contacts, {key: owners.get(key) for key in keys}

    def _on_contact(self, user_id: str, seen: Item | None, write: ContactWrite | None) -> Any:
        """Return what writes a contact if its devices still are those seen; without a write, what only checks that."""
        action, arguments = ("ConditionCheck", {}) if write is None else (write.action, write.arguments)
        which = arguments if action == "Put" else {**arguments, "Key": typed({"user_id": user_id})}
        return {action: _conditional({"TableName": self._contacts, **which}, _unchanged(seen))}

    def _belongings(self, user_id: str, moving: Moves, owners: Mapping[str, str | None]) -> Iterator[Any]:
        """Yield what makes the coming devices the user's, and nobody's those of the going ones that are the user's."""
        for key, owner in moving.coming.items():
            item = typed({"token": key, "user_id": user_id})
            yield {"Put": _conditional({"TableName": self._devices, "Item": item}, _belongs_to(owner))}
        for key in moving.going:
            if owners[key] == user_id:
                which = {"TableName": self._devices, "Key": typed({"token": key})}
                yield {"Delete": _conditional(which, _belongs_to(user_id))}

    def _transact(self, actions: Sequence[Any]) -> bool:
        """Do all of it, or nothing since somebody else has written or is writing one of the items: False then."""
        answer = attempt_write(self._client.transact_write_items, TransactItems=actions)
        return answer is not None and not isinstance(answer, Unmet)


def stored_devices(contact: Item | None) -> Sequence[Stored]:
    """Return the devices in a contact's item."""
    return plain(contact or {}).get(DEVICES) or ()


def giving(devices: Sequence[Stored]) -> ContactWrite:
    """Return what gives a contact these devices in place of its others; it makes one if there is none."""
    update = {"UpdateExpression": f"SET {DEVICES} = :devices", _VALUES: typed({":devices": devices})}
    return ContactWrite("Update", update, devices)


def _losing(contact: Item | None, keys: AbstractSet[str]) -> ContactWrite | None:
    """Return what takes these devices from a contact; None when none is in it.

    That they belong to somebody and are in nobody's contact is no state that we make; but one of the tables may have
    been restored from a backup.
    """
    devices = stored_devices(contact)
    kept = [device for device in devices if _key(device) not in keys]
    return None if len(kept) == len(devices) else giving(kept)


def _key(device: Stored) -> str:
    return device_key(device["platform"], device["deviceToken"])


def _keys(devices: Iterable[Stored]) -> frozenset[str]:
    return frozenset(_key(device) for device in devices)


def _unchanged(contact: Item | None) -> dict[str, Any]:
    """Return the condition that there is a contact as there was, or none as there was none, with the same devices."""
    if contact is None:
        return {"ConditionExpression": "attribute_not_exists(user_id)"}
    if DEVICES not in contact:
        return {"ConditionExpression": f"attribute_exists(user_id) AND attribute_not_exists({DEVICES})"}
    return {"ConditionExpression": f"{DEVICES} = :seen", _VALUES: {":seen": contact[DEVICES]}}


def _belongs_to(owner: str | None) -> dict[str, Any]:
    if owner is None:
        return {"ConditionExpression": "attribute_not_exists(user_id)"}
    return {"ConditionExpression": "user_id = :owner", _VALUES: typed({":owner": owner})}


def _conditional(arguments: Mapping[str, Any], condition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a write that depends on a condition; the placeholders of both."""
    values = {**arguments.get(_VALUES, {}), **condition.get(_VALUES, {})}
    return {**arguments, **condition, **({_VALUES: values} if values else {})}
