"""The log's sparse index of deliveries that are still to be sent, by when they are due."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, plain, typed, write
from handlers.adapters.aws.log_keys import delivery_id, delivery_key
from handlers.domain.notifications.due import DueDelivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INDEX: Final = "due"
_PAGE: Final = 100


class DynamoDueIndex:
    """Calls `dynamodb:Query` on the index and `dynamodb:UpdateItem` on the table."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        """Yield the deliveries of a shard that are due, the longest waiting first, in pages of a hundred."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression="due_shard = :shard AND due_at <= :now",
            ExpressionAttributeValues=typed({":shard": shard, ":now": rfc3339(now)}),
            PaginationConfig={"PageSize": _PAGE},
        )
        for page in pages:
            yield [_due_delivery(item) for item in page["Items"]]

    def postpone(self, delivery: DueDelivery, until: datetime) -> None:
        """Let it be due later, and count it as republished; only count it if its due time has moved since it was found.

        A failed attempt, quiet hours or another sweeper set `due_at` as well, and the last status removes it. The count
        is what makes each wait longer than the one before, so a worker that was quicker must not keep it from growing.
        """
        count = delivery.republished + 1
        met = self._update(
            delivery,
            "SET due_at = :until, republished = :count",
            "due_at = :seen",
            {":until": rfc3339(until), ":count": count, ":seen": rfc3339(delivery.due_at)},
        )
        if met is not None and "due_at" in met:
            uncounted = "(attribute_not_exists(republished) OR republished < :count)"
            self._update(
                delivery,
                "SET republished = :count",
                f"attribute_exists(due_at) AND {uncounted}",
                {":count": count},
            )

    def _update(self, delivery: DueDelivery, update: str, condition: str, values: Mapping[str, Any]) -> Item | None:
        """Update the delivery on a condition, and return the item that was met if it does not hold."""
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=delivery_key(delivery.event.notification_id, delivery.event.delivery_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeValues=typed(values),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return answer.item if isinstance(answer, Unmet) else None


def _due_delivery(item: dict[str, Any]) -> DueDelivery:
    values = plain(item)
    return DueDelivery(
        event=DeliveryRequested(
            event_id=values["event_id"],
            notification_id=values["notification_id"],
            delivery_id=delivery_id(item),
            category=values["category"],
            channel=values["channel"],
            app_key=values["app_key"],
            user_id=values.get("user_id"),
            address_key=values.get("address_key"),
        ),
        due_at=datetime.fromisoformat(values["due_at"]),
        republished=int(values.get("republished", 0)),
    )
