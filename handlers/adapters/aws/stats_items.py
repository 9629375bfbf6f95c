"""How the table `stats` holds counters and lists.

| `id`                    | `item`                                             | what it is                    |
|-------------------------|----------------------------------------------------|-------------------------------|
| `counts#<app>#<stripe>` | `<day>#<category>#<channel>#<provider>#<template>` | counters, each an attribute   |
| `listed#<app>#<stripe>` | `<created_at>#<notification_id>#<delivery_id>`     | the entry of a delivery       |

An entry has `sequence`, `added` and `shown` (its listed form, as JSON), and `user`, by which the index has it, if it is
to a user. Stripes, since a partition takes 1,000 writes a second and one app may have more; those of a notification's
deliveries are the same. `expiration` is DynamoDB's time to live.
"""

import uuid
from datetime import datetime
from typing import Final
from zlib import crc32

from handlers.adapters.aws.dynamo import Item, plain, typed
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.stats.counting import PARTS, Group
from handlers.domain.stats.ledger import COUNTED_FOR, FORGOTTEN_AFTER, Entry, Posting, is_due_from, written
from handlers.domain.stats.listing import ListedDelivery
from handlers.domain.times import rfc3339

USER_INDEX: Final = "user"
LIST_STRIPES: Final = 8
COUNT_STRIPES: Final = 4


def entry_key(delivery: Delivery) -> Item:
    """Return the key of a delivery's entry."""
    place = f"{rfc3339(delivery.created_at)}#{delivery.notification_id}#{delivery.delivery_id}"
    return typed({"id": list_id(delivery.app_key, stripe_of(delivery.notification_id)), "item": place})


def entry_item(posting: Posting, delivery: Delivery) -> Item:
    """Return the entry of a delivery once this is posted."""
    assert posting.new is not None  # noqa: S101 - what was erased has none
    user = {} if delivery.user_id is None else {"user": user_key(delivery.app_key, delivery.user_id)}
    return entry_key(delivery) | typed(
        {
            "sequence": posting.changes[-1].sequence,
            "added": written(posting.new),
            "shown": ListedDelivery.of(delivery).model_dump_json(),
            "expiration": _seconds(is_due_from(delivery) + FORGOTTEN_AFTER),
            **user,
        }
    )


def entry_of(item: Item | None) -> Entry | None:
    """Return what an item has of a delivery."""
    return None if item is None else Entry(item["sequence"]["S"], item["added"]["S"])


def listed(item: Item) -> ListedDelivery:
    """Return a delivery as it is listed."""
    return ListedDelivery.model_validate_json(item["shown"]["S"])


def counters_key(group: Group, stripe: int) -> Item:
    """Return the key of a group's counters."""
    return typed({"id": counts_id(group.app_key, stripe), "item": "#".join(group.name(part) for part in PARTS)})


def counters_expiration(group: Group) -> int:
    """Return when a group's counters may go."""
    return _seconds(datetime.fromisoformat(f"{group.day}T00:00:00+00:00") + COUNTED_FOR)


def counters_of(item: Item) -> tuple[Group, dict[str, int]]:
    """Return a group and its counters."""
    values = plain(item)
    app_key = values.pop("id").split("#")[1]
    # A template's name comes last and may have any character.
    parts: list[str] = values.pop("item").split("#", len(PARTS) - 1)
    values.pop("expiration")
    return Group(app_key, *parts), {name: int(value) for name, value in values.items()}


def counts_id(app_key: str, stripe: int) -> str:
    """Return the partition of an app's counters in a stripe."""
    return f"counts#{app_key}#{stripe}"


def list_id(app_key: str, stripe: int) -> str:
    """Return the partition of an app's list in a stripe."""
    return f"listed#{app_key}#{stripe}"


def user_key(app_key: str, user_id: str) -> str:
    """Return by what the index has the deliveries of an app to a user: no app's key has a `#`."""
    return f"{app_key}#{user_id}"


def stripe_of(notification_id: str) -> int:
    """Return the stripe of the list in which a notification's deliveries are."""
    return uuid.UUID(notification_id).int % LIST_STRIPES


def spread(text: str) -> int:
    """Return a stripe of the counters: any will do, and another one for the next transaction is best."""
    return crc32(text.encode()) % COUNT_STRIPES


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
