"""Who goes at once and who goes when; both limits of a message hold at once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.notifications.limits import ALL, Limit, after, earliest, in_effect, millis, moment, of_category
from tests.unit.handlers.samples import NOW

FIVE_A_MINUTE = Limit(5, timedelta(minutes=1))
AT = millis(NOW)


def slots(limits: dict[str, Limit], arrivals: list[int]) -> list[int]:
    taken: dict[str, int] = {}
    found = []
    for arrival in arrivals:
        slot = earliest(limits, taken, arrival)
        taken = dict(after(limits, taken, slot))
        found.append(slot)
    return found


def test_of_a_hundred_at_once_five_go_at_once_and_each_other_has_a_time_of_its_own_at_the_rate() -> None:
    found = slots({ALL: FIVE_A_MINUTE}, [AT] * 100)
    assert found == [AT] * 5 + [AT + 12_000 * place for place in range(1, 96)]


def test_who_waits_long_enough_has_the_whole_burst_again_and_no_more() -> None:
    minute = 60_000
    assert slots({ALL: FIVE_A_MINUTE}, [AT] * 5 + [AT + 60 * minute] * 6)[5:] == [
        *[AT + 60 * minute] * 5,
        AT + 60 * minute + 12_000,
    ]


limits = st.builds(Limit, st.integers(1, 7), st.timedeltas(timedelta(milliseconds=7), timedelta(days=2)))


@given(limits, limits, st.lists(st.integers(0, 3_600_000), min_size=1, max_size=60))
def test_both_limits_hold_for_what_really_goes_whatever_comes_when(one: Limit, other: Limit, gaps: list[int]) -> None:
    arrivals = [AT + sum(gaps[:place]) for place in range(len(gaps))]
    found = slots({ALL: one, "payment": other}, arrivals)
    assert all(slot >= arrival for slot, arrival in zip(found, arrivals, strict=True))
    for limit in (one, other):
        for first, last in zip(found, found[limit.burst :], strict=False):
            assert last - first >= limit.interval
        # GCRA's own bound: in any time, the burst and one for each interval of it.
        for place, first in enumerate(found):
            within = sum(first <= slot < first + 10 * limit.interval for slot in found[place:])
            assert within <= limit.burst + 10


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, {ALL, "payment"}),
        ({"payment": None}, {ALL}),
        ({ALL: None, "payment": None}, set()),
        ({"order": FIVE_A_MINUTE, ALL: None}, {"payment"}),
    ],
    ids=["configured", "without", "none", "of another"],
)
def test_what_the_operator_says_comes_before_what_is_configured(
    changed: dict[str, Limit | None], names: set[str]
) -> None:
    configured = {ALL: FIVE_A_MINUTE, "payment": Limit(1, timedelta(hours=1)), "other": FIVE_A_MINUTE}
    assert set(of_category(in_effect(configured, changed), "payment")) == names


def test_a_moment_is_the_same_there_and_back() -> None:
    assert moment(AT) == NOW
