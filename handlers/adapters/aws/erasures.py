"""Who is to be erased, and erasing it, in the log's own table.

The items are in a partition of their own, `erasure`, which is no notification's: an `item` for each user who is to be
erased, `user#<user_id>`, and `pass`, which is how far the reading of the log has come.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, plain, typed, write
from handlers.adapters.aws.log_keys import NOTIFICATION, head_key, key_of
from handlers.domain.notifications.outcomes import Reason
from handlers.domain.notifications.statuses import UNSENT, Status
from handlers.domain.people.erasure import Asked, Erasure, Pass
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION: Final = "erasure"
"""The only partition of the log that the function of contacts may write."""

PERSONAL: Final = ("endpoint", "address_key", "locale", "payload", "content", "data")
"""The attributes of a delivery that say who got it, or what it said. The last two are of version 0.1.0."""

SHARED: Final = ("payload",)
"""The attributes of a notification that say what its deliveries say."""

_USER: Final = "user#"
_PASS: Final = typed({"notification_id": PARTITION, "item": "pass"})


@dataclass(frozen=True, slots=True)
class Page:
    """What a page of the log has of users to be erased, each with whose it is; and where the next one begins."""

    found: Sequence[tuple[Item, Erasure]]
    cursor: Mapping[str, Any] | None


class DynamoErasureRequests:
    """Calls `dynamodb:UpdateItem`, on the partition `erasure` alone."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def ask(self, erasure: Erasure) -> None:
        """Have a user erased. Asked again it is for what was created since as well, and of all the addresses named."""
        addresses = sorted(erasure.address_keys)
        values: dict[str, Any] = {":at": {"S": rfc3339(erasure.asked_at)}}
        if addresses:
            values[":keys"] = {"SS": addresses}
        self._client.update_item(
            TableName=self._table,
            Key=_key(erasure.user_id),
            UpdateExpression="SET asked_at = :at" + (" ADD address_keys :keys" if addresses else ""),
            ExpressionAttributeValues=values,
        )


class DynamoErasures:
    """Calls `dynamodb:Query`, and while anybody is to be erased `dynamodb:Scan`, `UpdateItem` and `DeleteItem`."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def asked(self) -> Asked:
        """Return who is to be erased, and the latest pass: one query, of nothing at most times."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="notification_id = :erasure",
            ExpressionAttributeValues=typed({":erasure": PARTITION}),
            ConsistentRead=True,
        )
        items = [plain(item) for page in pages for item in page["Items"]]
        users = (_erasure(item) for item in items if item["item"].startswith(_USER))
        latest = next((_pass(item) for item in items if item["item"] == _PASS["item"]["S"]), None)
        return Asked(tuple(users), latest)

    def page(self, users: Sequence[Erasure], cursor: Mapping[str, Any] | None) -> Page:
        """Read on from there: one `dynamodb:Scan`, of 1 MB at most."""
        arguments = _of(users) | ({"ExclusiveStartKey": typed(cursor)} if cursor else {})
        found = self._client.scan(TableName=self._table, **arguments)
        pairs = ((item, user) for item in found["Items"] for user in users if _is_about(item, user))
        last = found.get("LastEvaluatedKey")
        return Page(list(pairs), plain(last) if last else None)

    def keep(self, current: Pass) -> None:
        """Keep how far it has come."""
        values = {
            "began_at": rfc3339(current.began_at),
            "through": rfc3339(current.through),
            "put_off": current.put_off,
            "is_over": current.is_over,
            **({"cursor": dict(current.cursor)} if current.cursor else {}),
        }
        left = {"left": {"SS": sorted(current.left)}} if current.left else {}
        self._client.put_item(TableName=self._table, Item=_PASS | typed(values) | left)

    def done(self, users: Iterable[Erasure]) -> None:
        """Forget those of whom nothing is left; who was asked for again meanwhile stays."""
        for each in users:
            write(
                self._client.delete_item,
                TableName=self._table,
                Key=_key(each.user_id),
                ConditionExpression="asked_at = :seen",
                ExpressionAttributeValues=typed({":seen": rfc3339(each.asked_at)}),
            )

    def erase(self, item: Item, user: Erasure, now: datetime) -> bool:  # noqa: ARG002 - whose it is follows from it
        """Erase what is personal of a delivery, and of its notification once nobody needs that; say whether all is.

        What is still to be sent ends in `error`, as that of a contact that is gone does; not while it is being sent.
        """
        key, is_only = key_of(item), item["item"]["S"] == NOTIFICATION
        if not (self._strip(key, now, is_all=is_only) or self._end(key, now, is_all=is_only)):
            return False
        if is_only:
            return True
        return self._erase_shared(item["notification_id"]["S"]) and self._strip(key, now, is_all=True)

    def _strip(self, key: Item, now: datetime, *, is_all: bool) -> bool:
        """Erase a delivery that is not to be sent any more; say whether it is such, or is not there."""
        return self._write(
            key,
            _marking(is_all),
            f"REMOVE {_named(PERSONAL)}, {_named(_PLACE)}",
            f"NOT #status IN ({', '.join(_UNSENT)})",
            _UNSENT | _at(now, is_all),
        )

    def _end(self, key: Item, now: datetime, *, is_all: bool) -> bool:
        """Erase a delivery that is to be sent, and that nobody is sending, and end it; say whether it was such."""
        return self._write(
            key,
            ["#status = :error", "#reason = :reason", "#timeline = list_append(#timeline, :step)", *_marking(is_all)],
            f"REMOVE {_named(PERSONAL)}, {_named(_PLACE)}, #lease_until",
            "(#status = :created OR "
            "(#status = :pending AND (attribute_not_exists(#lease_until) OR #lease_until < :now)))",
            {
                ":created": Status.CREATED.value,
                ":pending": Status.PENDING.value,
                ":error": Status.ERROR.value,
                ":reason": Reason.NO_ENDPOINT.value,
                ":step": [{"status": Status.ERROR.value, "at": rfc3339(now), "reason": Reason.NO_ENDPOINT.value}],
                ":now": rfc3339(now),
            },
        )

    def _erase_shared(self, notification_id: str) -> bool:
        """Erase what a notification says to all its recipients, unless one of them is still to get it."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="notification_id = :id",
            ProjectionExpression="#item, #status",
            ExpressionAttributeNames={"#item": "item", "#status": "status"},
            ExpressionAttributeValues=typed({":id": notification_id}),
            ConsistentRead=True,
        )
        items = [plain(item) for page in pages for item in page["Items"]]
        if any(item.get("status") in UNSENT for item in items):
            return False
        return self._write(head_key(notification_id), [], f"REMOVE {_named(SHARED)}", "", {})

    def _write(
        self, key: Item, setting: Sequence[str], removing: str, condition: str, values: Mapping[str, Any]
    ) -> bool:
        """Update an item that is there on a condition; say whether it held, or there is none."""
        update = f"SET {', '.join(setting)} {removing}" if setting else removing
        conditions = " AND ".join(("attribute_exists(#notification_id)", *([condition] if condition else [])))
        names = {name: name[1:] for name in re.findall(r"#\w+", f"{update} {conditions}")}
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=key,
            UpdateExpression=update,
            ConditionExpression=conditions,
            ExpressionAttributeNames=names,
            **({"ExpressionAttributeValues": typed(values)} if values else {}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return answer.item is None if isinstance(answer, Unmet) else True


_PLACE: Final = ("due_shard", "due_at")
"""Where a delivery is in the index of what is to be sent or has failed: there nobody has to look for it any more."""

_UNSENT: Final = {f":unsent{place}": each.value for place, each in enumerate(sorted(UNSENT))}


def _named(attributes: Iterable[str]) -> str:
    return ", ".join(f"#{name}" for name in attributes)


def _marking(is_all: bool) -> list[str]:
    """Return what says that nothing is left to erase of an item: a pass does not look at it again."""
    return ["#erased_at = :now"] if is_all else []


def _at(now: datetime, is_all: bool) -> dict[str, str]:
    return {":now": rfc3339(now)} if is_all else {}


def _key(user_id: str) -> Item:
    return typed({"notification_id": PARTITION, "item": f"{_USER}{user_id}"})


def _erasure(item: Mapping[str, Any]) -> Erasure:
    return Erasure(
        user_id=item["item"].removeprefix(_USER),
        asked_at=datetime.fromisoformat(item["asked_at"]),
        address_keys=frozenset(item.get("address_keys", ())),
    )


def _pass(item: Mapping[str, Any]) -> Pass:
    return Pass(
        began_at=datetime.fromisoformat(item["began_at"]),
        through=datetime.fromisoformat(item["through"]),
        put_off=int(item.get("put_off", 0)),
        cursor=item.get("cursor"),
        left=frozenset(item.get("left", ())),
        is_over=item["is_over"],
    )


def _of(users: Sequence[Erasure]) -> dict[str, Any]:
    """Return the arguments that let through what is of these users, or of addresses of theirs, and not erased yet."""
    wanted = {"user_id": [each.user_id for each in users]}
    wanted["address_key"] = sorted({key for each in users for key in each.address_keys})
    terms, values = [], dict[str, str]()
    for name, some in wanted.items():
        for start in range(0, len(some), _OPERANDS):
            named = {f":{name}{start + place}": each for place, each in enumerate(some[start : start + _OPERANDS])}
            terms.append(f"#{name} IN ({', '.join(named)})")
            values |= named
    names = {f"#{name}": name for name, some in wanted.items() if some}
    return {
        "FilterExpression": f"attribute_not_exists(#erased_at) AND ({' OR '.join(terms)})",
        "ExpressionAttributeNames": {"#erased_at": "erased_at", **names},
        "ExpressionAttributeValues": typed(values),
    }


_OPERANDS: Final = 100
"""Of one IN: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html."""


def _is_about(item: Item, user: Erasure) -> bool:
    own, address = (item.get(name, {}).get("S") for name in ("user_id", "address_key"))
    return user.is_about(own, address, datetime.fromisoformat(item["created_at"]["S"]))
