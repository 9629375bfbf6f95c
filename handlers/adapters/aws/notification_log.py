"""The log to the one who sends notifications: accepted in one transaction, read back in one query, and canceled."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.dynamo import Item, Unmet, typed, write
from handlers.adapters.aws.log_items import delivery_item, delivery_of, notification_item, notification_of
from handlers.adapters.aws.log_keys import NOTIFICATION
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.notification import Notification

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Of one transaction: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_MAX_ITEMS: Final = 100
_MAX_BYTES: Final = 4 * 1024 * 1024
_OVERHEAD_BYTES: Final = 4 * 1024  # of an item without its payload, generously


class DynamoNotificationLog:
    """Calls `dynamodb:PutItem` (in TransactWriteItems), `dynamodb:Query` and, to cancel, `dynamodb:UpdateItem`."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client
        self._deliveries = DynamoDeliveryLog(table, client)

    def accept(self, notification: Notification, deliveries: Sequence[Delivery]) -> bool:
        """Write all of it and return True, or return False as this notification is there already.

        What fits into one transaction is written whole or not at all. What does not is written with the notification
        last: so if this dies half way there is no notification yet, and a repetition finds some deliveries there and
        adds the others. Either way nothing that is there is touched.
        """
        items = [*(delivery_item(delivery) for delivery in deliveries), notification_item(notification)]
        transactions = list(_transactions(items))
        if len(transactions) > 1 and self.find(notification.notification_id) is not None:
            return False
        return all(self._write(transaction) for transaction in transactions)

    def find(self, notification_id: str) -> tuple[Notification, tuple[Delivery, ...]] | None:
        """Return a notification as last written, its deliveries in the order of their positions."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="notification_id = :id",
            ExpressionAttributeValues=typed({":id": notification_id}),
            ConsistentRead=True,
        )
        items = [item for page in pages for item in page["Items"]]
        head = next((item for item in items if item["item"]["S"] == NOTIFICATION), None)
        if head is None:
            return None
        deliveries = (delivery_of(item) for item in items if item is not head)
        return notification_of(head), tuple(sorted(deliveries, key=lambda delivery: delivery.position))

    def cancel(self, delivery: Delivery, now: datetime) -> Delivery:
        """Cancel a delivery that is not yet sent, and that nobody is sending; return it as it is now, either way."""
        return self._deliveries.cancel(delivery, now)

    def _write(self, items: Sequence[Item]) -> bool:
        """Put those of the items that are not there; return False when the notification was."""
        while items:
            there = self._put(items)
            if any(items[index]["item"]["S"] == NOTIFICATION for index in there):
                return False
            if not there:
                return True
            items = [item for index, item in enumerate(items) if index not in there]
        return True

    def _put(self, items: Sequence[Item]) -> frozenset[int]:
        """Put all the items, or none and return the places of those that are there already."""
        puts: list[Any] = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(notification_id)",
                }
            }
            for item in items
        ]
        answer = write(self._client.transact_write_items, TransactItems=puts)
        return frozenset(answer.met) if isinstance(answer, Unmet) else frozenset()


def _transactions(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield the items in portions that DynamoDB takes in one transaction."""
    portion: list[Item] = []
    size = 0
    for item in items:
        bytes_of_item = _size(item)
        if portion and (len(portion) == _MAX_ITEMS or size + bytes_of_item > _MAX_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += bytes_of_item
    yield portion


def _size(item: Item) -> int:
    return _OVERHEAD_BYTES + sum(len(item[name]["S"].encode()) for name in ("content", "data") if name in item)
