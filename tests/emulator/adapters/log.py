"""The log in a table of the emulator."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.due_index import DynamoDueIndex
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.domain.content.links import Link
from handlers.domain.notifications.claims import Claimed, Refusal
from handlers.domain.notifications.deliveries import Conclusion, Delivery, Observed, Reason
from handlers.domain.notifications.due import DueDelivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.statuses import Status


class DynamoLog:
    """The three adapters on one table."""

    def __init__(self, table: str, client: Any) -> None:
        self.table, self.client = table, client
        self.notifications = DynamoNotificationLog(table, client)
        self.deliveries = DynamoDeliveryLog(table, client)
        self.index = DynamoDueIndex(table, client)

    def accept(self, head: Notification, deliveries: Sequence[Delivery]) -> bool:
        return self.notifications.accept(head, deliveries)

    def find(self, notification_id: str) -> tuple[Notification, tuple[Delivery, ...]] | None:
        return self.notifications.find(notification_id)

    def cancel(self, given: Delivery, now: datetime) -> Delivery:
        return self.notifications.cancel(given, now)

    def claim(
        self,
        event: DeliveryRequested,
        *,
        provider: str | None,
        lease_until: datetime,
        now: datetime,
        address: str | None = None,
    ) -> Claimed | Refusal:
        return self.deliveries.claim(event, provider=provider, lease_until=lease_until, now=now, address=address)

    def begin(
        self, given: Delivery, *, provider: str, now: datetime, after: Conclusion | None = None
    ) -> Delivery | None:
        return self.deliveries.begin(given, provider=provider, now=now, after=after)

    def release(self, given: Delivery, now: datetime) -> None:
        self.deliveries.release(given, now)

    def conclude(self, given: Delivery, conclusion: Conclusion) -> None:
        self.deliveries.conclude(given, conclusion)

    def defer(self, event: DeliveryRequested, until: datetime, now: datetime) -> Refusal | None:
        return self.deliveries.defer(event, until, now)

    def close(self, event: DeliveryRequested, status: Status, reason: Reason, now: datetime) -> Refusal | None:
        return self.deliveries.close(event, status, reason, now)

    def look(self, link: Link) -> Delivery | None:
        return self.deliveries.look(link)

    def observe(self, link: Link, status: Status, now: datetime) -> Observed | None:
        return self.deliveries.observe(link, status, now)

    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        return self.index.due(shard, now)

    def set_apart(self) -> int:
        return self.index.set_apart()

    def postpone(self, given: DueDelivery, until: datetime) -> None:
        self.index.postpone(given, until)

    def item(self, given: Delivery) -> dict[str, Any]:
        key = {"notification_id": {"S": given.notification_id}, "item": {"S": f"delivery#{given.delivery_id}"}}
        item: dict[str, Any] = self.client.get_item(TableName=self.table, Key=key)["Item"]
        return item
