"""What is known of users and addresses, read from the tables of contacts and settings."""

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from handlers.adapters.aws.dynamo import Item, plain, read_by_user
from handlers.domain.channels import Channel
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.people.person import Person
from handlers.domain.people.reach import CONTACT_FIELDS, Reach
from handlers.domain.people.same_address import address_key, is_address_key
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoPeople:
    """Contacts and settings: both tables in one `dynamodb:BatchGetItem`."""

    def __init__(self, contacts_table: str, settings_table: str, client: "DynamoDBClient") -> None:
        self._contacts = contacts_table
        self._settings = settings_table
        self._client = client

    def find(self, keys: AbstractSet[str], attributes: Iterable[str] = ()) -> Mapping[str, Person]:
        """Return what is known of each of these users and addresses, by `Recipient.key`, as last written.

        One call for up to 50 users, who have an item in each table, or 100 addresses, which have settings alone. With
        `attributes`, of contacts these alone are read.
        """
        wanted = {self._contacts: [key for key in keys if not is_address_key(key)], self._settings: keys}
        projection = {self._contacts: ("user_id", "timezone", *attributes)} if attributes else {}
        found = read_by_user(self._client, wanted, projection)
        contacts, settings = found[self._contacts], found[self._settings]
        return {key: _person(contacts.get(key), settings.get(key)) for key in keys}


class DynamoRecipients:
    """Contacts, as far as one channel needs them, and settings: both tables in one `dynamodb:BatchGetItem`."""

    def __init__(self, contacts_table: str, settings_table: str, channel: Channel, client: "DynamoDBClient") -> None:
        self._people = DynamoPeople(contacts_table, settings_table, client)
        self._channel = channel

    def find(self, events: Collection[DeliveryRequested]) -> Mapping[str, Person]:
        """Return what is known now of their users, by id, and of the addresses to send to, by `address_key`.

        One call for a batch; a second one only when a user's address is not that of the event any more.
        """
        users = {event.user_id for event in events}
        planned = {event.address_key for event in events}
        people = self._find({key for key in users | planned if key is not None})
        addresses = (person.address_on(self._channel) for person in people.values())
        elsewhere = {address_key(address) for address in addresses if address is not None} - people.keys()
        return {**people, **self._find(elsewhere)}

    def _find(self, keys: AbstractSet[str]) -> Mapping[str, Person]:
        return self._people.find(keys, (CONTACT_FIELDS[self._channel],))


def _person(contact: Item | None, settings: Item | None) -> Person:
    return Person(
        reach=None if contact is None else Reach.of_contact(plain(contact)),
        settings=DEFAULT_SETTINGS if settings is None else _chosen(contact, settings),
    )


def _chosen(contact: Item | None, settings: Item) -> Settings:
    """Return what the user chose, in the time zone of their contact, if they have told any."""
    zone = {name: contact[name] for name in ("timezone",) if contact is not None and name in contact}
    return Settings.model_validate(plain({**settings, **zone}))
