"""The event of a delivery, by what an index of the log holds of it. The sweeper has no need of `log_items`."""

from typing import Any, Final

from handlers.adapters.aws.dynamo import Item, plain
from handlers.adapters.aws.log_keys import delivery_id
from handlers.domain.notifications.due import is_urgent
from handlers.domain.notifications.events import HIGH, DeliveryRequested

_FIELDS: Final = (
    "event_id",
    "notification_id",
    "category",
    "channel",
    "app_key",
    "user_id",
    "address_key",
    "slot",
    "digest_id",
)


def indexed_event(item: Item) -> DeliveryRequested:
    """Return the event. Raises whatever comes of an item that is no delivery: its caller tells of it."""
    values = plain(item)
    fields: dict[str, Any] = {name: values[name] for name in _FIELDS if name in values}
    if is_urgent(values.get("due_shard", "")):
        fields["priority"] = HIGH
    return DeliveryRequested.of({**fields, "delivery_id": delivery_id(item)})
