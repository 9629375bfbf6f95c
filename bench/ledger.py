"""What is asked of AWS, and what DynamoDB bills for writes: counted from botocore's events, by `ops.cost.dynamodb`.

For tests that hold the counts and for whoever reckons prices by them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from ops.cost.dynamodb import Index, Item, index_writes, item_bytes, write_units

WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


@dataclass
class Ledger:
    """The calls that clients make, in their order, and the write units of the tables whose keys and index it is told.

    `reader` is a client that is not counted. Of two writes of one item at once it would see neither right.
    """

    reader: Any
    keys: tuple[str, ...]
    index: Index
    calls: list[str] = field(default_factory=list)
    table_units: int = 0
    index_units: int = 0
    largest: int = 0
    """Bytes of the largest item that was written."""
    _one_at_a_time: Lock = field(default_factory=Lock, repr=False)

    def watch(self, *clients: Any) -> None:
        """Count what these clients do from now on."""
        for client in clients:
            client.meta.events.register("provide-client-params", self._before)
            client.meta.events.register("after-call", self._after)

    @property
    def units(self) -> int:
        """Of table and index together."""
        return self.table_units + self.index_units

    @property
    def writes(self) -> list[str]:
        """The calls that write to DynamoDB."""
        return [call for call in self.calls if call in WRITES]

    def clear(self) -> None:
        """Begin anew."""
        self.calls.clear()
        self.table_units = self.index_units = self.largest = 0

    def _before(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        self.calls.append(model.name)
        if model.name in WRITES:
            context["written"] = [
                (table, key, self._look(table, key)) for table, key in self._written(model.name, params)
            ]

    def _after(self, model: Any, context: dict[str, Any], **_: Any) -> None:
        transaction = model.name == "TransactWriteItems"
        for table, key, before in context.get("written", ()):
            after = self._look(table, key)
            size = max(item_bytes(before), item_bytes(after))
            units = write_units(size, transaction=transaction)
            of_index = sum(map(write_units, index_writes(before, after, frozenset(self.keys), self.index)))
            with self._one_at_a_time:  # an acceptance writes in several threads
                self.largest = max(self.largest, size)
                self.table_units += units
                self.index_units += of_index

    def _look(self, table: str, key: Item) -> Item:
        found: Item = self.reader.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return found

    def _written(self, call: str, params: dict[str, Any]) -> Iterator[tuple[str, Item]]:
        if call == "TransactWriteItems":
            for action in params["TransactItems"]:
                [each] = action.values()
                yield each["TableName"], self._key(each.get("Item") or each["Key"])
        elif call == "BatchWriteItem":
            for table, requests in params["RequestItems"].items():
                for request in requests:
                    [each] = request.values()
                    yield table, self._key(each.get("Item") or each["Key"])
        else:
            yield params["TableName"], self._key(params.get("Item") or params["Key"])

    def _key(self, item: Item) -> Item:
        return {name: item[name] for name in self.keys}
