"""What is read of the table `stats`: an app's counters, and its lists."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from heapq import merge
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, read_all, typed
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.adapters.aws.stats_items import (
    COUNT_STRIPES,
    LIST_STRIPES,
    USER_INDEX,
    counters_of,
    counts_id,
    list_id,
    listed,
    user_key,
)
from handlers.domain.stats.counting import Group
from handlers.domain.stats.listing import ListedDelivery

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Place = tuple[str, ListedDelivery | None]
"""Where a delivery is in a list, and the delivery; None if it is gone by now."""

_AFTER_A_DAY: Final = "$"
"""Comes after the `#` behind a day, as text is compared."""


class DynamoStats:
    """Calls `dynamodb:Query` on the table and its index, and `dynamodb:BatchGetItem` for what the index finds."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client
        self._calls = SideBySide()

    def counters(self, app_key: str, first: str, last: str) -> dict[Group, Counter[str]]:
        """Return an app's counters of these days, both included: its stripes side by side."""
        found: dict[Group, Counter[str]] = {}
        for items in self._calls.map(partial(self._counters, app_key, first, last), range(COUNT_STRIPES)):
            for group, counts in map(counters_of, items):
                found.setdefault(group, Counter()).update(counts)
        return found

    def _counters(self, app_key: str, first: str, last: str, stripe: int) -> list[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="id = :id AND #item BETWEEN :first AND :last",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues=typed(
                {":id": counts_id(app_key, stripe), ":first": first, ":last": f"{last}{_AFTER_A_DAY}"}
            ),
        )
        return [item for page in pages for item in page["Items"]]

    def of_app(self, app_key: str, since: str, before: str, portion: int) -> Iterator[Place]:
        """Yield an app's deliveries from one place to before another, newest first, reading so many at a time.

        The first of each stripe are read at once, side by side.
        """
        ids = [list_id(app_key, stripe) for stripe in range(LIST_STRIPES)]
        starts = self._calls.map(lambda each: self._portion({"id": each}, since, before, portion), ids)
        stripes = [self._rest({"id": each}, since, portion, start) for each, start in zip(ids, starts, strict=True)]
        for item in merge(*stripes, key=_place, reverse=True):
            yield _place(item), listed(item)

    def of_user(self, app_key: str, user_id: str, since: str, before: str, portion: int) -> Iterator[Place]:
        """Yield an app's deliveries to a user in the same way, as many at a time."""
        partition = {"user": user_key(app_key, user_id)}
        start = self._portion(partition, since, before, portion)
        while start:
            keys = [{name: each[name] for name in ("id", "item")} for each in start]
            found = {
                _place(each): each for each in read_all(self._client, {self._table: keys}, self._calls)[self._table]
            }
            for key in keys:
                item = found.get(_place(key))
                yield _place(key), None if item is None else listed(item)
            start = self._portion(partition, since, _place(start[-1]), portion) if len(start) == portion else []

    def _rest(self, partition: dict[str, str], since: str, portion: int, start: list[Item]) -> Iterator[Item]:
        while start:
            yield from start
            start = self._portion(partition, since, _place(start[-1]), portion) if len(start) == portion else []

    def _portion(self, partition: dict[str, str], since: str, before: str, most: int) -> list[Item]:
        """Return the latest items of a partition from one place to before another."""
        [(name, value)] = partition.items()
        index: dict[str, Any] = {"IndexName": USER_INDEX} if name == "user" else {}
        items = self._client.query(
            TableName=self._table,
            **index,
            KeyConditionExpression="#of = :of AND #item BETWEEN :since AND :before",
            ExpressionAttributeNames={"#of": name, "#item": "item"},
            ExpressionAttributeValues=typed({":of": value, ":since": since, ":before": before}),
            ScanIndexForward=False,
            Limit=most + 1,
        )["Items"]
        # BETWEEN has both ends, and the later one was had before.
        return [item for item in items if _place(item) < before][:most]


def _place(item: Item) -> str:
    return str(item["item"]["S"])
