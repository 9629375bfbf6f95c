"""What is known of users, read from the tables of contacts and settings."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import TYPE_CHECKING, Final

from handlers.adapters.aws.devices import DEVICES, stored_devices
from handlers.adapters.aws.dynamo import Item, plain, read_by_user
from handlers.domain.people.devices import device_key
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Reach
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEYS_PER_CALL: Final = 100
_ZONE: Final = ("user_id", "timezone")


class DynamoPeople:
    """Contacts and settings: both tables in one `dynamodb:BatchGetItem`."""

    def __init__(self, contacts_table: str, settings_table: str, client: "DynamoDBClient") -> None:
        self._contacts = contacts_table
        self._settings = settings_table
        self._client = client

    def find(self, keys: AbstractSet[str]) -> Mapping[str, Person]:
        """Return what is known of each of these, by `Recipient.key`, as last written; one call for up to 50."""
        people: dict[str, Person] = {}
        for some in _portions(keys, _KEYS_PER_CALL // 2):
            found = read_by_user(self._client, (self._contacts, self._settings), some)
            contacts, settings = found[self._contacts], found[self._settings]
            people |= {key: _person(contacts.get(key), settings.get(key)) for key in some}
        return people


class DynamoSettings:
    """Settings, and of contacts the time zone alone: both tables in one `dynamodb:BatchGetItem`.

    With `devices`, for the channel that sends to them, of contacts these as well.
    """

    def __init__(
        self, contacts_table: str, settings_table: str, client: "DynamoDBClient", *, devices: bool = False
    ) -> None:
        self._contacts = contacts_table
        self._settings = settings_table
        self._client = client
        self._with_devices = devices

    def find(self, user_ids: AbstractSet[str]) -> Mapping[str, Settings]:
        """Return the settings of those of these users who have any, as last written; one call for up to 50.

        With devices, of all of them: who has no contact any more has no devices either.
        """
        attributes = (*_ZONE, DEVICES) if self._with_devices else _ZONE
        settings: dict[str, Settings] = {}
        for some in _portions(user_ids, _KEYS_PER_CALL // 2):
            found = read_by_user(self._client, (self._contacts, self._settings), some, {self._contacts: attributes})
            contacts, chosen = found[self._contacts], found[self._settings]
            for user in some if self._with_devices else chosen:
                settings[user] = self._of(contacts.get(user), chosen.get(user, {}))
        return settings

    def _of(self, contact: Item | None, settings: Item) -> Settings:
        chosen = _chosen(contact, settings)
        if not self._with_devices:
            return chosen
        keys = frozenset(device_key(each["platform"], each["deviceToken"]) for each in stored_devices(contact))
        return chosen.model_copy(update={"devices": keys})


def _person(contact: Item | None, settings: Item | None) -> Person:
    return Person(
        reach=None if contact is None else Reach.of_contact(plain(contact)),
        settings=DEFAULT_SETTINGS if settings is None else _chosen(contact, settings),
    )


def _chosen(contact: Item | None, settings: Item) -> Settings:
    """Return what the user chose, in the time zone of their contact, if they have told any."""
    zone = {name: contact[name] for name in ("timezone",) if contact is not None and name in contact}
    return Settings.model_validate(plain({**settings, **zone}))


def _portions(user_ids: AbstractSet[str], size: int) -> Iterator[list[str]]:
    remaining = iter(user_ids)
    while portion := list(islice(remaining, size)):
        yield portion
