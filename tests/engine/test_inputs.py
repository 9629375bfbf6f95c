import pytest

from local.engine.errors import ResourceError
from local.engine.inputs import Inputs

URN = "urn:pulumi:test::small::aws:sqs/queue:Queue::logical"


def test_what_was_not_read_is_named_by_its_path() -> None:
    inputs = Inputs({"a": 1, "b": {"c": 1, "d": {"e": 1, "f": 2}}, "g": [{"h": 1}, {"h": 2, "i": 3}], "j": {"k": 1}})
    outer = inputs.block("b")
    assert outer is not None
    inner = outer.block("d")
    assert inner is not None
    inner.get("e")
    for block in inputs.blocks("g"):
        block.get("h")
    assert sorted(inputs.unread()) == ["a", "b.c", "b.d.f", "g.i", "j"]


def test_a_value_that_is_read_whole_is_read_with_all_that_is_in_it() -> None:
    inputs = Inputs({"variables": {"A": {"B": "c"}}})
    inputs.get("variables")
    assert list(inputs.unread()) == []


def test_only_what_is_set_is_picked() -> None:
    inputs = Inputs({"set": False})
    assert inputs.pick(set="Set", unset="Unset") == {"Set": False}
    assert list(inputs.unread()) == []


def test_a_required_property_that_is_missing_is_named_by_its_path() -> None:
    block = Inputs({"a": {}}).block("a")
    assert block is not None
    with pytest.raises(ResourceError, match=r"^a\.b is required$"):
        block.required("b")


def test_own_tags_win_over_the_providers() -> None:
    inputs = Inputs({"tags": {"x": "own"}}, URN, {"x": "default", "y": "default"})
    assert inputs.all_tags is None
    assert inputs.tags() == inputs.all_tags == {"x": "own", "y": "default"}


def test_a_generated_name_has_the_logical_one_in_it_and_is_the_same_every_time() -> None:
    generated = Inputs({}, URN).name()
    assert generated == Inputs({}, URN).name()
    assert generated.startswith("logical-")
    assert generated != Inputs({}, URN.replace("test", "prod")).name()
    assert Inputs({"name": "given"}, URN).name() == "given"
