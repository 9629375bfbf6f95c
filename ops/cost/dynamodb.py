"""What DynamoDB charges for, by its own rules, of items in its own typed form (`{"S": "text"}`). Pure.

Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
Units: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
Indexes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

Item = Mapping[str, Mapping[str, Any]]

WRITE_UNIT_BYTES: Final = 1024
READ_UNIT_BYTES: Final = 4096
_CONTAINER_BYTES: Final = 3
_ELEMENT_BYTES: Final = 1


@dataclass(frozen=True)
class Index:
    """A global secondary index: its key, and what else it holds. `projected` is None where it holds everything."""

    key: frozenset[str]
    projected: frozenset[str] | None


def item_bytes(item: Item | None) -> int:
    """Return the size of an item, names and values; 0 for none."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in (item or {}).items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S" | "B":
            return len(content.encode() if isinstance(content, str) else content)
        case "N":
            return _number_bytes(content)
        case "SS" | "BS" | "NS":
            return sum(_value_bytes({kind[0]: each}) for each in content)
        case "L":
            return _CONTAINER_BYTES + sum(_ELEMENT_BYTES + _value_bytes(each) for each in content)
        case "M":
            return _CONTAINER_BYTES + _ELEMENT_BYTES * len(content) + item_bytes(content)
        case _:  # BOOL, NULL
            return 1


def _number_bytes(text: str) -> int:
    """One byte for each two significant digits, of which even 0 has one, and one more; another for a minus."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return ceil(max(1, len(digits)) / 2) + 1 + text.startswith("-")


def write_units(size: float, *, transaction: bool = False) -> int:
    """Return the write request units of one item of so many bytes: one for each begun KB, twice in a transaction."""
    return max(1, ceil(size / WRITE_UNIT_BYTES)) * (2 if transaction else 1)


def read_units(size: float, *, consistent: bool) -> float:
    """Return the read request units of one item, or of all that one query reads: one for each begun 4 KB, or half."""
    return max(1, ceil(size / READ_UNIT_BYTES)) * (1.0 if consistent else 0.5)


def index_writes(before: Item | None, after: Item | None, table_key: frozenset[str], index: Index) -> list[int]:
    """Return the size of each write that an index has by a write of its table: none, one, or two if its key changes."""
    old, new = (_entry(item, table_key, index) for item in (before, after))
    if old == new:
        return []
    if old is not None and new is not None and _key(old, index) == _key(new, index):
        return [max(item_bytes(old), item_bytes(new))]
    return [item_bytes(entry) for entry in (old, new) if entry is not None]


def _entry(item: Item | None, table_key: frozenset[str], index: Index) -> Item | None:
    """Return what the index holds of an item; None if the item lacks a part of the index's key."""
    if item is None or not index.key <= item.keys():
        return None
    if index.projected is None:
        return item
    held = table_key | index.key | index.projected
    return {name: value for name, value in item.items() if name in held}


def _key(entry: Item, index: Index) -> Item:
    return {name: entry[name] for name in index.key}
