"""What is known of users, read from the tables of contacts and settings."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import TYPE_CHECKING, Final

from handlers.adapters.dynamo import Item, plain, read_by_user
from handlers.domain.people import Person
from handlers.domain.reach import Reach
from handlers.domain.settings import DEFAULT_SETTINGS, Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEYS_PER_CALL: Final = 100


class DynamoPeople:
    """Contacts and settings: both tables in one `dynamodb:BatchGetItem`."""

    def __init__(self, contacts_table: str, settings_table: str, client: "DynamoDBClient") -> None:
        self._contacts = contacts_table
        self._settings = settings_table
        self._client = client

    def find(self, user_ids: AbstractSet[str]) -> Mapping[str, Person]:
        """Return what is known of each of these users, as last written; one call for up to 50 of them."""
        people: dict[str, Person] = {}
        for some in _portions(user_ids, _KEYS_PER_CALL // 2):
            found = read_by_user(self._client, (self._contacts, self._settings), some)
            contacts, settings = found[self._contacts], found[self._settings]
            people |= {user_id: _person(contacts.get(user_id), settings.get(user_id)) for user_id in some}
        return people


class DynamoSettings:
    """Settings alone, by `dynamodb:BatchGetItem`."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def find(self, user_ids: AbstractSet[str]) -> Mapping[str, Settings]:
        """Return the settings of those of these users who have any, as last written; one call for up to 100."""
        return {
            user_id: _settings(item)
            for some in _portions(user_ids, _KEYS_PER_CALL)
            for user_id, item in read_by_user(self._client, (self._table,), some)[self._table].items()
        }


def _person(contact: Item | None, settings: Item | None) -> Person:
    return Person(
        reach=None if contact is None else Reach.of_contact(plain(contact)),
        settings=DEFAULT_SETTINGS if settings is None else _settings(settings),
    )


def _settings(item: Item) -> Settings:
    return Settings.model_validate(plain(item))


def _portions(user_ids: AbstractSet[str], size: int) -> Iterator[list[str]]:
    remaining = iter(user_ids)
    while portion := list(islice(remaining, size)):
        yield portion
