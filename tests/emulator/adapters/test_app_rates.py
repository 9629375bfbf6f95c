"""Apps held to their rates in a real table, and what that costs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from handlers.adapters.aws.app_rates import DynamoAppRates
from handlers.domain.callers import Rate
from tests.unit.handlers.samples import NOW

TWICE_A_SECOND = Rate(2, 5)
HALF_A_SECOND = timedelta(seconds=0.5)


@pytest.fixture
def environment(new_table: Callable[[str, str], str], aws: Callable[[str], Any]) -> Callable[[], DynamoAppRates]:
    """Makes the rates as one more execution environment has them."""
    table = new_table("limits", "id")
    return lambda: DynamoAppRates(table, lambda: aws("dynamodb"))


@pytest.fixture
def calls(aws: Callable[[str], Any]) -> Iterator[list[str]]:
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    aws("dynamodb").meta.events.register("before-call.dynamodb", note)
    yield made
    aws("dynamodb").meta.events.unregister("before-call.dynamodb", note)


def test_an_app_has_its_burst_and_then_its_rate_at_one_write_each_and_a_refusal_costs_nothing(
    environment: Callable[[], DynamoAppRates], calls: list[str]
) -> None:
    rates = environment()
    assert [rates.wait("billing", TWICE_A_SECOND, NOW) for _ in range(5)] == [None] * 5
    assert calls == ["UpdateItem"] * 5
    assert [rates.wait("billing", TWICE_A_SECOND, NOW) for _ in range(3)] == [HALF_A_SECOND] * 3
    assert calls == ["UpdateItem"] * 5
    later = NOW + HALF_A_SECOND
    assert [rates.wait("billing", TWICE_A_SECOND, later) for _ in range(2)] == [None, HALF_A_SECOND]
    assert rates.wait("another", TWICE_A_SECOND, NOW) is None


def test_many_environments_hold_one_rate_together(environment: Callable[[], DynamoAppRates]) -> None:
    several = [environment() for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda place: several[place % 4].wait("billing", Rate(1, 3), NOW), range(24)))
    assert found.count(None) == 3
    assert set(found) - {None} == {timedelta(seconds=1)}
