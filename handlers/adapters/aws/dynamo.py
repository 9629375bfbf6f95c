"""What the adapters on DynamoDB share: values to and from its typed form, batch reads, and conditional writes."""

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain.problems import Contended

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

Item = dict[str, Any]
"""An item in DynamoDB's typed form: `{"user_id": {"S": "u-1"}}`."""

Answer = TypeVar("Answer")

_serializer, _deserializer = TypeSerializer(), TypeDeserializer()

_KEYS_PER_CALL: Final = 100

ITEMS_PER_BATCH: Final = 25
"""Of one BatchWriteItem: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html."""

_BATCH_ATTEMPTS: Final = 5
_CONTENDING_ATTEMPTS: Final = 6
_FIRST_WAIT: Final = 0.05

# Why one write was not made: the code of its error, or, of a transaction, the reason that DynamoDB gives for it:
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
_UNMET: Final = frozenset({"ConditionalCheckFailed", "ConditionalCheckFailedException"})
# What passes by itself, and botocore does not try again. (A single write that is throttled it does.)
_PASSING: Final = frozenset(
    {"TransactionConflict", "TransactionConflictException", "ThrottlingError", "ProvisionedThroughputExceeded"}
)


class UnprocessedKeysError(Exception):
    """DynamoDB kept leaving keys of a batch unread: the table is being throttled."""


class UnprocessedItemsError(Exception):
    """DynamoDB kept leaving items of a batch unwritten: the table is being throttled."""


def typed(values: Mapping[str, Any]) -> Item:
    """Return the values in typed form. Numbers must be integers: DynamoDB's are decimal, and it refuses floats."""
    return {name: _serializer.serialize(value) for name, value in values.items()}


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an item; numbers come as `Decimal`."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def _projection(attributes: Iterable[str]) -> dict[str, Any]:
    """Return the arguments that read these attributes alone, by placeholders, as DynamoDB reserves many names."""
    names = {f"#{name}": name for name in attributes}
    return {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if names else {}


def read_all(
    client: "DynamoDBClient",
    keys: Mapping[str, Sequence[Item]],
    calls: SideBySide,
    attributes: Mapping[str, Iterable[str]] = MappingProxyType({}),
    lenient: Collection[str] = (),
) -> dict[str, list[Item]]:
    """Return by table the items of those of these keys that there are, as last written.

    One BatchGetItem for each 100, these side by side. Of the tables in `attributes` these alone are returned. Those of
    the `lenient` tables may be a moment old, and cost half.
    """
    wanted = [(table, key) for table, some in keys.items() for key in some]
    portions: list[dict[str, list[Item]]] = []
    for start in range(0, len(wanted), _KEYS_PER_CALL):
        portions.append({})
        for table, key in wanted[start : start + _KEYS_PER_CALL]:
            portions[-1].setdefault(table, []).append(key)
    found: dict[str, list[Item]] = {table: [] for table in keys}
    for answer in calls.map(lambda portion: read(client, portion, attributes, lenient), portions):
        for table, items in answer.items():
            found[table] += items
    return found


def by_user(items: Iterable[Item]) -> dict[str, Item]:
    """Return the items by their `user_id`."""
    return {item["user_id"]["S"]: item for item in items}


def read(
    client: "DynamoDBClient",
    keys: Mapping[str, Sequence[Item]],
    attributes: Mapping[str, Iterable[str]] = MappingProxyType({}),
    lenient: Collection[str] = (),
) -> dict[str, list[Item]]:
    """Return by table the items of those of these keys that there are, in one BatchGetItem.

    At most 100 keys in all. Of the tables in `attributes` these alone are returned. Strongly consistent, but for the
    `lenient` tables.
    What DynamoDB leaves unread is asked for again, later each time, as it recommends
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html): about 1.5 s at most.
    """
    found: dict[str, list[Item]] = {table: [] for table in keys}
    wanted: Any = {
        table: {"Keys": some, "ConsistentRead": table not in lenient, **_projection(attributes.get(table, ()))}
        for table, some in keys.items()
    }
    for attempt in range(_BATCH_ATTEMPTS):
        answer = client.batch_get_item(RequestItems=wanted)
        for table, items in answer["Responses"].items():
            found[table] += items
        wanted = answer["UnprocessedKeys"]
        if not wanted:
            return found
        pause(attempt)
    raise UnprocessedKeysError


def put_all(client: "DynamoDBClient", table: str, items: Sequence[Item], calls: SideBySide) -> None:
    """Put the items, 25 of them in one BatchWriteItem, these side by side. Unconditional, and not whole or not at all.

    The 16 MB of a call are enough for 25 items of up to 400 KB. What DynamoDB leaves unwritten is put again, later each
    time, for about 1.5 s; then `UnprocessedItemsError` is raised.
    """
    _write_all(client, table, [{"PutRequest": {"Item": item}} for item in items], calls)


def delete_all(client: "DynamoDBClient", table: str, keys: Sequence[Item], calls: SideBySide) -> None:
    """Delete the items with these keys, as `put_all` puts some; those that are not there are no harm."""
    _write_all(client, table, [{"DeleteRequest": {"Key": key}} for key in keys], calls)


def _write_all(
    client: "DynamoDBClient", table: str, requests: Sequence["WriteRequestTypeDef"], calls: SideBySide
) -> None:
    def one(batch: Sequence["WriteRequestTypeDef"]) -> None:
        left: Any = {table: batch}
        for attempt in range(_BATCH_ATTEMPTS):
            left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]
            if not left:
                return
            pause(attempt)
        raise UnprocessedItemsError

    calls.map(one, [requests[start : start + ITEMS_PER_BATCH] for start in range(0, len(requests), ITEMS_PER_BATCH)])


@dataclass(frozen=True, slots=True)
class Unmet:
    """Nothing was written, as conditions did not hold: of the writes at these places, 0 when there is only one.

    With each is the item that it met; None if there was none, or the write did not ask to be told
    (`ReturnValuesOnConditionCheckFailure`).
    """

    met: Mapping[int, Item | None]

    @property
    def item(self) -> Item | None:
        """The item that the first of them met."""
        return next(iter(self.met.values()))


def write(operation: Callable[..., Answer], **arguments: Any) -> Answer | Unmet:
    """Make a conditional write, or a transaction of them, and return its answer, or which conditions did not hold.

    `operation` is the client's method. DynamoDB refuses a write while somebody else is writing one of its items in a
    transaction, or, in a transaction, when it is short of capacity: it is tried again then, and `Contended` is raised
    when it never helps. Whatever else keeps it from being made is raised as it is.
    """
    for _ in contending():
        answer = attempt_write(operation, **arguments)
        if answer is not None:
            break
    return answer  # type: ignore[return-value] # `contending` raises if it never was anything else


def attempt_write(operation: Callable[..., Answer], **arguments: Any) -> Answer | Unmet | None:
    """Make a write as `write` does, but once; return None when trying again may help.

    For who would rather read anew before that.
    """
    try:
        return operation(**arguments)
    except ClientError as error:
        reasons = _reasons(error)
        unmet = {place: reason.get("Item") for place, reason in enumerate(reasons) if reason["Code"] in _UNMET}
        if unmet:
            return Unmet(unmet)
        if {reason["Code"] for reason in reasons} - {"None"} <= _PASSING:
            return None
        raise


def _reasons(error: ClientError) -> Sequence[Mapping[str, Any]]:
    """Return why each of the writes was not made, in their order: `{"Code", "Item"?}`."""
    response: Mapping[str, Any] = error.response
    own = {"Code": response["Error"]["Code"], "Item": response.get("Item")}
    reasons: Sequence[Mapping[str, Any]] = response.get("CancellationReasons") or [own]
    return reasons


def contending() -> Iterator[None]:
    """Yield as often as it is worth trying what others may get in the way of, a while apart; then raise `Contended`.

    The pauses come to 1.6 s at most.
    """
    for attempt in range(_CONTENDING_ATTEMPTS):
        if attempt > 0:
            pause(attempt - 1)
        yield
    raise Contended("What this changes was being changed by others: send it again.", retry_after=1)


def pause(attempt: int) -> None:
    """Wait before what was refused is asked for again: 50 ms and a little less at first, twice as long each time."""
    time.sleep(random.uniform(0.5, 1) * _FIRST_WAIT * 2**attempt)  # noqa: S311 - jitter is no secret
