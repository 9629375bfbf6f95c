"""How the log's table holds a notification and its deliveries.

Keys are in `log_keys`. An attribute has the name and form of the
field it holds, with these exceptions:

- `payload` is what a notification says, packed (`domain.notifications.payload`). It is in the notification's item,
  which is written once, and never in those of its deliveries, which are written several times;
- a delivery that is its notification's only one, and says little, is one item with it: the delivery's, with the payload
  and, in `head`, those of the notification's own fields that a delivery has not, or may change, the fingerprint as 32
  bytes. The template's name is in it only if it is not that of the delivery's template;
- a template of a delivery has no name but the one in its key, and a priority that is `normal` is left out: each byte
  that a delivery is shorter by, it may carry of its payload;
- `attempts` is a map by their numbers, so that each keeps its place when others are dropped, and `attempts_begun` is
  the last one's; one that was never concluded stays `started`, which is read as `unknown` once another one follows;
- `lease_until` is there while an invocation holds the delivery;
- `address_key` is that of its mailbox or number, for its events;
- `due_shard`, `due_at` and `republished` are the sweeper's; the first two are there while the delivery is to be sent,
  and once it has failed, where and when it did (`domain.notifications.due.FAILED`);
- `expires` is when DynamoDB erases the item, in seconds since 1970; it is put off with what waits longer;
- `erased_at` is there once its user was erased (`erasures`);
- `acceptance` is on a notification that takes more than one item, and on each of its deliveries: the id of that
  acceptance. A delivery whose notification is not there, or has another one, was never accepted.

Version 0.1.0 kept `content` and `data` in each delivery, as JSON text: these are still read.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from handlers.adapters.aws.dynamo import Item, plain, typed
from handlers.adapters.aws.log_keys import DELIVERY, delivery_id, delivery_key, head_key
from handlers.domain.channels import ADDRESSED
from handlers.domain.content import templates
from handlers.domain.content.rendering import Content
from handlers.domain.content.values import read_json
from handlers.domain.notifications.deliveries import Attempt, Delivery, Priority, with_fates
from handlers.domain.notifications.due import first_due, shard
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.statuses import UNSENT
from handlers.domain.times import rfc3339

_PAYLOAD: Final = "payload"
_HEAD: Final = "head"
_OF_KEYS: Final = frozenset({"notification_id", "delivery_id"})
_TEMPLATES: Final = ("template", "digest_template")
_OF_HEAD: Final = ("fingerprint", "template", "send_at")
"""What a delivery has not of its notification, calls the same, or has changed when it was put off."""


KEPT_FOR: Final = timedelta(days=400)
"""How long the log is kept, if the stack says nothing else."""


def expiry(at: datetime, kept_for: timedelta) -> Item:
    """Return what has an item erased so long after a time."""
    return typed({"expires": int((at + kept_for).timestamp())})


def notification_item(notification: Notification, payload: Payload | None) -> Item:
    """Return the item of a notification that has others; without a payload if none of its deliveries is to be sent."""
    own = typed(notification.model_dump(mode="json", exclude={"notification_id"}))
    return head_key(notification.notification_id) | own | _packed(payload)


def only_item(notification: Notification, delivery: Delivery, payload: Payload | None) -> Item:
    """Return the one item of a notification and its only delivery, that is being accepted."""
    head = notification.model_dump(mode="json", include=set(_OF_HEAD))
    head["fingerprint"] = bytes.fromhex(notification.fingerprint)
    if delivery.template is not None and delivery.template.name == notification.template:
        del head["template"]
    return delivery_item(delivery) | typed({_HEAD: head}) | _packed(payload)


def delivery_item(delivery: Delivery) -> Item:
    """Return the item of a delivery that is being accepted; in the index when it is to be sent."""
    values = delivery.model_dump(mode="json", exclude=set(_OF_KEYS))
    values |= {
        "attempts": {str(each.pop("attempt")): each for each in values["attempts"]},
        "attempts_begun": delivery.attempts_begun,
    }
    values |= {name: _nameless(values[name]) for name in _TEMPLATES if name in values}
    if delivery.priority is Priority.NORMAL:
        del values["priority"]
    due = _due(delivery) if delivery.status in UNSENT else {}
    # That of a url is not kept: its user is known, and the item would be written whole with it each time.
    key = delivery.event().address_key if delivery.channel in ADDRESSED else None
    addressed = {} if key is None else {"address_key": key}
    return delivery_key(delivery.notification_id, delivery.delivery_id) | typed(values | addressed | due)


def notification_of(item: Mapping[str, Any]) -> Notification:
    """Return the notification that an item holds, by itself or with its only delivery."""
    values = {"priority": Priority.NORMAL} | plain(item)
    if _HEAD in values:
        head = values[_HEAD] | {"fingerprint": bytes(values[_HEAD]["fingerprint"]).hex()}
        own = {"template": _named(values["template"])["name"]} if "template" in values else {}
        values = {name: value for name, value in values.items() if name not in _OF_HEAD} | own | head
    return Notification.model_validate({f: v for f, v in values.items() if f in Notification.model_fields})


def holds_delivery(item: Mapping[str, Any]) -> bool:
    """Say whether an item holds a delivery, by itself or as its notification's only one.

    Neither does a notification beside its deliveries, nor what is said of those who are to be erased (`erasures`).
    """
    return item["item"]["S"].startswith(DELIVERY) or _HEAD in item


def delivery_of(item: Mapping[str, Any]) -> Delivery:
    """Return the delivery that an item holds, its attempts numbered, those that never told their outcome `unknown`."""
    values = {name: value for name, value in plain(item).items() if name in Delivery.model_fields}
    values |= {name: _named(values[name]) for name in _TEMPLATES if name in values}
    attempts = sorted(
        (Attempt(attempt=int(number), **each) for number, each in values["attempts"].items()),
        key=lambda each: each.attempt,
    )
    return Delivery.model_validate(values | {"delivery_id": delivery_id(item), "attempts": with_fates(attempts)})


def payload_of(item: Mapping[str, Any]) -> Payload | None:
    """Return what an item carries of what is to be said; None if that is with its notification."""
    if _PAYLOAD in item:
        return Payload.unpacked(item[_PAYLOAD]["B"])
    if "data" in item:  # of 0.1.0
        content = item.get("content")
        return Payload(
            None if content is None else Content.model_validate_json(content["S"]), read_json(item["data"]["S"])
        )
    return None


def _nameless(template: dict[str, Any]) -> dict[str, Any]:
    """Return a template without its name, if its key has it as well."""
    own = templates.name_in(template["key"])
    return {field: value for field, value in template.items() if (field, value) != ("name", own)}


def _named(template: dict[str, Any]) -> dict[str, Any]:
    """Return a template with its name."""
    return {"name": templates.name_in(template["key"])} | template


def _packed(payload: Payload | None) -> Item:
    return {} if payload is None else typed({_PAYLOAD: payload.packed})


def _due(delivery: Delivery) -> dict[str, str]:
    due_at = first_due(delivery.created_at, delivery.send_at, delivery.expires_at)
    named = delivery.digest_id or delivery.delivery_id
    due_shard = shard(delivery.channel, named, is_urgent=delivery.is_urgent)
    return {"due_shard": due_shard, "due_at": rfc3339(due_at)}
