"""Every rule passes the good stack and catches the violation that is meant for it, alone; unknowns are no violation."""

from collections.abc import Iterator

import pytest

from policies.pack import ALL_RULES
from policies.values import UNKNOWN, Value
from tests.policy.good import GOOD, Planted, changed, found, named
from tests.policy.planted import PLANTED


def test_a_good_stack_passes() -> None:
    assert found(GOOD) == {}


def test_every_rule_has_its_violation() -> None:
    planted, rules = {each.rule for each in PLANTED}, {rule.name for rule in ALL_RULES}
    assert rules - planted == set(), "these have no violation in tests/policy/planted.py"
    assert planted - rules == set(), "there are no such rules"


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.rule)
def test_a_violation_is_caught_by_the_rule_that_is_meant_for_it_alone(planted: Planted) -> None:
    caught = found(planted.stack())
    assert set(caught) == {planted.rule}, caught


def places(value: Value, path: str = "") -> Iterator[str]:
    """Every path to something inside, maps and lists themselves included."""
    inside: Iterator[tuple[object, Value]] = iter(())
    if isinstance(value, dict):
        inside = iter(value.items())
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, item in inside:
        here = f"{path}.{key}" if path else str(key)
        yield here
        yield from places(item, here)


@pytest.mark.parametrize("name", [named(each) for each in GOOD])
def test_what_a_preview_does_not_know_is_no_violation_and_no_error(name: str) -> None:
    (spoiled,) = (each for each in GOOD if named(each) == name)
    for path in places(spoiled.properties):
        stack = [changed(each, path, UNKNOWN) if each is spoiled else each for each in GOOD]
        assert found(stack) == {}, path
