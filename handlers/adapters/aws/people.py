"""What is known of users and addresses, and what is read with that: all in one call."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import TYPE_CHECKING

from handlers.adapters.aws.dynamo import Item, by_user, plain, read_all, typed
from handlers.adapters.aws.log_items import payload_of
from handlers.adapters.aws.log_keys import head_key
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.adapters.aws.suppressions import suppression_key
from handlers.adapters.aws.template_items import folder_of, languages_of, template_key
from handlers.domain.channels import ADDRESSED, Channel
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.known import ToPlan, ToSend
from handlers.domain.people.person import Person
from handlers.domain.people.reach import CONTACT_FIELDS, Reach
from handlers.domain.people.same_address import address_key, is_address_key
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoPeople:
    """Contacts, settings and suppressions: in one `dynamodb:BatchGetItem`, with whatever else is to be read then."""

    def __init__(
        self, contacts_table: str, settings_table: str, suppressions_table: str, client: "DynamoDBClient"
    ) -> None:
        self._contacts = contacts_table
        self._settings = settings_table
        self._suppressions = suppressions_table
        self._client = client
        self._calls = SideBySide()

    def read(
        self,
        keys: AbstractSet[str],
        attributes: Iterable[str] = (),
        others: Mapping[str, Sequence[Item]] = MappingProxyType({}),
        *,
        certain: bool = True,
    ) -> tuple[Mapping[str, Person], Mapping[str, Sequence[Item]]]:
        """Return what is known of each of these users and addresses, by `Recipient.key`, as last written.

        Unless `certain`, settings and suppressions may be a moment old. And what there is of the `others`, which are
        keys by their tables. One call for up to 100 items: a user has a contact and settings, an address settings and a
        suppression. With `attributes`, of contacts these alone are read.
        """
        contacts = [typed({"user_id": key}) for key in keys if not is_address_key(key)]
        wanted = {
            self._contacts: contacts,
            self._settings: [typed({"user_id": key}) for key in keys],
            self._suppressions: [suppression_key(key) for key in keys if is_address_key(key)],
            **others,
        }
        projection = {self._contacts: ("user_id", "timezone", *attributes)} if attributes else {}
        lenient = () if certain else (self._settings, self._suppressions)
        shown = {self._suppressions: ("address_key",), **projection}
        found = read_all(self._client, wanted, self._calls, shown, lenient)
        suppressed = {item["address_key"]["S"] for item in found[self._suppressions]}
        own, chosen = by_user(found[self._contacts]), by_user(found[self._settings])
        people = {key: _person(own.get(key), chosen.get(key), suppressed=key in suppressed) for key in keys}
        return people, found


class DynamoPlanning:
    """What an acceptance is planned by: people, and the languages of templates, in one `dynamodb:BatchGetItem`."""

    def __init__(self, people: DynamoPeople, templates_table: str) -> None:
        self._people = people
        self._templates = templates_table

    def find(self, keys: AbstractSet[str], folders: Collection[str] = (), *, certain: bool = False) -> ToPlan:
        """Return what is known of each of these users and addresses, and templates.

        Contacts and templates as last written, as who stores one may send at once. What was chosen, and what is
        suppressed, may be a moment old, which costs half: the worker asks again, and is certain. But who has just
        opted in again is to be believed: what keeps a message back is asked for once more, to be `certain`.

        One call for up to 100 items: a user and an address have two, a template's folder one.
        """
        folder_keys = [template_key(folder) for folder in folders]
        people, found = self._people.read(keys, others={self._templates: folder_keys}, certain=certain)
        languages = {folder_of(item): languages_of(item) for item in found[self._templates]}
        return ToPlan(people, {folder: each for folder, each in languages.items() if each is not None})


class DynamoRecipients:
    """Contacts, as far as one channel needs them, settings and notifications: all in one `dynamodb:BatchGetItem`."""

    def __init__(self, people: DynamoPeople, notifications_table: str, channel: Channel) -> None:
        self._people = people
        self._notifications = notifications_table
        self._channel = channel

    def find(self, events: Collection[DeliveryRequested]) -> ToSend:
        """Return what is known now of their users, by id, and of the addresses to send to, by `address_key`.

        And what their notifications say, by their ids, but for deliveries that carry that themselves. One call for a
        batch; a second one only when a user's address is not that of the event any more, or one of the sweeper's events
        does not tell to which of a user's urls it is.
        """
        users = {event.user_id for event in events}
        planned = {event.address_key for event in events}
        heads = {event.notification_id for event in events if not event.is_only}
        people, found = self._find(
            {key for key in users | planned if key is not None}, [head_key(each) for each in sorted(heads)]
        )
        elsewhere = {address_key(each) for each in self._untold(events, people)} - people.keys()
        payloads = {head["notification_id"]["S"]: payload_of(head) for head in found[self._notifications]}
        return ToSend(
            {**people, **(self._find(elsewhere)[0] if elsewhere else {})},
            {notification_id: each for notification_id, each in payloads.items() if each is not None},
        )

    def _untold(self, events: Collection[DeliveryRequested], people: Mapping[str, Person]) -> Iterator[str]:
        """Yield where the events may lead, that may be suppressed: a user's address now, or any of their urls."""
        for event in events:
            if event.user_id is not None and (self._channel in ADDRESSED or event.address_key is None):
                yield from people[event.user_id].addresses_on(self._channel)

    def _find(
        self, keys: AbstractSet[str], heads: Sequence[Item] = ()
    ) -> tuple[Mapping[str, Person], Mapping[str, Sequence[Item]]]:
        return self._people.read(keys, (CONTACT_FIELDS[self._channel],), {self._notifications: heads})


def _person(contact: Item | None, settings: Item | None, *, suppressed: bool) -> Person:
    return Person(
        reach=None if contact is None else Reach.of_contact(plain(contact)),
        settings=DEFAULT_SETTINGS if settings is None else _chosen(contact, settings),
        suppressed=suppressed,
    )


def _chosen(contact: Item | None, settings: Item) -> Settings:
    """Return what the user chose, in the time zone of their contact, if they have told any."""
    zone = {name: contact[name] for name in ("timezone",) if contact is not None and name in contact}
    return Settings.model_validate(plain({**settings, **zone}))
