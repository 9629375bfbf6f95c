"""AWS's rules of capacity, by examples that AWS's own pages give, and by each boundary."""

import pytest

from ops.cost.dynamodb import Index, Item, index_writes, item_bytes, read_units, write_units

KEY = frozenset({"id"})
DUE = Index(frozenset({"shard", "due"}), frozenset({"channel"}))


def item(**texts: str) -> Item:
    return {name: {"S": text} for name, text in texts.items()}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "é"}, 2),
        ({"B": b"abc"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"N": "27"}, 2),
        ({"N": "-27"}, 3),
        ({"N": "461.001"}, 4),
        ({"N": "1000"}, 2),
        ({"N": "0"}, 2),
        ({"SS": ["ab", "c"]}, 3),
        ({"L": [{"S": "ab"}, {"N": "27"}]}, 3 + (1 + 2) + (1 + 2)),
        ({"M": {"k": {"S": "v"}}}, 3 + 1 + 2),
    ],
    ids=["text", "binary", "bool", "null", "number", "minus", "decimals", "zeros", "zero", "set", "list", "map"],
)
def test_an_item_is_as_long_as_its_names_and_values(value: dict[str, object], size: int) -> None:
    assert item_bytes({"name": value}) == len("name") + size


def test_a_write_unit_is_a_begun_kilobyte_and_a_transaction_pays_twice() -> None:
    assert [write_units(size) for size in (0, 1024, 1025, 3072)] == [1, 1, 2, 3]
    assert write_units(3 * 1024, transaction=True) == 6


def test_a_read_unit_is_four_begun_kilobytes_and_half_if_it_may_be_old() -> None:
    assert [read_units(size, consistent=True) for size in (0, 4096, 8 * 1024)] == [1, 1, 2]
    assert read_units(8 * 1024, consistent=False) == 1


def test_an_index_pays_for_what_it_holds_alone() -> None:
    stored = item(id="1", shard="a", due="now", channel="email", body="x" * 5000)
    [size] = index_writes(None, stored, KEY, DUE)
    assert size == item_bytes(item(id="1", shard="a", due="now", channel="email"))


def test_an_index_whose_key_changes_is_written_twice() -> None:
    assert len(index_writes(item(id="1", shard="a", due="1"), item(id="1", shard="a", due="2"), KEY, DUE)) == 2


def test_an_index_is_written_once_when_an_item_enters_leaves_or_changes_within() -> None:
    inside, outside = item(id="1", shard="a", due="1"), item(id="1")
    for before, after in ((outside, inside), (inside, outside), (inside, {**inside, "channel": {"S": "sms"}})):
        assert len(index_writes(before, after, KEY, DUE)) == 1


def test_an_index_is_not_written_by_what_it_does_not_hold() -> None:
    inside = item(id="1", shard="a", due="1")
    assert index_writes(inside, {**inside, "body": {"S": "x"}}, KEY, DUE) == []
    assert index_writes(item(id="1"), item(id="1", body="x"), KEY, DUE) == []
