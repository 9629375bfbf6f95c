"""Contacts in DynamoDB: one item a user, `user_id` and the contact's own fields under the names they have in JSON."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.devices import DEVICES, ContactWrite, DynamoDevices, Seen, giving
from handlers.adapters.aws.dynamo import Answer, Item, Unmet, plain, typed, write
from handlers.domain.people.contacts import Changes, Contact, StoredContact
from handlers.domain.people.devices import MAX_DEVICES, PLATFORMS, Device, device_key
from handlers.domain.people.reach import Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.problems import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WITHOUT_DEVICES: Final[Mapping[str, Any]] = {
    "ConditionExpression": f"attribute_not_exists({DEVICES}) OR {DEVICES} = :none",
    "ExpressionAttributeValues": typed({":none": []}),
}


class ContactsTable:
    """Each write is atomic: of two at once neither is lost in the other. What concerns no device is one request.

    What may bring or take devices is two or three (`handlers.adapters.aws.devices`), and can raise `Contended`.
    """

    def __init__(self, table: str, devices: DynamoDevices, client: "DynamoDBClient") -> None:
        self._table = table
        self._devices = devices
        self._client = client

    def get(self, user_id: str) -> StoredContact | None:
        """Return the contact as last written (`dynamodb:GetItem`)."""
        item = self._client.get_item(TableName=self._table, Key=_key(user_id), ConsistentRead=True).get("Item")
        return None if item is None else _contact(item)

    def address_keys(self, user_id: str) -> frozenset[str]:
        """Return the keys of the mailbox and number in a user's contact, as last written (`dynamodb:GetItem`)."""
        item = self._client.get_item(TableName=self._table, Key=_key(user_id), ConsistentRead=True).get("Item")
        addresses = {} if item is None else Reach.of_contact(plain(item)).addresses
        return frozenset(address_key(each) for each in addresses.values())

    def put(self, user_id: str, contact: Contact) -> bool:
        """Store the contact in place of whatever was there; say whether nothing was.

        One request (`dynamodb:PutItem`) if it has no devices and there were none; else its devices are the user's now.
        """
        document = contact.document()
        item = _key(user_id) | typed(document)
        if not contact.device_tokens:
            put = self._single(self._client.put_item, Item=item, ReturnValues="ALL_OLD", **_WITHOUT_DEVICES)
            if put is not None:
                return "Attributes" not in put
        write = ContactWrite("Put", {"Item": item}, document.get(DEVICES, ()))
        return self._devices.write(user_id, _keys(contact.device_tokens), lambda _: write).contact is None

    def change(self, user_id: str, changes: Changes) -> StoredContact | None:
        """Change these fields and return the result; `None` when there is no such contact.

        One request (`dynamodb:UpdateItem`) if no devices are among the fields; else those named are the user's now.
        """
        if DEVICES in changes.assigned or DEVICES in changes.removed:
            return self._change_with_devices(user_id, changes)
        answer = self._single(
            self._client.update_item,
            Key=_key(user_id),
            ConditionExpression="attribute_exists(user_id)",
            ReturnValues="ALL_NEW",
            **_update(changes),
        )
        return None if answer is None else _contact(answer["Attributes"])

    def delete(self, user_id: str) -> None:
        """Delete the contact, if there is one: one request (`dynamodb:DeleteItem`) if it has no devices."""
        if self._single(self._client.delete_item, Key=_key(user_id), **_WITHOUT_DEVICES) is None:
            self._devices.write(user_id, frozenset(), lambda seen: None if seen.contact is None else _DELETION)

    def add_device(self, user_id: str, device: Device) -> tuple[StoredContact, bool]:
        """Make a device the user's, and a contact if there is none; return the contact, and whether the device is new.

        Raises `InvalidRequest` for one device too many.
        """
        stored = device.model_dump(by_alias=True)

        def add(seen: Seen) -> ContactWrite | None:
            if seen.has(device.key):
                return None if seen.owners[device.key] == user_id else giving(seen.devices)
            if len(seen.devices) >= MAX_DEVICES:
                raise InvalidRequest.field(DEVICES, f"would be over {MAX_DEVICES}: remove another device first")
            return giving([*seen.devices, stored])

        before = self._devices.write(user_id, {device.key}, add)
        devices = [*before.devices, *([] if before.has(device.key) else [stored])]
        return _contact({**(before.contact or {}), **typed({DEVICES: devices})}), not before.has(device.key)

    def remove_device(self, user_id: str, token: str) -> None:
        """Remove the device of this token from the user, if it is there, whichever platform's it is."""
        self._devices.remove(user_id, {device_key(platform, token) for platform in PLATFORMS})

    def _change_with_devices(self, user_id: str, changes: Changes) -> StoredContact | None:
        devices = changes.assigned.get(DEVICES, ())
        write = ContactWrite("Update", _update(changes), devices)
        keys = {device_key(each["platform"], each["deviceToken"]) for each in devices}
        before = self._devices.write(user_id, keys, lambda seen: None if seen.contact is None else write).contact
        if before is None:
            return None
        kept = {field: value for field, value in before.items() if field not in changes.removed}
        return _contact({**kept, **typed(changes.assigned)})

    def _single(self, operation: Callable[..., Answer], **arguments: Any) -> Answer | None:
        """Make a write of one item and return its answer; None when its condition does not hold."""
        answer = write(operation, TableName=self._table, **arguments)
        return None if isinstance(answer, Unmet) else answer


_DELETION: Final = ContactWrite("Delete", {})


def _contact(item: Mapping[str, Any]) -> StoredContact:
    """Return the contact in an item of the table; attributes that are no field of a contact are not looked at."""
    return StoredContact.model_validate(
        plain({field: item[field] for field in StoredContact.model_fields if field in item})
    )


def _keys(devices: Iterable[Device] | None) -> frozenset[str]:
    return frozenset(device.key for device in devices or ())


def _key(user_id: str) -> Item:
    return {"user_id": {"S": user_id}}


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
    return update | ({"ExpressionAttributeValues": values} if values else {})
