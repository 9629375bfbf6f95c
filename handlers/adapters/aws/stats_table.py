"""The books in DynamoDB: entries and counters, written together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, typed, write
from handlers.adapters.aws.stats_items import (
    counters_expiration,
    counters_key,
    entry_item,
    entry_key,
    entry_of,
    spread,
)
from handlers.domain.stats.counting import Group
from handlers.domain.stats.ledger import Entry, Posting, moved, written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_IS_NEW: Final = "attribute_not_exists(id)"
_IS_AS_EXPECTED: Final = "#added = :added AND #sequence < :sequence"
_IS_AS_MET: Final = "#sequence = :sequence"


class DynamoBooks:
    """Calls `dynamodb:TransactWriteItems`, for which a role needs `PutItem`, `UpdateItem` and `DeleteItem`.

    boto3 gives each call a token, by which DynamoDB knows one that was repeated because its answer was lost.
    """

    MOST_WRITES: Final = 100
    """Of a transaction: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def post(self, postings: Sequence[Posting]) -> Mapping[int, Entry | None]:
        """Write all of it and return nothing; or nothing of it, and return the entries that were met instead of what
        the postings at these places take for granted.

        One transaction. Raises `Contended` when others write the same counters for long.
        """
        # Two functions that are at it at once write the same counters only if they happen on the same stripe.
        stripe = spread(postings[0].changes[-1].sequence)
        entries = [self._entry(each) for each in postings]
        counters = [self._counters(group, by, stripe) for group, by in moved(postings).items()]
        answer = write(self._client.transact_write_items, TransactItems=[*entries, *counters])
        if not isinstance(answer, Unmet):
            return {}
        return {place: entry_of(item) for place, item in answer.met.items()}

    def _entry(self, posting: Posting) -> Any:
        condition, values = _condition(posting)
        names = {name: name[1:] for name in ("#added", "#sequence") if name in condition}
        conditional = {
            "TableName": self._table,
            "ConditionExpression": condition,
            **({"ExpressionAttributeNames": names} if names else {}),
            **({"ExpressionAttributeValues": values} if values else {}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if posting.new is None:
            return {"Delete": {**conditional, "Key": entry_key(posting.delivery)}}
        return {"Put": {**conditional, "Item": entry_item(posting, posting.delivery)}}

    def _counters(self, group: Group, by: Counter[str], stripe: int) -> Any:
        places = {name: f"#c{place}" for place, name in enumerate(by)}
        return {
            "Update": {
                "TableName": self._table,
                "Key": counters_key(group, stripe),
                "UpdateExpression": "SET #expiration = :expiration ADD "
                + ", ".join(f"{place} {place.replace('#', ':')}" for place in places.values()),
                "ExpressionAttributeNames": {
                    "#expiration": "expiration",
                    **{place: name for name, place in places.items()},
                },
                "ExpressionAttributeValues": typed(
                    {
                        ":expiration": counters_expiration(group),
                        **{place.replace("#", ":"): by[name] for name, place in places.items()},
                    }
                ),
            }
        }


def _condition(posting: Posting) -> tuple[str, Item]:
    """Return the condition that the entry is what the posting takes it to be, and its values."""
    if posting.met is not None:
        return _IS_AS_MET, typed({":sequence": posting.met.sequence})
    if posting.old is None:
        return _IS_NEW, {}
    return _IS_AS_EXPECTED, typed({":added": written(posting.old), ":sequence": posting.changes[0].sequence})
