"""When the sweeper looks again: later each time, never never."""

import uuid
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.notifications.due import (
    AFTER_ACCEPTANCE,
    HELD,
    REDRIVEN,
    SHARDS,
    URGENT,
    DueDelivery,
    after_failure,
    is_urgent,
    shard,
)
from handlers.domain.notifications.events import DeliveryRequested
from tests.unit.handlers.samples import NOW


def wait(republished: int) -> timedelta:
    event = DeliveryRequested("e", "n", "d", "payment", "email", "demo")
    return DueDelivery(event, NOW, republished).postponed(NOW) - NOW


@given(st.integers(min_value=0, max_value=10**6))
def test_each_wait_is_longer_than_the_one_before_and_six_hours_at_most(republished: int) -> None:
    assert AFTER_ACCEPTANCE < wait(republished) <= wait(republished + 1) <= timedelta(hours=6)


@given(st.integers(min_value=0, max_value=10**6))
def test_a_failure_never_brings_forward_when_the_sweeper_looks_again(republished: int) -> None:
    # Also when it was published, and claimed, just before that was counted.
    assert wait(republished) <= after_failure(republished, NOW) - NOW <= timedelta(hours=6)


def test_a_delivery_that_waits_for_a_day_is_republished_nine_times() -> None:
    elapsed, times = AFTER_ACCEPTANCE, 0
    while elapsed <= timedelta(days=1):
        elapsed += wait(times)
        times += 1
    assert times == 9


def test_deliveries_are_spread_over_all_shards() -> None:
    found = {shard("sms", str(uuid.uuid4()), is_urgent=urgent) for urgent in (False, True) for _ in range(500)}
    assert found == set(SHARDS["sms"]) - {REDRIVEN["sms"], HELD["sms"]}
    assert {each for each in SHARDS["sms"] if is_urgent(each)} == set(URGENT["sms"])


@given(st.uuids())
def test_a_delivery_stays_in_its_shard(delivery_id: uuid.UUID) -> None:
    assert shard("push", str(delivery_id)) == shard("push", str(delivery_id)) in SHARDS["push"]
