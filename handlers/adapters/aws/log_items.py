"""How the log's table holds a notification and its deliveries.

Keys are in `log_keys`. An attribute has the name and form of the
field it holds, with these exceptions:

- `data` and `content` are JSON text, with every number as its producer wrote it, which DynamoDB's would not give back;
- `attempts` is a map by their numbers, so that each keeps its place when others are dropped, and `attempts_begun` is
  the last one's; one that was never concluded stays `started`, which is read as `unknown` once another one follows;
- `lease_until` is there while an invocation holds the delivery;
- `address_key` is that of its endpoint, for its events;
- `due_shard`, `due_at` and `republished` are the sweeper's; the first two are there while the delivery is to be sent;
- `acceptance` is on a notification that took more than one transaction to write, and on each of its deliveries: the id
  of that acceptance. A delivery whose notification is not there, or has another one, was never accepted.
"""

from collections.abc import Mapping
from typing import Any, Final

from handlers.adapters.aws.dynamo import Item, plain, typed
from handlers.adapters.aws.log_keys import NOTIFICATION, delivery_key
from handlers.domain.content.values import read_json, write_json
from handlers.domain.notifications.deliveries import Attempt, Delivery, with_fates
from handlers.domain.notifications.due import first_due, shard
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.statuses import UNSENT
from handlers.domain.times import rfc3339

_AS_JSON: Final = ("content", "data")


def notification_item(notification: Notification) -> Item:
    """Return the item of a notification."""
    return typed(notification.model_dump(mode="json") | {"item": NOTIFICATION})


def delivery_item(delivery: Delivery) -> Item:
    """Return the item of a delivery that is being accepted; in the index when it is to be sent."""
    values = delivery.model_dump(mode="json")
    values["data"] = delivery.data  # as they are: pydantic makes mere floats of their numbers
    values |= {name: write_json(values[name]) for name in _AS_JSON if name in values}
    values |= {
        "attempts": {str(each.pop("attempt")): each for each in values["attempts"]},
        "attempts_begun": delivery.attempts_begun,
    }
    due = _due(delivery) if delivery.status in UNSENT else {}
    key = delivery.event().address_key
    addressed = {} if key is None else {"address_key": key}
    return delivery_key(delivery.notification_id, delivery.delivery_id) | typed(values | addressed | due)


def notification_of(item: Mapping[str, Any]) -> Notification:
    """Return the notification that an item holds."""
    return Notification.model_validate({f: v for f, v in plain(item).items() if f in Notification.model_fields})


def delivery_of(item: Mapping[str, Any]) -> Delivery:
    """Return the delivery that an item holds, its attempts numbered, those that never told their outcome `unknown`."""
    values = {name: value for name, value in plain(item).items() if name in Delivery.model_fields}
    values |= {name: read_json(values[name]) for name in _AS_JSON if name in values}
    attempts = sorted(
        (Attempt(attempt=int(number), **each) for number, each in values["attempts"].items()),
        key=lambda each: each.attempt,
    )
    return Delivery.model_validate(values | {"attempts": with_fates(attempts)})


def _due(delivery: Delivery) -> dict[str, str]:
    due_at = first_due(delivery.created_at, delivery.send_at, delivery.expires_at)
    return {"due_shard": shard(delivery.delivery_id), "due_at": rfc3339(due_at)}
