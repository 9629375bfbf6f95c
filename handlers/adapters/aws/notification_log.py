"""The log to the one who sends notifications: accepted whole or not at all, read back in one query, and canceled."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.dynamo import Item, Unmet, typed, write
from handlers.adapters.aws.log_items import delivery_item, delivery_of, notification_item, notification_of
from handlers.adapters.aws.log_keys import ACCEPTANCE, NOTIFICATION, acceptance_of, tell_unreadable
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.statuses import UNSENT

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
        self._calls = SideBySide()

    def accept(self, notification: Notification, deliveries: Sequence[Delivery]) -> bool:
        """Write all of it and return True, or return False as this notification is there already.

        The notification is the last item to be written, and whoever looks at a delivery without it sees nothing. What
        fits into one transaction is written by one. Of more, the deliveries come first, marked with an id of this
        acceptance, and the notification, with the same mark, in the last transaction: deliveries with another mark
        than their notification's are what an acceptance has left that died, or was the second of two at once.
        The sweeper does not publish them, and erases them (`due_index`).
        """
        # What is to be sent comes first, as the sweeper finds what is left by that.
        ordered = sorted(deliveries, key=lambda delivery: delivery.status not in UNSENT)
        items = [*(delivery_item(delivery) for delivery in ordered), notification_item(notification)]
        *earlier, last = _transactions(items)
        if earlier:
            if self._is_there(notification.notification_id):
                return False
            mark = typed({ACCEPTANCE: str(uuid.uuid4())})
            # Nobody else can have put these, as a delivery's id is new.
            self._calls.map(self._put, [[item | mark for item in transaction] for transaction in earlier])
            last = [item | mark for item in last]
        return self._put(last)

    def find(self, notification_id: str) -> tuple[Notification, tuple[Delivery, ...]] | None:
        """Return a notification as last written, its deliveries in the order of their positions.

        A delivery that cannot be read is left out, and told of in the log: it hides none of the others.
        """
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
        accepted = (each for each in items if each is not head and acceptance_of(each) == acceptance_of(head))
        deliveries = (delivery for item in accepted if (delivery := _read(item)) is not None)
        return notification_of(head), tuple(sorted(deliveries, key=lambda delivery: delivery.position))

    def cancel(self, delivery: Delivery, now: datetime) -> Delivery:
        """Cancel a delivery that is not yet sent, and that nobody is sending; return it as it is now, either way."""
        return self._deliveries.cancel(delivery, now)

    def _is_there(self, notification_id: str) -> bool:
        """Say whether it was accepted already, which the last write would tell as well, but after all the others."""
        found = self._client.query(
            TableName=self._table,
            KeyConditionExpression="notification_id = :id AND #item = :item",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues=typed({":id": notification_id, ":item": NOTIFICATION}),
            ConsistentRead=True,
            Select="COUNT",
        )
        return found["Count"] > 0

    def _put(self, items: Sequence[Item]) -> bool:
        """Put all the items, or none, and say so, if there is a notification among them that is there already."""
        puts: list[Any] = [{"Put": {"TableName": self._table, "Item": item, **_condition(item)}} for item in items]
        return not isinstance(write(self._client.transact_write_items, TransactItems=puts), Unmet)


def _condition(item: Item) -> dict[str, str]:
    is_head = item["item"]["S"] == NOTIFICATION
    return {"ConditionExpression": "attribute_not_exists(notification_id)"} if is_head else {}


def _read(item: Item) -> Delivery | None:
    try:
        return delivery_of(item)
    except Exception as error:
        tell_unreadable(item, error)
        return None


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
