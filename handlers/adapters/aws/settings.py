"""What people chose, in DynamoDB: one item for each user and each address with settings.

The key, `user_id`, is a user's id or an address's key. The other attributes are the settings as they are in JSON. A
choice may change the items of a user and of their addresses. One transaction writes them all. It is made only if none
has changed since it was read, and the addresses are still the user's; otherwise everything is read again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, attempt_write, by_user, contending, plain, read, typed
from handlers.domain.channels import ADDRESSED
from handlers.domain.people.choices import Choices, Holder, Speaker
from handlers.domain.people.reach import CONTACT_FIELDS, Reach
from handlers.domain.people.settings import Offer, UserSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ADDRESSES: Final = tuple(dict.fromkeys(CONTACT_FIELDS[channel] for channel in ADDRESSED))
# What the page of settings is shown by comes with the addresses, in the same read.
_READ: Final = ("user_id", *dict.fromkeys(CONTACT_FIELDS.values()), "locale", "timezone")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was read: the contact of the user who speaks, whom they speak for, and the items of these, by key."""

    contact: Item | None
    holder: Holder
    items: Mapping[str, Item]

    @property
    def choices(self) -> Choices:
        keys = self.holder.keys
        contact = plain(self.contact) if self.contact is not None and None in keys else {}
        return Choices(
            own=self._of(keys[None]) if None in keys else UserSettings(),
            addresses={channel: self._of(key) for channel, key in keys.items() if channel is not None},
            is_user=None in keys,
            reach=Reach.of_contact(contact) if contact else None,
            timezone=contact.get("timezone"),
        )

    def _of(self, key: str) -> UserSettings:
        item = self.items.get(key, {})
        return UserSettings.model_validate(plain({f: item[f] for f in UserSettings.model_fields if f in item}))


class SettingsTable:
    """To read what an address chose is one request, what a user did two; to change it one more.

    Calls `dynamodb:GetItem` on contacts, `dynamodb:BatchGetItem`, and in TransactWriteItems `dynamodb:PutItem` and, on
    contacts, `dynamodb:ConditionCheckItem`. Changes raise `Contended` when others change the same each time in between.
    """

    def __init__(self, settings_table: str, contacts_table: str, client: "DynamoDBClient") -> None:
        self._settings = settings_table
        self._contacts = contacts_table
        self._client = client

    def get(self, who: Speaker, /) -> Choices:
        """Return what was chosen, as last written."""
        return self._look(who, self._contact(who)).choices

    def change(self, who: Speaker, change: Callable[[Choices], Choices]) -> Choices:
        """Read what was chosen, store what the change makes of it, and return that; of two at once neither is lost."""
        return self._change(who, change)[1]

    def put(self, user_id: str, chosen: UserSettings, offer: Offer) -> tuple[Choices, bool]:
        """Store a user's settings in place of any others, and return what holds then, and whether there were none."""
        seen, choices = self._change(Speaker(user_id), lambda now: now.replaced(chosen, offer), create=True)
        return choices, user_id not in seen.items

    def delete(self, user_id: str) -> None:
        """Delete what a user chose (`dynamodb:DeleteItem`). What was refused at their addresses stays refused there."""
        self._client.delete_item(TableName=self._settings, Key=typed({"user_id": user_id}))

    def carry(self, user_id: str, contact: Mapping[str, Any]) -> None:
        """Let what a user refuses hold at the addresses in their contact, a document as the API has it.

        It is to follow every write of an address to a contact. Whoever changes the settings at that moment sees the
        contact as it was written, or is seen here.
        """
        written = typed({name: contact[name] for name in _ADDRESSES if name in contact})
        if written:
            self._change(Speaker(user_id), Choices.carried, typed({"user_id": user_id}) | written)

    def _change(
        self,
        who: Speaker,
        change: Callable[[Choices], Choices],
        contact: Item | None = None,
        *,
        create: bool = False,
    ) -> tuple[_Seen, Choices]:
        """`contact` is the one just written, if it was. `create` lets a user have an item even if it says nothing."""
        for _ in contending():
            seen = self._look(who, contact or self._contact(who))
            changed = change(seen.choices)
            writes = [*self._writes(seen, changed, create=create)]
            if not writes or self._transact([*self._checks(who, seen), *writes]):
                break
            contact = None
        return seen, changed

    def _contact(self, who: Speaker) -> Item | None:
        if who.user_id is None:
            return None
        return self._client.get_item(
            TableName=self._contacts,
            Key=typed({"user_id": who.user_id}),
            ConsistentRead=True,
            ProjectionExpression=", ".join(f"#{name}" for name in _READ),
            ExpressionAttributeNames={f"#{name}": name for name in _READ},
        ).get("Item")

    def _look(self, who: Speaker, contact: Item | None) -> _Seen:
        holder = who.holder(None if contact is None else Reach.of_contact(plain(contact)))
        keys = [typed({"user_id": key}) for key in set(holder.keys.values())]
        found = read(self._client, {self._settings: keys})[self._settings] if keys else []
        return _Seen(contact, holder, by_user(found))

    def _writes(self, seen: _Seen, changed: Choices, *, create: bool) -> Iterator[Any]:
        """Yield what writes those items that are not as they were, each once: channels may share an address."""
        for key, channel in {key: channel for channel, key in seen.holder.keys.items()}.items():
            is_new = create and channel is None and key not in seen.items
            if is_new or _record(changed, channel) != _record(seen.choices, channel):
                item = typed({"user_id": key, **_record(changed, channel).document()})
                yield {"Put": {"TableName": self._settings, "Item": item, **_still(seen.items.get(key))}}

    def _checks(self, who: Speaker, seen: _Seen) -> Iterator[Any]:
        """Yield what makes a transaction depend on the user's addresses."""
        if who.user_id is not None:
            key = typed({"user_id": who.user_id})
            yield {"ConditionCheck": {"TableName": self._contacts, "Key": key, **_same_addresses(seen.contact)}}

    def _transact(self, actions: list[Any]) -> bool:
        """Do all of it, or nothing since somebody else has written or is writing one of the items: False then."""
        answer = attempt_write(self._client.transact_write_items, TransactItems=actions)
        return answer is not None and not isinstance(answer, Unmet)


def _record(choices: Choices, channel: str | None) -> UserSettings:
    return choices.own if channel is None else choices.addresses[channel]


def _still(seen: Item | None) -> dict[str, Any]:
    """Return the arguments that make a write depend on what was seen."""
    if seen is None:
        return {"ConditionExpression": "attribute_not_exists(user_id)"}
    fields = [field for field in UserSettings.model_fields if field in seen]
    return {
        "ConditionExpression": " AND ".join(
            ["attribute_exists(user_id)", *(f"{field} = :{field}" for field in fields)]
        ),
        **({"ExpressionAttributeValues": {f":{field}": seen[field] for field in fields}} if fields else {}),
    }


def _same_addresses(contact: Item | None) -> dict[str, Any]:
    """Return the arguments that make a write depend on the contact's addresses."""
    if contact is None:
        return {"ConditionExpression": "attribute_not_exists(user_id)"}
    there = {name: contact[name] for name in _ADDRESSES if name in contact}
    terms = [f"#{name} = :{name}" if name in there else f"attribute_not_exists(#{name})" for name in _ADDRESSES]
    return {
        "ConditionExpression": " AND ".join(["attribute_exists(user_id)", *terms]),
        "ExpressionAttributeNames": {f"#{name}": name for name in _ADDRESSES},
        **({"ExpressionAttributeValues": {f":{name}": value for name, value in there.items()}} if there else {}),
    }
