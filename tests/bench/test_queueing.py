"""The simulation behind docs/scale.md: what it says follows from what it is told."""

import pytest

from bench.queueing import Channel, Policy, simulate

READERS = 3_000


@pytest.mark.parametrize("policy", Policy)
def test_every_reader_is_sent_to_no_faster_than_the_provider_takes(policy: Policy) -> None:
    channel = Channel(rate=100)
    found = simulate(policy, channel, readers=READERS)
    assert found.left == 0
    assert found.ended >= READERS / channel.rate


def test_held_back_an_urgent_one_waits_for_a_page_and_not_for_the_broadcast() -> None:
    at_once, held_back = (simulate(each, Channel(), readers=READERS) for each in (Policy.AT_ONCE, Policy.HELD_BACK))
    assert at_once.percentile(0.99) > READERS / Channel().rate / 2
    assert held_back.percentile(0.99) < 2
    assert held_back.longest_queue < 250 < at_once.longest_queue


def test_the_longer_the_broadcast_the_longer_it_makes_others_wait_unless_it_is_held_back() -> None:
    shorter, longer = (simulate(Policy.AT_ONCE, Channel(), readers=each) for each in (READERS, 3 * READERS))
    assert max(longer.waits) > 2 * max(shorter.waits)
    shorter, longer = (simulate(Policy.HELD_BACK, Channel(), readers=each) for each in (READERS, 3 * READERS))
    assert max(longer.waits) < 2 * max(shorter.waits)


def test_the_same_is_found_each_time() -> None:
    first, second = (simulate(Policy.HELD_BACK, Channel(), readers=READERS) for _ in range(2))
    assert first == second
