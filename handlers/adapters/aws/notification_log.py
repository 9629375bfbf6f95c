"""The log to the one who sends notifications: accepted whole or not at all, read back in one query, and canceled."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.dynamo import ITEMS_PER_BATCH, Item, Unmet, put_all, typed, write
from handlers.adapters.aws.log_items import (
    KEPT_FOR,
    delivery_item,
    delivery_of,
    expiry,
    holds_delivery,
    notification_item,
    notification_of,
    only_item,
)
from handlers.adapters.aws.log_keys import ACCEPTANCE, NOTIFICATION, acceptance_of
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.adapters.aws.unreadable import tell_unreadable
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.statuses import UNSENT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoNotificationLog:
    """Calls `dynamodb:PutItem`, `dynamodb:BatchWriteItem`, `dynamodb:Query` and, to cancel, `dynamodb:UpdateItem`."""

    def __init__(self, table: str, client: "DynamoDBClient", kept_for: timedelta = KEPT_FOR) -> None:
        """`kept_for` is how long after its time a notification is erased, with its deliveries."""
        self._table = table
        self._client = client
        self._kept_for = kept_for
        self._deliveries = DynamoDeliveryLog(table, client)
        self._calls = SideBySide()

    def accept(self, notification: Notification, deliveries: Sequence[Delivery], payload: Payload) -> bool:
        """Write all of it and return True, or return False as this notification is there already.

        An only delivery is one item with its notification (`Delivery.is_only`): one write. Otherwise the deliveries
        come first, marked with an id of this acceptance, up to 25 in a call and the calls side by side; then the
        notification, with the same mark and what is to be said, on the condition that there is none. Whoever looks at a
        delivery without it sees nothing: deliveries with another mark than their notification's are what an acceptance
        has left that died, or was the second of two at once. The sweeper does not publish them, and erases them
        (`due_index`).
        """
        expires = expiry(notification.send_at or notification.created_at, self._kept_for)
        # What is never sent need not be kept.
        said = payload if any(delivery.status in UNSENT for delivery in deliveries) else None
        if len(deliveries) == 1 and deliveries[0].is_only:
            return self._commit(only_item(notification, deliveries[0], said) | expires)
        # Of many, the last write would tell as well that it is there, but after all the others.
        if len(deliveries) > ITEMS_PER_BATCH and self._is_there(notification.notification_id):
            return False
        mark = typed({ACCEPTANCE: str(uuid.uuid4())}) | expires
        # What is to be sent comes first, as the sweeper finds what is left by that.
        ordered = sorted(deliveries, key=lambda delivery: delivery.status not in UNSENT)
        # Nobody else can have put these, as a delivery's id is new.
        put_all(self._client, self._table, [delivery_item(each) | mark for each in ordered], self._calls)
        return self._commit(notification_item(notification, said) | mark)

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
        accepted = (each for each in items if holds_delivery(each) and acceptance_of(each) == acceptance_of(head))
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

    def _commit(self, item: Item) -> bool:
        """Put the item that makes the notification accepted; say whether it was this that did it.

        A write whose answer was lost is repeated by botocore, and then meets itself.
        """
        answer = write(
            self._client.put_item,
            TableName=self._table,
            Item=item,
            ConditionExpression="attribute_not_exists(notification_id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        if not isinstance(answer, Unmet):
            return True
        met = answer.item or {}
        return all(met.get(name) == item.get(name) for name in (ACCEPTANCE, "event_id"))


def _read(item: Item) -> Delivery | None:
    try:
        return delivery_of(item)
    except Exception as error:
        tell_unreadable(item, error)
        return None
