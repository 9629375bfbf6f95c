"""The keys of the log's table: `notification_id`, and `item`: `"notification"` or `"delivery#<delivery_id>"`.

A delivery that has its notification's own id is its only one, and both are the item `"notification"`. Besides there is
one partition that is no notification's, of those who are to be erased (`erasures`).

The operator's command line reads them too, so nothing here needs Powertools.
"""

from collections.abc import Mapping
from typing import Any, Final

from handlers.adapters.aws.dynamo import Item, typed

NOTIFICATION: Final = "notification"
ACCEPTANCE: Final = "acceptance"
DELIVERY: Final = "delivery#"


def head_key(notification_id: str) -> Item:
    """Return the key of a notification itself."""
    return typed({"notification_id": notification_id, "item": NOTIFICATION})


def key_of(item: Item) -> Item:
    """Return the key of an item."""
    return {name: item[name] for name in ("notification_id", "item")}


def delivery_key(notification_id: str, delivery_id: str) -> Item:
    """Return the key of a delivery."""
    item = NOTIFICATION if delivery_id == notification_id else f"{DELIVERY}{delivery_id}"
    return typed({"notification_id": notification_id, "item": item})


def delivery_id(item: Mapping[str, Any]) -> str:
    """Return the id of the delivery whose key is in this item."""
    name = str(item["item"]["S"])
    return str(item["notification_id"]["S"]) if name == NOTIFICATION else name.removeprefix(DELIVERY)


def acceptance_of(item: Item) -> str | None:
    """Return the acceptance that has written an item of several; None when there is only one."""
    mark: str | None = item.get(ACCEPTANCE, {}).get("S")
    return mark
