"""Broadcasts in DynamoDB: what was asked for, how far it is, and who has had it.

{"broadcast_id", "item": "broadcast", "document": "<JSON>", "payload": <packed content and data>, "expiration": …}
{"broadcast_id", "item": "progress", "document": "<JSON>", "version": 7, "expiration": …}
{"broadcast_id", "item": "to#<digest>", "page": "12", "expiration": 1896177612}
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, attempt_write, contending, put_all, read_all, typed, write
from handlers.adapters.aws.log_items import holds_delivery
from handlers.adapters.aws.log_keys import NOTIFICATION, acceptance_of
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain.broadcasts.broadcast import Broadcast, Progress
from handlers.domain.content.values import read_json, write_json
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.statuses import Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BROADCAST: Final = "broadcast"
_PROGRESS: Final = "progress"
_EXPIRATION: Final = "expiration"
_REMEMBERED: Final = 16


class DynamoBroadcasts:
    """Calls `dynamodb:GetItem` and `dynamodb:PutItem`. Both items are erased when the log forgets its deliveries."""

    def __init__(self, table: str, client: "DynamoDBClient", kept_for: timedelta) -> None:
        self._table = table
        self._client = client
        self._kept_for = kept_for
        self._asked = lru_cache(_REMEMBERED)(self._read)

    def create(self, broadcast: Broadcast, progress: Progress) -> Broadcast:
        """Write both, unless this broadcast is there already; return it as it is kept.

        The progress comes first: what is found has one.
        """
        until = typed({_EXPIRATION: int((broadcast.created_at + self._kept_for).timestamp())})
        self._put_new(self._key(broadcast.broadcast_id, _PROGRESS) | _versioned(progress, 0) | until)
        self._put_new(self._key(broadcast.broadcast_id, _BROADCAST) | _item(broadcast) | until)
        return self._read(broadcast.broadcast_id)

    def find(self, broadcast_id: str) -> Broadcast | None:
        """Return what was asked for. It never changes, so it is remembered."""
        try:
            return self._asked(broadcast_id)
        except KeyError:
            return None

    def progress(self, broadcast_id: str) -> Progress:
        """Return how far it is, as last written."""
        return _progress(self._get(broadcast_id, _PROGRESS))

    def change(self, broadcast_id: str, change: Callable[[Progress], Progress | None]) -> tuple[Progress, bool]:
        """Move the progress by a write on the condition that nobody else has since it was read; or read it anew."""
        for _ in contending():
            item = self._get(broadcast_id, _PROGRESS)
            seen, version = _progress(item), int(item["version"]["N"])
            until = {name: value for name, value in item.items() if name == _EXPIRATION}
            changed = change(seen)
            if changed is None or changed == seen:
                return seen, False
            answer = attempt_write(
                self._client.put_item,
                TableName=self._table,
                Item=self._key(broadcast_id, _PROGRESS) | _versioned(changed, version + 1) | until,
                ConditionExpression="version = :seen",
                ExpressionAttributeValues=typed({":seen": version}),
            )
            if answer is not None and not isinstance(answer, Unmet):
                break
        return changed, True  # type: ignore[return-value] # `contending` raises if it never was written

    def _read(self, broadcast_id: str) -> Broadcast:
        item = self._get(broadcast_id, _BROADCAST)
        payload = Payload.unpacked(item["payload"]["B"])
        document = read_json(item["document"]["S"])
        request = document.pop("request")
        content = None if payload.content is None else payload.content.model_dump(mode="json")
        found = Broadcast.model_validate(document | {"request": request | {"content": content}})
        # With the data as they are: pydantic makes mere floats of their numbers.
        return found.model_copy(update={"request": found.request.model_copy(update={"data": dict(payload.data)})})

    def _get(self, broadcast_id: str, name: str) -> Mapping[str, Any]:
        """Return an item as last written; raise KeyError when there is none."""
        answer = self._client.get_item(TableName=self._table, Key=self._key(broadcast_id, name), ConsistentRead=True)
        return answer["Item"]

    def _put_new(self, item: Item) -> None:
        write(
            self._client.put_item,
            TableName=self._table,
            Item=item,
            ConditionExpression="attribute_not_exists(broadcast_id)",
        )

    @staticmethod
    def _key(broadcast_id: str, name: str) -> Item:
        return typed({"broadcast_id": broadcast_id, "item": name})


def _progress(item: Mapping[str, Any]) -> Progress:
    return Progress.model_validate_json(item["document"]["S"])


def _versioned(progress: Progress, version: int) -> Item:
    return typed({"document": progress.model_dump_json(), "version": version})


def _item(broadcast: Broadcast) -> Item:
    document = broadcast.model_dump(mode="json", exclude={"request": {"content", "data"}})
    payload = Payload(broadcast.request.content, broadcast.request.data)
    return typed({"document": write_json(document), "payload": payload.packed})


class DynamoClaims:
    """Calls `dynamodb:BatchGetItem` and `dynamodb:BatchWriteItem`: one read for a page, and a write for each 25 new.

    Nothing is conditional, as pages of a broadcast come one after the other: a page is only begun when the one before
    has written all its claims. Two who are at the same page write the same.
    """

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client
        self._calls = SideBySide()

    def hold(self, broadcast_id: str, page: int, keys: Collection[str], until: datetime) -> AbstractSet[str]:
        """Note that these are this page's, and return those that were an earlier page's already."""
        items = {f"to#{sha256(key.encode()).hexdigest()}": key for key in keys}
        asked = [typed({"broadcast_id": broadcast_id, "item": name}) for name in items]
        found = read_all(self._client, {self._table: asked}, self._calls, {self._table: ("item", "page")})[self._table]
        pages = {item["item"]["S"]: item["page"]["S"] for item in found}
        new = [
            key | typed({"page": str(page), _EXPIRATION: int(until.timestamp())})
            for key in asked
            if key["item"]["S"] not in pages
        ]
        if new:
            put_all(self._client, self._table, new, self._calls)
        return {items[name] for name, held in pages.items() if held != str(page)}


class DynamoOutcomes:
    """Calls `dynamodb:Query` on the log, once for each page of a broadcast and for each MB of it."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client
        self._calls = SideBySide()

    def of(self, notification_ids: Sequence[str]) -> Sequence[Mapping[Status, int]]:
        """Return for each how many of its deliveries are in each status, as last written: it is remembered."""
        return self._calls.map(self._of_one, notification_ids)

    def _of_one(self, notification_id: str) -> Mapping[Status, int]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="notification_id = :id",
            ProjectionExpression="#item, #status, acceptance, head.fingerprint",
            ExpressionAttributeNames={"#item": "item", "#status": "status"},
            ExpressionAttributeValues=typed({":id": notification_id}),
            ConsistentRead=True,
        )
        items = [item for page in pages for item in page["Items"]]
        head = next((item for item in items if item["item"]["S"] == NOTIFICATION), None)
        if head is None:
            return {}
        accepted = (each for each in items if holds_delivery(each) and acceptance_of(each) == acceptance_of(head))
        return Counter(Status(each["status"]["S"]) for each in accepted)
