"""What the log says about each message: its delivery's status and timeline, read from the notifications table."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

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
    """A delivery's status now and its way there, oldest step first, and whose delivery it is when it is a user's."""

    status: str
    steps: tuple[Step, ...]
    user_id: str | None = None


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
            with suppress(KeyError, TypeError, ValueError):  # one that cannot be read hides none of the others
                timelines[item["delivery_id"]] = _timeline(item)
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
                "Keys": [{"notification_id": n, "item": f"delivery#{d}"} for n, d in keys],
                "ProjectionExpression": "delivery_id, user_id, #status, #timeline",
                "ExpressionAttributeNames": {"#status": "status", "#timeline": "timeline"},
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


def _timeline(item: dict[str, Any]) -> Timeline:
    steps = (Step(step["status"], datetime.fromisoformat(step["at"]), step.get("reason")) for step in item["timeline"])
    return Timeline(item["status"], tuple(steps), item.get("user_id"))
