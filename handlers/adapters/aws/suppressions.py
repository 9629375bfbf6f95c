"""Suppressed addresses, in DynamoDB: one item each, found by its address in one read, and listed page by page.

The key is `shard` and `address_key`: the address's digest (`domain.people.same_address`), and the first of its
hexadecimal digits. So the workers' reads spread over sixteen partitions at least, and the whole list is sixteen queries
and no scan. The address itself is kept as in contacts, under the key that encrypts the table.

The operator's commands use it too.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from handlers.adapters.aws.dynamo import Item, Unmet, plain, typed, write
from handlers.domain.people.same_address import address_key
from handlers.domain.people.suppressions import Suppression, Suppressions
from handlers.domain.problems import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SHARDS: Final = "0123456789abcdef"
_CURSOR: Final = re.compile("[0-9a-f]{64}")
MOST_AT_ONCE: Final = 100


def suppression_key(key: str) -> Item:
    """Return the key of an address's suppression, by the address's key."""
    return typed({"shard": _digest(key)[0], "address_key": key})


class SuppressionsTable:
    """Calls `dynamodb:PutItem`, `dynamodb:DeleteItem` and, to list, `dynamodb:Query`."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def add(self, suppression: Suppression) -> tuple[Suppression, bool]:
        """Suppress an address; return what holds, and whether it is new: what told it first stays."""
        key = suppression_key(address_key(suppression.address))
        answer = write(
            self._client.put_item,
            TableName=self._table,
            Item=key | typed(suppression.model_dump(mode="json")),
            ConditionExpression="attribute_not_exists(address_key)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        if isinstance(answer, Unmet):
            return (suppression if answer.item is None else _suppression(answer.item)), False
        return suppression, True

    def lift(self, address: str) -> bool:
        """Let an address be tried again; say whether it was suppressed."""
        key = suppression_key(address_key(address))
        gone = self._client.delete_item(TableName=self._table, Key=key, ReturnValues="ALL_OLD")
        return "Attributes" in gone

    def page(self, cursor: str | None, limit: int = MOST_AT_ONCE) -> Suppressions:
        """Return the suppressions that follow the cursor of an earlier page; raise `InvalidRequest` for no such thing.

        One query, and one more for each shard that ends on the page.
        """
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise InvalidRequest.field("cursor", "must be one that a list of suppressions was answered with")
        found = list(self._after(cursor, limit + 1))
        shown = found[:limit]
        more = _digest(shown[-1]["address_key"]["S"]) if len(found) > limit else None
        return Suppressions(suppressions=tuple(map(_suppression, shown)), cursor=more)

    def _after(self, digest: str | None, limit: int) -> Iterator[Item]:
        first = _SHARDS.index(digest[0]) if digest else 0
        for shard in _SHARDS[first:]:
            follows = digest is not None and shard == digest[0]
            values = {":shard": shard} | ({":after": address_key_of(digest or "")} if follows else {})
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="#shard = :shard" + (" AND address_key > :after" if follows else ""),
                ExpressionAttributeNames={"#shard": "shard"},
                ExpressionAttributeValues=typed(values),
                ConsistentRead=True,
                Limit=limit,
            )
            yield from answer["Items"]
            limit -= len(answer["Items"])
            if limit <= 0:
                return


def address_key_of(digest: str) -> str:
    """Return the key of the address that has this digest."""
    return f"{_PREFIX}{digest}"


def _digest(key: str) -> str:
    return key.removeprefix(_PREFIX)


_PREFIX: Final = address_key("")[:-64]


def _suppression(item: Item) -> Suppression:
    values = plain(item)
    return Suppression.model_validate({name: values[name] for name in Suppression.model_fields if name in values})
