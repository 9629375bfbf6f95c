"""The keys of the log's table: `notification_id`, and `item`: `"notification"` or `"delivery#<delivery_id>"`."""

from collections.abc import Mapping
from typing import Any, Final

from handlers.adapters.aws.dynamo import Item, typed

NOTIFICATION: Final = "notification"
_DELIVERY: Final = "delivery#"


def head_key(notification_id: str) -> Item:
    """Return the key of a notification itself."""
    return typed({"notification_id": notification_id, "item": NOTIFICATION})


def key_of(item: Item) -> Item:
    """Return the key of an item."""
    return {name: item[name] for name in ("notification_id", "item")}


def delivery_key(notification_id: str, delivery_id: str) -> Item:
    """Return the key of a delivery."""
    return typed({"notification_id": notification_id, "item": f"{_DELIVERY}{delivery_id}"})


def delivery_id(item: Mapping[str, Any]) -> str:
    """Return the id of the delivery whose key is in this item."""
    return str(item["item"]["S"]).removeprefix(_DELIVERY)
