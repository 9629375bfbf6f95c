"""The keys of the log's table: `notification_id`, and `item`: `"notification"` or `"delivery#<delivery_id>"`.

And what else is told of an item that is not read: the sweeper has no Jinja, so it cannot import what a delivery is.
"""

from collections.abc import Mapping
from typing import Any, Final

from handlers.adapters.aws.dynamo import Item, typed
from handlers.observability import describe, logger

NOTIFICATION: Final = "notification"
ACCEPTANCE: Final = "acceptance"
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


def acceptance_of(item: Item) -> str | None:
    """Return the acceptance that has written an item in one of several transactions; None when there was only one."""
    mark: str | None = item.get(ACCEPTANCE, {}).get("S")
    return mark


def tell_unreadable(item: Item, error: Exception) -> None:
    """Say of an item that it cannot be read, by its key, as its values may be personal."""
    key = {name: value["S"] for name, value in key_of(item).items()}
    logger.error("log item unreadable", **key, **describe(error))
