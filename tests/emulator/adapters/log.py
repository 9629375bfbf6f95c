"""The log in a table of the emulator."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.due_index import DynamoDueIndex
from handlers.adapters.aws.log_keys import delivery_key
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.adapters.aws.redrive_log import DynamoRedriveLog
from handlers.domain.channels import Channel
from handlers.domain.content.links import Link
from handlers.domain.notifications.claims import Claimed, Refusal, Undecided
from handlers.domain.notifications.deliveries import Conclusion, Delivery, Observed, Reason
from handlers.domain.notifications.due import DueDelivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.receipts import Change
from handlers.domain.notifications.redrives import Redrive, Waiting
from handlers.domain.notifications.statuses import Status


class DynamoLog:
    """The three adapters on one table. `apart`: `accepted` is to keep no delivery in its notification's item."""

    def __init__(self, table: str, client: Any, *, apart: bool = False) -> None:
        self.table, self.client, self.apart = table, client, apart
        self.notifications = DynamoNotificationLog(table, client)
        self.deliveries = DynamoDeliveryLog(table, client)
        self.index = DynamoDueIndex(table, client)
        self.redrives = DynamoRedriveLog(table, "email", client)

    def accept(self, notification: Notification, deliveries: Sequence[Delivery], payload: Payload) -> bool:
        return self.notifications.accept(notification, deliveries, payload)

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
        unknown_retries: int,
        address: str | None = None,
    ) -> Claimed | Undecided | Refusal:
        return self.deliveries.claim(
            event,
            provider=provider,
            lease_until=lease_until,
            now=now,
            unknown_retries=unknown_retries,
            address=address,
        )

    def hold(self, given: Delivery, until: datetime, now: datetime) -> None:
        self.deliveries.hold(given, until, now)

    def begin(
        self, given: Delivery, *, provider: str, now: datetime, after: Conclusion | None = None
    ) -> Delivery | None:
        return self.deliveries.begin(given, provider=provider, now=now, after=after)

    def release(self, given: Delivery, now: datetime) -> None:
        self.deliveries.release(given, now)

    def conclude(self, given: Delivery, conclusion: Conclusion) -> None:
        self.deliveries.conclude(given, conclusion)

    def defer(
        self, event: DeliveryRequested, until: datetime, now: datetime, reason: Reason = Reason.QUIET_HOURS
    ) -> Refusal | None:
        return self.deliveries.defer(event, until, now, reason)

    def close(self, event: DeliveryRequested, status: Status, reason: Reason, now: datetime) -> Refusal | None:
        return self.deliveries.close(event, status, reason, now)

    def look(self, link: Link) -> Delivery | None:
        return self.deliveries.look(link)

    def observe(self, link: Link, status: Status, now: datetime, app_key: str | None = None) -> Observed | None:
        return self.deliveries.observe(link, status, now, app_key)

    def apply(self, given: Delivery, change: Change) -> bool:
        return self.deliveries.apply(given, change)

    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        return self.index.due(shard, now)

    def redriven(self, channel: Channel, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        return self.index.redriven(channel, now)

    def unsent(self, channel: Channel, now: datetime) -> int:
        return self.index.unsent(channel, now)

    def waiting(self, event: DeliveryRequested) -> Waiting | None:
        return self.redrives.waiting(event)

    def wait(self, event: DeliveryRequested, seen: Waiting, redrive: Redrive, *, is_new: bool) -> bool:
        return self.redrives.wait(event, seen, redrive, is_new=is_new)

    def give_up(self, event: DeliveryRequested, seen: Waiting, reason: Reason, now: datetime) -> bool:
        return self.redrives.give_up(event, seen, reason, now)

    def set_apart(self) -> int:
        return self.index.set_apart()

    def postpone(self, given: DueDelivery, until: datetime) -> None:
        self.index.postpone(given, until)

    def item(self, given: Delivery) -> dict[str, Any]:
        key = delivery_key(given.notification_id, given.delivery_id)
        item: dict[str, Any] = self.client.get_item(TableName=self.table, Key=key)["Item"]
        return item
