"""What has not moved is published again, later each time, and never lost on the way."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from handlers.domain.notifications.claims import Claimed
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.due import AFTER_ACCEPTANCE, SHARDS, DueDelivery, shard
from handlers.domain.notifications.schedules import Scheduled
from handlers.domain.providers.errors import UnavailableError
from handlers.domain.providers.retries import comes_back
from handlers.services.delivering import Report, Result, Worker
from handlers.services.failover import Chain
from handlers.services.sweeping import Sweeper, Swept
from tests.unit.handlers.log_contract import SENT, accepted, claim, claimed, due_of
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryBus,
    MemoryLog,
    MemoryProvider,
    MemoryProviderState,
    MemoryTemplates,
)
from tests.unit.handlers.samples import NOW, reached

HOUR = timedelta(hours=1)
EVERY_SHARD = [shard for shards in SHARDS.values() for shard in shards]
FIRST_SHARD = "email#0"


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


def sweep(log: MemoryLog, bus: MemoryBus, clock: Clock) -> Swept:
    sweeper = Sweeper(log, bus, MemoryProviderState(), clock)
    return sum((sweeper.sweep(shard, clock() + HOUR) for shard in EVERY_SHARD), start=Swept())


def later(by: timedelta) -> Clock:
    return Clock(NOW + by)


def test_what_is_due_is_published_again_and_put_off(log: MemoryLog, bus: MemoryBus) -> None:
    given = [accepted(log) for _ in range(20)]
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)) == Swept(republished=20)
    assert {event.event_id for event in bus.taken} == {each.event_id for each in given}
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)) == Swept()
    assert sweep(log, bus, later(3 * AFTER_ACCEPTANCE)) == Swept(republished=20, again=20)


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
    log, clock = Pages(), later(AFTER_ACCEPTANCE)
    same_shard(log, 3)

    class Slow(MemoryBus):
        def publish(self, *args: Any) -> Any:
            clock.advance(HOUR)
            return super().publish(*args)

    slow = Slow()
    assert Sweeper(log, slow, MemoryProviderState(), clock).sweep(FIRST_SHARD, until=clock() + HOUR) == Swept(
        republished=1
    )
    assert (log.asked, len(slow.taken)) == (1, 1)


def test_a_bus_that_takes_nothing_is_not_asked_further(bus: MemoryBus) -> None:
    log = Pages()
    same_shard(log, 3)
    bus.up = False
    clock = later(AFTER_ACCEPTANCE)
    assert Sweeper(log, bus, MemoryProviderState(), clock).sweep(FIRST_SHARD, until=clock() + HOUR) == Swept(refused=1)
    assert log.asked == 1


def test_one_channels_backlog_is_in_no_other_channels_way(log: MemoryLog, bus: MemoryBus) -> None:
    for _ in range(20):
        accepted(log, channel="sms", endpoint="+4915112345678")
    mail = accepted(log)
    sweeper, clock = Sweeper(log, bus, MemoryProviderState(), later(AFTER_ACCEPTANCE)), later(AFTER_ACCEPTANCE)
    assert sum((sweeper.sweep(shard, clock() + HOUR) for shard in SHARDS["email"]), start=Swept()).republished == 1
    assert bus.taken == [mail.event()]


# -- one that fails hides no other -------------------------------------------------------------------------------------


class NotPostponed(MemoryLog):
    """A log in which the first delivery of each shard cannot be written."""

    def postpone(self, delivery: DueDelivery, until: datetime) -> None:
        if delivery.event.delivery_id.endswith("-000000000000"):
            raise OSError("not written")
        super().postpone(delivery, until)


def test_a_delivery_that_cannot_be_put_off_keeps_no_other_from_it_and_is_told(bus: MemoryBus) -> None:
    log = NotPostponed()
    same_shard(log, 3)
    swept = sweep(log, bus, later(AFTER_ACCEPTANCE))
    assert (swept.republished, [type(error) for error in swept.errors]) == (3, [OSError])
    assert sweep(log, bus, later(AFTER_ACCEPTANCE)).republished == 1


class HalfRead(MemoryLog):
    """A log of which one shard can be read for a page and no further."""

    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        yield from super().due(shard, now)
        if shard == FIRST_SHARD:
            raise OSError("not read")


def test_a_shard_that_fails_hides_neither_what_it_did_before_nor_the_others(bus: MemoryBus) -> None:
    log = HalfRead()
    same_shard(log, 3)
    others = [accepted(log, delivery_id=f"00000000-0000-0000-0000-{n:012x}") for n in range(1, 8)]
    swept = sweep(log, bus, later(AFTER_ACCEPTANCE))
    assert (swept.republished, [type(error) for error in swept.errors]) == (3 + len(others), [OSError])


# -- schedules ---------------------------------------------------------------------------------------------------------

EVENING = NOW + 8 * HOUR


def waiting(log: MemoryLog, deliveries: int = 1) -> tuple[list[Delivery], Scheduled]:
    """Deliveries that wait for EVENING, and what their schedule says then."""
    given = [accepted(log, send_at=EVENING, reason="scheduled") for _ in range(deliveries)]
    return given, Scheduled(due_at=EVENING, events=tuple(each.event() for each in given))


def publish(log: MemoryLog, bus: MemoryBus, scheduled: Scheduled, at: datetime = EVENING) -> Swept:
    return Sweeper(log, bus, MemoryProviderState(), Clock(at)).publish(scheduled.deliveries(), at + HOUR)


def test_what_a_schedule_names_is_published_and_left_alone_by_the_sweep_of_that_minute(
    log: MemoryLog, bus: MemoryBus
) -> None:
    given, scheduled = waiting(log, 3)
    waiting(log)
    assert publish(log, bus, scheduled) == Swept(republished=3)
    assert bus.taken == [each.event() for each in given]
    assert sweep(log, bus, Clock(EVENING)) == Swept(republished=1)


def test_what_a_schedule_published_and_was_lost_after_is_published_again(log: MemoryLog, bus: MemoryBus) -> None:
    [given], scheduled = waiting(log)
    publish(log, bus, scheduled)
    assert sweep(log, bus, Clock(EVENING + 2 * AFTER_ACCEPTANCE)) == Swept(republished=1, again=1)
    assert bus.taken == [given.event()] * 2


def test_what_the_bus_does_not_take_from_a_schedule_is_due_for_the_sweep(log: MemoryLog, bus: MemoryBus) -> None:
    _, scheduled = waiting(log, 2)
    bus.up = False
    assert publish(log, bus, scheduled) == Swept(refused=2)
    bus.up = True
    assert sweep(log, bus, Clock(EVENING)) == Swept(republished=2)


def test_a_schedule_that_comes_after_the_sweep_does_not_change_when_to_look_again(
    log: MemoryLog, bus: MemoryBus
) -> None:
    [given], scheduled = waiting(log)
    sweep(log, bus, Clock(EVENING))
    [before] = due_of(log, given, EVENING + HOUR)
    assert publish(log, bus, scheduled, EVENING + timedelta(seconds=30)) == Swept(republished=1)
    assert due_of(log, given, EVENING + HOUR) == [before]
    # Both events are in the queue now; of two claims one is refused.
    assert isinstance(claim(log, given, EVENING), Claimed)
    assert not isinstance(claim(log, given, EVENING), Claimed)


def test_a_schedule_that_comes_after_its_delivery_was_sent_or_canceled_changes_nothing(
    log: MemoryLog, bus: MemoryBus
) -> None:
    (sent, canceled), scheduled = waiting(log, 2)
    log.conclude(claimed(log, sent), SENT)
    log.cancel(canceled, NOW)
    before = dict(log.records)
    publish(log, bus, scheduled)
    assert log.records == before
    assert not isinstance(claim(log, canceled, EVENING), Claimed)


# -- days in which nothing can be sent ---------------------------------------------------------------------------------

RECEIVES = 10
"""How often a queue tries a message before it is given up, by default."""


class Outage:
    """One delivery whose channel cannot send, its queue with its copies, and the sweeper, as the clock goes on."""

    def __init__(self, worker: str) -> None:
        self.clock, self.log, self.bus = Clock(NOW), MemoryLog(), MemoryBus()
        chain = Chain((MemoryProvider(raises=UnavailableError("503")),), MemoryProviderState(), self.clock)
        self.worker = Worker(self.log, MemoryTemplates(), LINKS, chain, self.clock)
        self.dies = worker == "dies"
        self.given = accepted(self.log)
        self.sweeper = Sweeper(self.log, self.bus, MemoryProviderState(), self.clock)
        self.shard = shard(self.given.channel, self.given.delivery_id)
        self.queue: list[tuple[datetime, int, int]] = []
        """When each copy is received next, its number, and how often it was received."""
        self.most_copies = 0
        self._numbers = count()
        self._send()

    def pass_until(self, end: datetime) -> int:
        """Let the time pass, and return how often the sweeper published the delivery meanwhile."""
        before = len(self.bus.taken)
        while self.clock() < end:
            self.clock.advance(timedelta(seconds=10))
            while self.queue and self.queue[0][0] <= self.clock():
                self._receive()
            if self.clock().second == 0:
                for _ in range(self.sweeper.sweep(self.shard, self.clock() + HOUR).republished):
                    self._send()
            self.most_copies = max(self.most_copies, len(self.queue))
        return len(self.bus.taken) - before

    def _send(self) -> None:
        heapq.heappush(self.queue, (self.clock(), next(self._numbers), 0))

    def _receive(self) -> None:
        _, number, received = heapq.heappop(self.queue)
        received += 1
        report = Report(Result.RETRY)
        if self.dies:
            claim(self.log, self.given, self.clock())
        else:
            lease_until = self.clock() + timedelta(minutes=1)
            report = self.worker.deliver(self.given.event(), reached(self.given), lease_until)
        assert report.result is Result.RETRY
        if received < RECEIVES:
            heapq.heappush(
                self.queue,
                (self.clock() + comes_back(received, timedelta(minutes=3), report.patience), number, received),
            )


@pytest.mark.parametrize("worker", ["fails", "dies"])
def test_what_cannot_be_sent_is_published_again_nine_times_in_a_day_at_most_and_then_four(worker: str) -> None:
    """What the queue retries is not published beside it."""
    outage = Outage(worker)
    assert 5 <= outage.pass_until(NOW + 24 * HOUR) <= 9
    assert worker == "dies" or outage.most_copies == 1
    assert 3 <= outage.pass_until(NOW + 48 * HOUR) <= 4


def test_what_waits_in_its_queue_all_day_is_published_again_nine_times_at_most() -> None:
    outage = Outage("fails")
    outage.queue.clear()
    outage._send = lambda: None  # type: ignore[method-assign] # nobody receives
    assert outage.pass_until(NOW + 24 * HOUR) == 9
