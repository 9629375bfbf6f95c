"""One way back: what a dead-letter queue holds is due again in the log, round by round, and nothing is sent twice."""

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import pytest

from handlers.domain.notifications.deliveries import Delivery, Reason
from handlers.domain.notifications.due import SHARDS
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.redrives import NOT_ATTEMPTED, Fate
from handlers.domain.notifications.statuses import FINAL, Status
from handlers.domain.providers.errors import UnavailableError
from handlers.domain.providers.retries import comes_back
from handlers.services.delivering import Result, Worker
from handlers.services.failover import Chain
from handlers.services.redriving import CHANGED, FOREIGN, LEASED, NOT_AN_EVENT, DeadLetter, Redriver, Taken
from handlers.services.sweeping import Sweeper
from tests.unit.handlers.log_contract import SENT, UNAVAILABLE, accepted, claimed, due_of, stored, waiting
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryBus,
    MemoryLog,
    MemoryProvider,
    MemoryProviderState,
    MemoryQuarantine,
    MemoryTemplates,
)
from tests.unit.handlers.samples import NOW, reached

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WAITS = (15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR)


def body_of(event: DeliveryRequested) -> str:
    """The event as the bus puts it into a queue, and, when it cannot, into the dead-letter queue."""
    whole = {
        "version": "0",
        "id": "b1",
        "detail-type": event.detail_type,
        "source": event.source,
        "resources": [event.app_key],
        "detail": json.loads(event.detail()),
    }
    return json.dumps(whole)


def letter(given: Delivery, bus_error: str | None = None) -> DeadLetter:
    return DeadLetter("m-1", body_of(given.event()), {}, bus_error)


@dataclass
class Desk:
    log: MemoryLog = field(default_factory=MemoryLog)
    quarantine: MemoryQuarantine = field(default_factory=MemoryQuarantine)
    clock: Clock = field(default_factory=lambda: Clock(NOW + HOUR))

    def take(self, dead: DeadLetter) -> Taken:
        return Redriver("email", self.log, self.quarantine, WAITS, self.clock).take(dead)

    def failed(self, **fields: object) -> Delivery:
        given = accepted(self.log, **fields)
        self.log.conclude(claimed(self.log, given), UNAVAILABLE)
        return given


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- what becomes of a message -----------------------------------------------------------------------------------------


def test_each_round_waits_longer_and_after_the_last_one_the_delivery_ends_with_its_last_reason(desk: Desk) -> None:
    given = desk.failed()
    for number, wait in enumerate(WAITS, 1):
        taken = desk.take(letter(given))
        assert (taken.fate, taken.why, taken.round) == (Fate.REDRIVEN, "503", number)
        assert due_of(desk.log, given, desk.clock() + wait - timedelta(seconds=1)) == []
        desk.clock.advance(wait)
        assert len(due_of(desk.log, given, desk.clock())) == 1
    taken = desk.take(letter(given))
    assert (taken.fate, taken.why) == (Fate.GIVEN_UP, Reason.UNAVAILABLE)
    assert (stored(desk.log, given).status, stored(desk.log, given).reason) == (Status.ERROR, Reason.UNAVAILABLE)
    assert desk.take(letter(given)).fate is Fate.DROPPED


def test_a_second_copy_and_what_was_tried_before_its_time_use_up_no_round(desk: Desk) -> None:
    given = desk.failed()
    desk.take(letter(given))
    [before] = due_of(desk.log, given, NOW + 2 * HOUR)
    desk.clock.advance(MINUTE)
    assert desk.take(letter(given)).round == 1
    assert (waiting(desk.log, given).redrives[0].round, due_of(desk.log, given, NOW + 2 * HOUR)) == (1, [before])


def test_what_the_bus_could_not_deliver_takes_the_same_way_and_says_why(desk: Desk) -> None:
    given = accepted(desk.log)
    assert desk.take(letter(given, "NO_PERMISSIONS")).why == "NO_PERMISSIONS"
    assert waiting(desk.log, given).redrives[0].reason == "NO_PERMISSIONS"
    for wait in WAITS:
        desk.clock.advance(wait)
        taken = desk.take(letter(given, "NO_PERMISSIONS"))
    assert (taken.fate, taken.why) == (Fate.GIVEN_UP, Reason.NOT_ROUTED)


def test_what_was_never_attempted_says_so(desk: Desk) -> None:
    given = accepted(desk.log)
    assert desk.take(letter(given)).why == NOT_ATTEMPTED
    for wait in WAITS:
        desk.clock.advance(wait)
        taken = desk.take(letter(given))
    assert (taken.fate, taken.why) == (Fate.GIVEN_UP, Reason.NO_PROVIDER)


def test_the_copy_of_what_is_settled_or_waits_by_itself_is_dropped(desk: Desk) -> None:
    sent, canceled, deferred = (accepted(desk.log) for _ in range(3))
    desk.log.conclude(claimed(desk.log, sent), SENT)
    desk.log.cancel(canceled, NOW)
    desk.log.defer(deferred.event(), NOW + 8 * HOUR, NOW)
    before = dict(desk.log.records)
    assert [desk.take(letter(each)).fate for each in (sent, canceled, deferred)] == [Fate.DROPPED] * 3
    assert desk.log.records == before


@pytest.mark.parametrize("body", ["no JSON", "[" * 100_000, '{"detail-type": "x_notification_email"}'])
def test_what_is_no_event_is_parked_whole_and_never_loops(desk: Desk, body: str) -> None:
    assert desk.take(DeadLetter("m-1", body)) == Taken(Fate.PARKED, NOT_AN_EVENT)
    assert desk.quarantine.parked == [(body, NOT_AN_EVENT)]


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_the_event_of_no_delivery_or_of_another_channel_is_foreign(desk: Desk, channel: str) -> None:
    given = accepted(desk.log, channel=channel)
    if channel == "email":
        desk.log.records.clear()
    assert desk.take(letter(given)) == Taken(Fate.PARKED, FOREIGN)
    assert desk.quarantine.parked == [(body_of(given.event()), FOREIGN)]


# -- nothing is lost ---------------------------------------------------------------------------------------------------


def test_what_cannot_be_parked_or_written_stays_where_it_is(desk: Desk) -> None:
    desk.quarantine.raises = OSError()
    assert desk.take(DeadLetter("m-1", "no JSON")).fate is Fate.KEPT

    class Unreachable(MemoryLog):
        def waiting(self, event: DeliveryRequested) -> None:
            raise OSError

    given = desk.failed()
    desk.log = Unreachable(desk.log.notifications, desk.log.records)
    taken = desk.take(letter(given))
    assert (taken.fate, type(taken.cause)) == (Fate.KEPT, OSError)


def test_a_delivery_that_somebody_holds_or_has_just_written_is_looked_at_again(desk: Desk) -> None:
    given = accepted(desk.log)
    claimed(desk.log, given, desk.clock())
    assert desk.take(letter(given)) == Taken(Fate.KEPT, LEASED, given.event())

    class Changing(MemoryLog):
        def wait(self, *args: object, **named: object) -> bool:
            return False

    desk.log = Changing(desk.log.notifications, desk.log.records)
    assert desk.take(letter(desk.failed())).why == CHANGED


# -- an outage of all providers of a channel, from the first message to the last ---------------------------------------

RECEIVES = 10


class Outage:
    """A channel with its queue, its dead-letter queue, the redriver and the sweeper, as the clock goes on."""

    def __init__(self, deliveries: int, **fields: object) -> None:
        self.clock, self.log, self.bus, self.state = Clock(NOW), MemoryLog(), MemoryBus(), MemoryProviderState()
        self.provider = MemoryProvider(raises=UnavailableError("503"))
        self.worker = Worker(
            self.log, MemoryTemplates(), LINKS, Chain((self.provider,), self.state, self.clock), self.clock
        )
        self.redriver = Redriver("email", self.log, MemoryQuarantine(), WAITS, self.clock)
        self.given = {each.event(): each for each in (accepted(self.log, **fields) for _ in range(deliveries))}
        self.queue: list[tuple[datetime, int, int, DeliveryRequested]] = []
        self.dead: list[DeliveryRequested] = []
        self.dead_ever: set[DeliveryRequested] = set()
        self.redriving = True
        self._numbers = count()
        for event in self.given:
            self._send(event)

    def statuses(self) -> set[Status]:
        return {stored(self.log, each).status for each in self.given.values()}

    def run_until(self, done: Callable[[], bool], within: timedelta) -> timedelta:
        """Let the time pass until it is done, and return how much it took."""
        begin = self.clock()
        while not done():
            assert self.clock() - begin < within, self.statuses()
            self.clock.advance(timedelta(seconds=10))
            while self.queue and self.queue[0][0] <= self.clock():
                self._receive()
            while self.redriving and self.dead:
                event = self.dead.pop()
                if self.redriver.take(DeadLetter("m", body_of(event))).fate is Fate.KEPT:
                    self.dead.append(event)
                    break
            if self.clock().second == 0:
                self._sweep()
        return self.clock() - begin

    def _sweep(self) -> None:
        before = len(self.bus.taken)
        sweeper = Sweeper(self.log, self.bus, self.state, self.clock)
        for channel, watched in self.state.look(self.clock()).items():
            sweeper.recover(channel, watched.recovery, self.clock() + HOUR)
        for shard in SHARDS["email"]:
            sweeper.sweep(shard, self.clock() + HOUR)
        for event in self.bus.taken[before:]:
            self._send(event)

    def _send(self, event: DeliveryRequested) -> None:
        heapq.heappush(self.queue, (self.clock(), next(self._numbers), 0, event))

    def _receive(self) -> None:
        _, number, received, event = heapq.heappop(self.queue)
        report = self.worker.deliver(event, reached(self.given[event]), self.clock() + MINUTE)
        if report.result is not Result.RETRY:
            return
        if received + 1 >= RECEIVES:
            self.dead.append(event)
            self.dead_ever.add(event)
            return
        back = self.clock() + comes_back(received + 1, 3 * MINUTE, report.patience)
        heapq.heappush(self.queue, (back, number, received + 1, event))


def test_when_all_providers_are_back_every_message_is_sent_by_itself_and_nothing_twice() -> None:
    outage = Outage(20)
    outage.redriving = False
    outage.run_until(lambda: len(outage.dead) == 20, HOUR)
    outage.redriving, outage.provider.raises = True, None
    took = outage.run_until(lambda: outage.statuses() == {Status.SENT}, HOUR)
    assert outage.dead_ever == set(outage.given)
    assert len(outage.provider.sent) == len({message.delivery_id for message in outage.provider.sent}) == 20
    assert outage.dead == []
    assert took <= 10 * MINUTE, "nobody was left to try the circuit, so one of them is published to do so"


def test_an_outage_of_hours_uses_up_no_more_rounds_than_its_time() -> None:
    outage = Outage(3)
    with pytest.raises(AssertionError):
        outage.run_until(lambda: bool(outage.statuses() & FINAL), 12 * HOUR)
    outage.provider.raises = None
    assert outage.run_until(lambda: outage.statuses() == {Status.SENT}, HOUR) <= 15 * MINUTE
    assert len(outage.provider.sent) == 3


def test_one_that_never_ends_ends_the_delivery_and_its_copies() -> None:
    outage = Outage(1)
    took = outage.run_until(lambda: outage.statuses() == {Status.ERROR}, timedelta(days=2))
    assert sum(WAITS, timedelta()) <= took <= sum(WAITS, timedelta()) + 4 * HOUR
    assert stored(outage.log, *outage.given.values()).reason is Reason.UNAVAILABLE
    outage.run_until(lambda: not outage.queue and not outage.dead, HOUR)


def test_what_expires_while_it_waits_ends_then() -> None:
    outage = Outage(1, expires_at=NOW + 2 * HOUR)
    assert outage.run_until(lambda: outage.statuses() == {Status.ERROR}, 3 * HOUR) <= 2 * HOUR + 5 * MINUTE
    assert stored(outage.log, *outage.given.values()).reason is Reason.EXPIRED


def test_the_same_event_fifty_times_delivers_once() -> None:
    outage = Outage(1)
    outage.provider.raises = None
    [event] = outage.given
    for _ in range(49):
        outage._send(event)
    outage.run_until(lambda: not outage.queue, HOUR)
    assert (len(outage.provider.sent), outage.statuses()) == (1, {Status.SENT})
