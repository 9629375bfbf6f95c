"""One conditional write that takes the next piece of time for an app or a provider (GCRA): nothing is read before it.

An item's `taken` is until when its time is taken, in microseconds since 1970. The write says what it expects of it.
"""

from typing import TYPE_CHECKING, Any

from handlers.adapters.aws.dynamo import Item, Unmet, attempt_write, plain, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def take(
    client: "DynamoDBClient",
    table: str,
    key: str,
    *,
    known: int,
    now: int,
    length: int,
    latest: int,
    expiration: int,
) -> tuple[int, bool] | None:
    """Take `length` microseconds that begin at `latest` then, and now if nobody has them; `known` is `taken` as known.

    Returns `taken` as it is afterwards, and whether that is our doing; None when DynamoDB asks for another try.
    """
    idle = ("SET taken = :next", "attribute_not_exists(taken) OR taken <= :now", {":next": now + length})
    busy = (
        "SET taken = taken + :length",
        "taken > :now AND taken <= :latest",
        {":length": length, ":latest": latest},
    )
    update, condition, values = idle if known <= now else busy
    answer: Any = attempt_write(
        client.update_item,
        TableName=table,
        Key=typed({"id": key}),
        UpdateExpression=f"{update}, expiration = :expiration",
        ConditionExpression=condition,
        ExpressionAttributeValues=typed({**values, ":now": now, ":expiration": expiration}),
        ReturnValues="ALL_NEW",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    if answer is None:
        return None
    item: Item = (answer.item or {}) if isinstance(answer, Unmet) else answer["Attributes"]
    return int(plain(item).get("taken", 0)), not isinstance(answer, Unmet)
