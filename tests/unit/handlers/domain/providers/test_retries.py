"""When a message that failed comes back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.providers.retries import FIRST, comes_back

LONGEST = timedelta(minutes=3)
HOUR = timedelta(hours=1)


@given(st.integers(min_value=1), st.timedeltas(min_value=timedelta(), max_value=timedelta(days=365)))
def test_it_is_never_sooner_than_asked_for_nor_much_later_than_the_queues_own_time(
    received: int, patience: timedelta
) -> None:
    wait = comes_back(received, LONGEST, patience)
    assert wait >= min(patience, HOUR)
    assert wait >= FIRST * 0.8
    assert wait <= max(LONGEST, min(patience, HOUR))


def test_the_longest_is_the_queues_own_time() -> None:
    assert comes_back(20, timedelta(minutes=15)) > timedelta(minutes=15) * 0.8


@pytest.mark.parametrize(
    ("received", "seconds"), [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 180), (7, 180), (1000, 180)]
)
def test_it_doubles_up_to_the_longest(received: int, seconds: int) -> None:
    waits = [comes_back(received, LONGEST).total_seconds() for _ in range(100)]
    assert min(waits) >= seconds * 0.8
    assert max(waits) <= seconds
    assert len(set(waits)) > 1
