"""Contacts and devices in real tables; what they should hold, in a few lines of Python; and what may come between."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from handlers.adapters.aws.contacts import ContactsTable
from handlers.adapters.aws.devices import DynamoDevices
from handlers.adapters.aws.dynamo import plain
from handlers.domain.people.contacts import Contact, changes
from handlers.domain.people.devices import Device

Devices = list[dict[str, str]]
Action = tuple[str, ...]
"""What is done to a user: `("put", "ada", "1", "2")` gives her a contact with these two phones alone."""
State = dict[str, dict[str, Any]]
"""Contacts as documents, by user."""
Held = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""The items of both tables."""

PHONES = {name: {"deviceToken": name * 64, "platform": "apns"} for name in "123"}


def contact(**fields: Any) -> Contact:
    return Contact.model_validate(fields)


class Registry:
    """Both tables, as `client` sees them."""

    def __init__(self, contacts_table: str, devices_table: str, client: Any) -> None:
        self.names, self.client = (contacts_table, devices_table), client
        self.devices = DynamoDevices(contacts_table, devices_table, client)
        self.contacts = ContactsTable(contacts_table, self.devices, client)

    def seen_by(self, client: Any) -> "Registry":
        """The same tables through another client."""
        return Registry(*self.names, client)

    def do(self, action: Action) -> None:
        verb, user, *names = action
        self._actions[verb](self, user, [PHONES[name] for name in names])

    def _put(self, user: str, phones: Devices) -> None:
        self.contacts.put(user, contact(tags=["put"], device_tokens=phones))

    def _put_bare(self, user: str, phones: Devices) -> None:
        self.contacts.put(user, contact(tags=["bare"]))

    def _patch(self, user: str, phones: Devices) -> None:
        self.contacts.change(user, changes(contact(locale="de", device_tokens=phones)))

    def _patch_null(self, user: str, phones: Devices) -> None:
        self.contacts.change(user, changes(contact(device_tokens=None)))

    def _patch_other(self, user: str, phones: Devices) -> None:
        self.contacts.change(user, changes(contact(timezone="Europe/Vienna")))

    def _add(self, user: str, phones: Devices) -> None:
        self.contacts.add_device(user, Device.model_validate(phones[0]))

    def _remove(self, user: str, phones: Devices) -> None:
        self.contacts.remove_device(user, phones[0]["deviceToken"])

    def _forget(self, user: str, phones: Devices) -> None:
        self.devices.forget(user, phones[0]["platform"], phones[0]["deviceToken"])

    def _delete(self, user: str, phones: Devices) -> None:
        self.contacts.delete(user)

    _actions: Final[Mapping[str, Callable[["Registry", str, Devices], None]]] = {
        "put": _put,
        "put bare": _put_bare,
        "patch": _patch,
        "patch null": _patch_null,
        "patch other": _patch_other,
        "add": _add,
        "remove": _remove,
        "forget": _forget,
        "delete": _delete,
    }

    def state(self, there: Held | None = None) -> State:
        """The contacts, of what is there now or was a moment ago."""
        contacts = [plain(item) for item in (there or self.held())[0]]
        return {document.pop("user_id"): document for document in contacts}

    def owners(self, there: Held | None = None) -> dict[str, str]:
        """To whom each device belongs, by its key."""
        return {item["token"]["S"]: item["user_id"]["S"] for item in (there or self.held())[1]}

    def owner(self, device: dict[str, str]) -> str | None:
        return self.owners().get(Device.model_validate(device).key)

    def assert_each_device_is_in_the_contact_of_whom_it_belongs_to(self, there: Held | None = None) -> None:
        there = there or self.held()
        listed = [
            (Device.model_validate(device).key, user)
            for user, document in self.state(there).items()
            for device in document.get("device_tokens", ())
        ]
        assert len(dict(listed)) == len(listed), "a device is in two contacts"
        assert dict(listed) == self.owners(there)

    def start(self, actions: Sequence[Action]) -> None:
        """Hold nothing but what comes of these actions."""
        self.hold(([], []))
        for action in actions:
            self.do(action)

    def held(self) -> Held:
        """All that there is, to be held again later."""
        return self._items(0), self._items(1)

    def hold(self, held: Held, there: Held | None = None) -> None:
        """Hold just this, in place of what is there: one call, however it came about."""
        changes: dict[str, list[dict[str, Any]]] = {}
        for table, key, new, old in zip(self.names, ("user_id", "token"), held, there or self.held(), strict=True):
            kept = [item[key] for item in new]
            gone = [{"DeleteRequest": {"Key": {key: item[key]}}} for item in old if item[key] not in kept]
            written = [{"PutRequest": {"Item": item}} for item in new if item not in old]
            if gone or written:
                changes[table] = gone + written
        if changes:
            assert not self.client.batch_write_item(RequestItems=changes)["UnprocessedItems"]

    def _items(self, table: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.scan(TableName=self.names[table], ConsistentRead=True)["Items"]
        return found


def expected(*actions: Action) -> State:
    """What the contacts are after these actions, one after the other: each device in one of them at most."""
    contacts: State = {}
    for verb, user, *names in actions:
        phones = [PHONES[name] for name in names]
        if verb in {"put", "add"} or (verb == "patch" and user in contacts):
            _take(contacts, user, phones)
        _EXPECTED[verb](contacts, user, phones)
    return contacts


def _take(contacts: State, user: str, phones: Devices) -> None:
    for other, document in contacts.items():
        if other != user and any(phone in document.get("device_tokens", ()) for phone in phones):
            document["device_tokens"] = [each for each in document["device_tokens"] if each not in phones]


def _added(contacts: State, user: str, phones: Devices) -> None:
    own = contacts.setdefault(user, {}).setdefault("device_tokens", [])
    own += [phone for phone in phones if phone not in own]


def _removed(contacts: State, user: str, phones: Devices) -> None:
    own = contacts.get(user, {})
    if "device_tokens" in own:
        own["device_tokens"] = [each for each in own["device_tokens"] if each not in phones]


def _patched(contacts: State, user: str, **fields: Any) -> None:
    if user in contacts:
        changed = contacts[user] | fields
        contacts[user] = {name: value for name, value in changed.items() if value is not None}


_EXPECTED: dict[str, Callable[[State, str, Devices], Any]] = {
    "put": lambda contacts, user, phones: contacts.update({user: {"tags": ["put"], "device_tokens": phones}}),
    "put bare": lambda contacts, user, phones: contacts.update({user: {"tags": ["bare"]}}),
    "patch": lambda contacts, user, phones: _patched(contacts, user, locale="de", device_tokens=phones),
    "patch null": lambda contacts, user, phones: _patched(contacts, user, device_tokens=None),
    "patch other": lambda contacts, user, phones: _patched(contacts, user, timezone="Europe/Vienna"),
    "add": _added,
    "remove": _removed,
    "forget": _removed,
    "delete": lambda contacts, user, phones: contacts.pop(user, None),
}


class Meanwhile:
    """A client for whom something happens just before its nth call; it tells the calls."""

    def __init__(self, dynamodb: Any, nth: int | None = None, happen: Callable[[], None] = lambda: None) -> None:
        self.exceptions = dynamodb.exceptions
        self.calls: list[str] = []
        self._dynamodb, self._nth, self._happen = dynamodb, nth, happen

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append(operation)
            if len(self.calls) - 1 == self._nth:
                self._happen()
            return getattr(self._dynamodb, operation)(**arguments)

        return call
