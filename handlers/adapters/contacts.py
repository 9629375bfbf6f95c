"""Contacts in DynamoDB: one item a user, `user_id` and the contact's own fields under the names they have in JSON."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.devices import ContendedContactError, DeviceOwners
from handlers.adapters.dynamo import Item, pause, plain, read, typed
from handlers.domain.contacts import MAX_DEVICES, Changes, Contact, Device
from handlers.domain.problems import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_DEVICES: Final = "device_tokens"
_VALUES: Final = "ExpressionAttributeValues"
_ATTEMPTS: Final = 5
# Of one item each; somebody else wrote one meanwhile, or is writing it:
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
_CONTENDED: Final = frozenset({"None", "ConditionalCheckFailed", "TransactionConflict"})

Action = Mapping[str, Mapping[str, Any]]
"""One item of a transaction: `{"Put": {…}}` or `{"Update": {…}}`."""


class ContactsTable:
    """Each write is atomic: of two at once neither is lost in the other. What concerns no device is one request.

    What gives a user devices is two: one reads the contact and whose the devices are, the other is a transaction that
    depends on it. A third comes between them when devices are taken from other users: it reads their contacts.
    """

    def __init__(self, table: str, owners: DeviceOwners, client: "DynamoDBClient") -> None:
        self._table = table
        self._owners = owners
        self._client = client

    def get(self, user_id: str) -> Contact | None:
        """Return the contact as last written (`dynamodb:GetItem`)."""
        item = self._client.get_item(TableName=self._table, Key=_key(user_id), ConsistentRead=True).get("Item")
        return None if item is None else _contact(item)

    def put(self, user_id: str, contact: Contact) -> bool:
        """Store the contact in place of whatever was there; say whether nothing was."""
        item = _key(user_id) | typed(contact.document())
        if contact.device_tokens:
            put = {"TableName": self._table, "Item": item}
            before = self._give(user_id, contact.device_tokens, lambda seen: {"Put": {**put, **_if_still(seen)}})
        else:
            before = self._client.put_item(TableName=self._table, Item=item, ReturnValues="ALL_OLD").get("Attributes")
        self._let_go(user_id, before, contact.device_tokens)
        return before is None

    def change(self, user_id: str, changes: Changes) -> Contact | None:
        """Change these fields and return the result; `None` when there is no such contact."""
        if _DEVICES in changes.assigned or _DEVICES in changes.removed:
            return self._change_with_devices(user_id, changes)
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(user_id),
                ConditionExpression="attribute_exists(user_id)",
                ReturnValues="ALL_NEW",
                **_update(changes),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _contact(answer["Attributes"])

    def add_device(self, user_id: str, device: Device) -> tuple[Contact, bool]:
        """Give the user a device, and a contact if there is none; return the contact, and whether the device is new.

        Raises `InvalidRequest` for one device too many.
        """

        def add(seen: Item | None) -> Action | None:
            devices = _devices(seen)
            if device in devices:
                return None
            if len(devices) == MAX_DEVICES:
                raise InvalidRequest(f"A user has {MAX_DEVICES} devices at most: remove one first.")
            return self._update_of(user_id, _with_devices((*devices, device)), seen)

        before = self._give(user_id, [device], add)
        is_new = device not in _devices(before)
        contact = Contact() if before is None else _contact(before)
        return contact.model_copy(update={_DEVICES: (*_devices(before), *([device] if is_new else []))}), is_new

    def delete(self, user_id: str) -> None:
        """Delete the contact, if there is one (`dynamodb:DeleteItem`)."""
        answer = self._client.delete_item(TableName=self._table, Key=_key(user_id), ReturnValues="ALL_OLD")
        self._let_go(user_id, answer.get("Attributes"))

    def _change_with_devices(self, user_id: str, changes: Changes) -> Contact | None:
        devices = Contact.model_validate({_DEVICES: changes.assigned.get(_DEVICES)}).device_tokens or ()

        def change(seen: Item | None) -> Action | None:
            return None if seen is None else self._update_of(user_id, changes, seen)

        before = self._give(user_id, devices, change)
        self._let_go(user_id, before, devices)
        return None if before is None else self.get(user_id)

    def _update_of(self, user_id: str, changes: Changes, seen: Item | None) -> Action:
        update, still = _update(changes), _if_still(seen)
        values = {**update.get(_VALUES, {}), **still.get(_VALUES, {})}
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(user_id),
                **update,
                **still,
                **({_VALUES: values} if values else {}),
            }
        }

    # -- devices, which are one user's alone ---------------------------------------------------------------------------

    def _give(
        self, user_id: str, devices: Sequence[Device], write: Callable[[Item | None], Action | None]
    ) -> Item | None:
        """Write the contact, and with it make these devices the user's; return the contact's item as it was before.

        `write` is given that item and returns what writes the contact, if it is still so; None to leave it at that.
        Raises `ContendedContactError` when others write each time in between.
        """
        for attempt in range(_ATTEMPTS):
            seen, owners = self._read(user_id, devices)
            action = write(seen)
            if action is None or self._transact([action, *self._taking(user_id, owners, devices)]):
                return seen
            pause(attempt)
        raise ContendedContactError

    def _read(self, user_id: str, devices: Sequence[Device]) -> tuple[Item | None, dict[str, str]]:
        """Return the contact's item, and by the digest of each device that is anybody's, whose (`BatchGetItem`)."""
        keys = {self._table: [_key(user_id)]}
        found = read(self._client, keys | ({self._owners.table: self._owners.keys(devices)} if devices else {}))
        owners = {item["token"]["S"]: item["user_id"]["S"] for item in found.get(self._owners.table, [])}
        return next(iter(found[self._table]), None), owners

    def _taking(self, user_id: str, owners: Mapping[str, str], devices: Sequence[Device]) -> Iterator[Action]:
        """Yield what makes the devices the user's that are not yet, and takes them from whoever has them."""
        whose = [(key, owners.get(key["token"]["S"])) for key in self._owners.keys(devices)]
        yield from (self._owners.taking(key, user_id, owner) for key, owner in whose if owner != user_id)
        others = {owner for _, owner in whose if owner is not None} - {user_id}
        if others:
            contacts = read(self._client, {self._table: [_key(other) for other in sorted(others)]})
            for contact in contacts[self._table]:
                yield from self._without(contact, devices)

    def _without(self, contact: Item, devices: Sequence[Device]) -> Iterator[Action]:
        """Yield what takes those of the devices from a contact that are in it, if there are any."""
        before = _devices(contact)
        after = [device for device in before if device not in devices]
        if len(after) < len(before):
            yield self._update_of(contact["user_id"]["S"], _with_devices(after), contact)

    def _transact(self, actions: Sequence[Any]) -> bool:
        """Make all the writes (`PutItem`, `UpdateItem`), or none as one of the items is another by now: False."""
        try:
            self._client.transact_write_items(TransactItems=actions)
        except self._client.exceptions.TransactionCanceledException as error:
            if {reason["Code"] for reason in error.response["CancellationReasons"]} <= _CONTENDED:
                return False
            raise
        return True

    def _let_go(self, user_id: str, before: Item | None, kept: Iterable[Device] | None = ()) -> None:
        """Say that the devices are nobody's which the contact had and has no more."""
        self._owners.let_go(user_id, self._owners.keys(set(_devices(before)) - set(kept or ())))


def _contact(item: dict[str, Any]) -> Contact:
    """Return the contact in an item of the table; attributes that are no field of a contact are not looked at."""
    return Contact.model_validate(plain({field: item[field] for field in Contact.model_fields if field in item}))


def _devices(item: Item | None) -> tuple[Device, ...]:
    return () if item is None else _contact(item).device_tokens or ()


def _with_devices(devices: Iterable[Device]) -> Changes:
    return Changes({_DEVICES: [each.model_dump(mode="json", by_alias=True) for each in devices]}, frozenset())


def _key(user_id: str) -> Item:
    return {"user_id": {"S": user_id}}


def _if_still(seen: Item | None) -> dict[str, Any]:
    """Return the arguments that make a write depend on the devices, and the contact itself, being as they were seen."""
    there = "attribute_not_exists(user_id)" if seen is None else "attribute_exists(user_id)"
    if seen is None or _DEVICES not in seen:
        return {"ConditionExpression": f"{there} AND attribute_not_exists({_DEVICES})"}
    values = {":seen": seen[_DEVICES]}
    return {"ConditionExpression": f"{there} AND {_DEVICES} = :seen", _VALUES: values}


def _update(changes: Changes) -> dict[str, Any]:
    """Return the arguments of UpdateItem that change the item so; by placeholders, as DynamoDB reserves many names."""
    names = {f"#{field}": field for field in (*changes.assigned, *changes.removed)}
    if not names:
        return {}
    assignments = ", ".join(f"#{field} = :{field}" for field in changes.assigned)
    removals = ", ".join(f"#{field}" for field in changes.removed)
    clauses = (f"SET {assignments}" if assignments else "", f"REMOVE {removals}" if removals else "")
    update = {"UpdateExpression": " ".join(clauses).strip(), "ExpressionAttributeNames": names}
    values = typed({f":{field}": value for field, value in changes.assigned.items()})
    return update | ({_VALUES: values} if values else {})
