"""What has not moved is published again, later each time, and never lost on the way."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest

from handlers.domain.deliveries import Delivery
from handlers.domain.due import AFTER_ACCEPTANCE, SHARDS, DueDelivery
from handlers.sweep import Sweeper, Swept
from tests.unit.handlers.log_contract import SENT, accepted, claimed
from tests.unit.handlers.memory import Clock, MemoryBus, MemoryLog
from tests.unit.handlers.samples import NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


def sweep(log: MemoryLog, bus: MemoryBus, clock: Clock) -> Swept:
    sweeper = Sweeper(log, bus, clock)
    return sum((sweeper.sweep(shard, clock() + HOUR) for shard in SHARDS), start=Swept())


def later(by: timedelta) -> Clock:
    return Clock(NOW + by)


def test_what_is_due_is_published_again_and_put_off(log: MemoryLog, bus: MemoryBus) -> None:
    given = [accepted(log) for _ in range(20)]
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)) == Swept(republished=20)
    assert {event.event_id for event in bus.taken} == {each.event_id for each in given}
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)) == Swept()
    assert sweep(log, bus, later(3 * AFTER_ACCEPTANCE)) == Swept(republished=20)


def test_what_is_not_due_or_was_sent_is_left_alone(log: MemoryLog, bus: MemoryBus) -> None:
    accepted(log)
    log.conclude(claimed(log, accepted(log)), SENT)
    assert sweep(log, bus, later(AFTER_ACCEPTANCE - timedelta(seconds=1))) == Swept()
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)) == Swept(republished=1)


def test_what_the_bus_does_not_take_is_still_due(log: MemoryLog, bus: MemoryBus) -> None:
    given = accepted(log)
    bus.up = False
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)) == Swept(refused=1)
    bus.up = True
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)) == Swept(republished=1)
    assert bus.taken == [given.event()]


def test_a_sweeper_that_dies_after_publishing_leaves_it_due(log: MemoryLog, bus: MemoryBus) -> None:
    class Dying(MemoryLog):
        def postpone(self, *args: object) -> None:
            raise KeyboardInterrupt

    accepted(log)
    with pytest.raises(KeyboardInterrupt):
        sweep(Dying(log.notifications, log.records), bus, later(AFTER_ACCEPTANCE))
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)) == Swept(republished=1)


class Pages(MemoryLog):
    """A log whose pages hold one delivery each, and which counts those that were asked for."""

    asked: int = 0

    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        for page in super().due(shard, now):
            for each in page:
                self.asked += 1
                yield [each]


def same_shard(log: MemoryLog, deliveries: int) -> list[Delivery]:
    return [accepted(log, delivery_id=f"00000000-0000-0000-0000-{8 * n:012x}") for n in range(deliveries)]


def test_a_sweeper_out_of_time_begins_no_further_page(bus: MemoryBus) -> None:
    log = Pages()
    same_shard(log, 3)
    clock = later(AFTER_ACCEPTANCE)
    assert Sweeper(log, bus, clock).sweep(SHARDS[0], until=clock()) == Swept(republished=1)
    assert log.asked == 1


def test_a_bus_that_takes_nothing_is_not_asked_further(bus: MemoryBus) -> None:
    log = Pages()
    same_shard(log, 3)
    bus.up = False
    clock = later(AFTER_ACCEPTANCE)
    assert Sweeper(log, bus, clock).sweep(SHARDS[0], until=clock() + HOUR) == Swept(refused=1)
    assert log.asked == 1
