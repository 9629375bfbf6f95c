"""What the log says about each message: its delivery's status and timeline, read from the notifications table."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from handlers.domain.notifications.deliveries import Attempt, with_fates
from local.engine.emulator import Emulator
from local.sandbox.messages import Message

_BATCH = (
    100  # keys per BatchGetItem: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
)


@dataclass(frozen=True)
class Step:
    """A status, when it was reached, and why if that is not plain."""

    status: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True)
class Timeline:
    """A delivery's status now and its way there, oldest step first, and whose delivery it is when it is a user's.

    `attempts` are those to send it, oldest first; `redrives` are when, and why, it was led back into the log.
    """

    status: str
    steps: tuple[Step, ...]
    user_id: str | None = None
    channel: str | None = None
    attempts: tuple[Attempt, ...] = ()
    redrives: tuple[Step, ...] = ()

    @property
    def events(self) -> tuple[Step | Attempt, ...]:
        """All of it in the order in which it happened."""
        return tuple(sorted((*self.steps, *self.attempts, *self.redrives), key=lambda each: each.at))


class Timelines:
    """Reads deliveries from the log as the account's root."""

    def __init__(self, emulator: Emulator, table: str) -> None:
        session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
        self._dynamodb = session.resource("dynamodb", endpoint_url=emulator.endpoint_url)
        self._table = table
        self._users: dict[str, str | None] = {}

    def of(self, messages: Iterable[Message]) -> dict[str, Timeline]:
        """Timelines by delivery id, for those messages whose delivery is in the log and can be read there."""
        keys = sorted({(m.notification_id, m.delivery_id) for m in messages if m.notification_id and m.delivery_id})
        batches = (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))
        timelines = {}
        for item in (item for batch in batches for item in self._read(batch)):
            with suppress(AttributeError, KeyError, TypeError, ValueError):
                timelines[_delivery_id(item)] = _timeline(item)
        return timelines

    def of_notification(self, notification_id: str) -> dict[str, Timeline]:
        """Timelines by delivery id, for all that the log holds of one notification."""
        try:
            found = self._dynamodb.Table(self._table).query(
                KeyConditionExpression=Key("notification_id").eq(notification_id), ConsistentRead=True
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return {}
            raise
        timelines = {}
        for item in found["Items"]:
            with suppress(AttributeError, KeyError, TypeError, ValueError):
                timelines[_delivery_id(item)] = _timeline(item)
        return timelines

    def users(self, messages: Iterable[Message]) -> dict[str, str]:
        """User ids by delivery id, for those messages that went to a user; each delivery is read once."""
        fresh = [message for message in messages if message.delivery_id not in self._users]
        found = {delivery_id: timeline.user_id for delivery_id, timeline in self.of(fresh).items()}
        self._users = known = self._users | found  # never changed in place: another thread may be reading it
        return {delivery_id: user for delivery_id, user in known.items() if user}

    def _read(self, keys: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        asked: Any = {
            self._table: {
                "Keys": [{"notification_id": n, "item": _ALL_OF_IT if n == d else f"{_DELIVERY}{d}"} for n, d in keys],
                "ProjectionExpression": ", ".join(["notification_id", *_READ]),
                "ExpressionAttributeNames": {name: name[1:] for name in _READ},
                "ConsistentRead": True,
            }
        }
        while asked:
            try:
                answer = self._dynamodb.batch_get_item(RequestItems=asked)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFoundException":
                    return  # the program has not made the table yet
                raise
            yield from answer["Responses"].get(self._table, [])
            asked = answer["UnprocessedKeys"]


_READ = ("#item", "#user_id", "#channel", "#status", "#timeline", "#attempts", "#redrives")
_DELIVERY = "delivery#"
_ALL_OF_IT = "notification"
"""The item of a notification, and of the only delivery that has the same id (`handlers.adapters.aws.log_keys`)."""


def _delivery_id(item: dict[str, Any]) -> str:
    name: str = item["item"]
    return str(item["notification_id"]) if name == _ALL_OF_IT else name.removeprefix(_DELIVERY)


def _timeline(item: dict[str, Any]) -> Timeline:
    steps = (Step(_said(step), datetime.fromisoformat(step["at"]), step.get("reason")) for step in item["timeline"])
    attempts = (Attempt(attempt=int(number), **each) for number, each in item.get("attempts", {}).items())
    redrives = (
        Step("led back", datetime.fromisoformat(each["at"]), f"{each['reason']}; due again at {each['due_at']}")
        for each in item.get("redrives", ())
    )
    return Timeline(
        status=item["status"],
        steps=tuple(steps),
        user_id=item.get("user_id"),
        channel=item.get("channel"),
        attempts=with_fates(sorted(attempts, key=lambda each: each.attempt)),
        redrives=tuple(redrives),
    )


def _said(step: Mapping[str, Any]) -> str:
    """What a step tells: a status, or the event of a receipt that moved none."""
    said = str(step.get("status") or step["event"])
    return f"{said} by a machine" if step.get("machine") else said
