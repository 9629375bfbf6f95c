"""Watches what a process asks of AWS, call by call, with the size of every item that DynamoDB reads and writes for it.

botocore's own events, of the default session, from which the functions make their clients. The items are read before
and after each write by a client that is not watched.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3

from ops.cost.dynamodb import Index, Item, index_writes, item_bytes

_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
_KEYS_PER_CALL = 100


@dataclass(frozen=True)
class Read:
    """One item read, or all that one query reads. Sizes in bytes; `kind` is the start of the sort key."""

    table: str
    kind: str
    bytes: int
    consistent: bool


@dataclass(frozen=True)
class Write:
    """One item written, with what it was before and is after, and the sizes of the writes of indexes."""

    table: str
    kind: str
    id: str
    transaction: bool
    before: int
    after: int
    index: tuple[int, ...]


@dataclass
class Call:
    """One call as it was made. `parameters` are those of PutEvents and of messages alone."""

    service: str
    operation: str
    status: int = 0
    reads: list[Read] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    parameters: Any = None


class Watch:
    """Keeps the calls that are made while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.calls: list[Call] = []
        self._dynamodb = boto3.Session().client("dynamodb")
        self._table = cache(self._described)
        boto3.DEFAULT_SESSION = session = boto3.Session()
        session.events.register("before-parameter-build", self._before)
        session.events.register("after-call", self._after)

    def take(self) -> list[Call]:
        """Return the calls since the last time."""
        taken, self.calls = self.calls, []
        return taken

    def _before(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if self.on and model.name in _WRITES:
            context["carillon_before"] = self._images(self._written(model.name, params))
        context["carillon_params"] = params

    def _after(self, http_response: Any, parsed: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        if not self.on:
            return
        service, params = model.service_model.service_name, context["carillon_params"]
        call = Call(service, model.name, http_response.status_code)
        if model.name in _WRITES:
            call.writes = list(self._writes(model.name, params, context["carillon_before"]))
        elif service == "dynamodb":
            call.reads = list(self._reads(model.name, params, parsed))
        elif service in ("events", "sesv2"):
            call.parameters = _plain(params)
        self.calls.append(call)

    def _writes(self, operation: str, params: Any, images: Iterable[Item | None]) -> Iterator[Write]:
        transaction = operation.startswith("Transact")
        written = self._written(operation, params)
        for (table, key), before, after in zip(written, images, self._images(written), strict=True):
            names, indexes = self._table(table)
            entries = [size for index in indexes for size in index_writes(before, after, frozenset(names), index)]
            kind, own = _kind(key, names), "/".join(key[name]["S"] for name in names)
            yield Write(table, kind, own, transaction, item_bytes(before), item_bytes(after), tuple(entries))

    def _written(self, operation: str, params: Any) -> list[tuple[str, Item]]:
        """Return the table and the key of every item that is to be written."""
        if operation == "TransactWriteItems":
            return [self._named(each) for wrapped in params["TransactItems"] for each in wrapped.values()]
        if operation == "BatchWriteItem":
            wanted = ((name, each) for name, some in params["RequestItems"].items() for each in some)
            return [self._named({"TableName": name, **body}) for name, each in wanted for body in each.values()]
        return [self._named(params)]

    def _named(self, request: Any) -> tuple[str, Item]:
        names, _ = self._table(request["TableName"])
        whole = request.get("Key") or request["Item"]
        return request["TableName"], {name: whole[name] for name in names}

    def _reads(self, operation: str, params: Any, parsed: Any) -> Iterator[Read]:
        """A projection does not lessen what is charged, so whole items are looked at."""
        if operation in ("Query", "Scan"):
            size = sum(item_bytes(item) for item in parsed.get("Items", ()))
            yield Read(params["TableName"], operation.lower(), size, params.get("ConsistentRead", False))
            return
        wanted = params.get("RequestItems") or {params["TableName"]: {**params, "Keys": [params["Key"]]}}
        for table, request in wanted.items():
            names, _ = self._table(table)
            images = self._images([(table, key) for key in request["Keys"]])
            for key, image in zip(request["Keys"], images, strict=True):
                yield Read(table, _kind(key, names), item_bytes(image), request.get("ConsistentRead", False))

    def _images(self, keys: Sequence[tuple[str, Any]]) -> list[Item | None]:
        """Return the items as they are now, None where there is none."""
        found: dict[tuple[str, str], Item] = {}
        for table, some in ((table, [key for of, key in keys if of == table]) for table in {of for of, _ in keys}):
            for first in range(0, len(some), _KEYS_PER_CALL):
                request: Any = {table: {"Keys": some[first : first + _KEYS_PER_CALL], "ConsistentRead": True}}
                items = self._dynamodb.batch_get_item(RequestItems=request)["Responses"][table]
                found |= {(table, self._text(table, item)): item for item in items}
        return [found.get((table, self._text(table, key))) for table, key in keys]

    def _text(self, table: str, item: Item) -> str:
        return json.dumps([item[name] for name in self._table(table)[0]])

    def _described(self, table: str) -> tuple[tuple[str, ...], tuple[Index, ...]]:
        """Return the names in a table's key, in their order, and its indexes."""
        described = self._dynamodb.describe_table(TableName=table)["Table"]
        return _names(described), tuple(_index(each) for each in described.get("GlobalSecondaryIndexes", ()))


def _names(described: Any) -> tuple[str, ...]:
    return tuple(each["AttributeName"] for each in described["KeySchema"])


def _index(described: Any) -> Index:
    projection = described["Projection"]
    held = frozenset(projection.get("NonKeyAttributes", ()))
    return Index(frozenset(_names(described)), None if projection["ProjectionType"] == "ALL" else held)


def _kind(key: Item, names: tuple[str, ...]) -> str:
    """Return what the sort key begins with, or the partition's if that is a time; `item` where there is no sort key."""
    begun = [re.split("[#§]", str(key[name]["S"]))[0] for name in reversed(names)]
    return next((word for word in begun if word.isalpha()), begun[0]) if len(names) > 1 else "item"


def _plain(value: Any) -> Any:
    """Return the parameters as JSON has them."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
