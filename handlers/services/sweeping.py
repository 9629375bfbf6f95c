"""Publishing what is due: again what should have moved and has not, and for the first time what was to wait."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from handlers.domain.channels import Channel
from handlers.domain.notifications.due import DueDelivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.providers.routing import Recovery
from handlers.ports import DueIndex, EventPublisher, Recoveries


@dataclass(frozen=True, slots=True)
class Swept:
    """How many events were published, and how many the bus did not take; and what went wrong, which hides neither.

    `again` of those published had been published by a sweep before, and their deliveries have not moved since.
    """

    republished: int = 0
    refused: int = 0
    errors: tuple[Exception, ...] = ()
    again: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(
            self.republished + other.republished,
            self.refused + other.refused,
            (*self.errors, *other.errors),
            self.again + other.again,
        )


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps one shard of the index at a time, or publishes what a schedule names. `clock` returns the aware time."""

    index: DueIndex
    publisher: EventPublisher
    recoveries: Recoveries
    clock: Callable[[], datetime]

    def sweep(self, shard: str, until: datetime) -> Swept:
        """Publish the shard's due deliveries, the longest waiting first, and begin nothing more after `until`.

        When the bus takes nothing it is not asked further. Never raises: what ends this shard's sweep is in the
        result, beside what was done before.
        """
        return self._publish_all(lambda: self.index.due(shard, self.clock()), until)

    def recover(self, channel: Channel, recovery: Recovery, until: datetime) -> Swept:
        """Publish what waits for the channel before it is due, as it may be sent now; of an untried circuit, one.

        A circuit that has closed is done with when nothing waits any more: what is left, or came in meanwhile, is
        published in a minute. A round that is tried before its time costs the delivery nothing
        (`domain.notifications.redrives`). Never raises.
        """
        if recovery.closed_at is None:
            if not recovery.is_untried:
                return Swept()
            return self._publish_all(lambda: _first(self.index.redriven(channel, self.clock())), until)
        published = self._publish_all(lambda: self.index.redriven(channel, self.clock()), until)
        if published == Swept():
            try:
                self.recoveries.over(channel, recovery.closed_at)
            except Exception as error:
                return Swept(errors=(error,))
        return published

    def publish(self, due: Sequence[DueDelivery], until: datetime) -> Swept:
        """Publish these deliveries, and let each that the bus took be due later; unless it has moved meanwhile.

        Published first and postponed after: dying between the two publishes an event once more, which its claim drops.
        What the bus does not take stays due, for the next minute, and so does what cannot be postponed. So a schedule
        and a sweep that meet are as two sweeps: at worst each publishes, one of them postpones, and the second event
        of a delivery is dropped. Of a digest's entries one event is enough, as it asks for all of them.
        """
        events = _one_of_each_digest(due)
        refused = set(self.publisher.publish(list(events.values()), until))
        taken = [delivery for delivery in due if events[_asked_for(delivery)] not in refused]
        again = sum(delivery.republished > 0 for delivery in taken)
        return Swept(len(taken), len(refused), tuple(self._postpone(taken, until)), again)

    def _publish_all(self, find: Callable[[], Iterable[Sequence[DueDelivery]]], until: datetime) -> Swept:
        swept = Swept()
        try:
            for page in find():
                published = self.publish(page, until)
                swept += published
                if (published.refused and not published.republished) or self.clock() >= until:
                    break
        except Exception as error:  # a page that cannot be read
            return swept + Swept(errors=(error,))
        return swept

    def _postpone(self, taken: Sequence[DueDelivery], until: datetime) -> Iterator[Exception]:
        """Let each be due later, and yield what keeps one of them from it."""
        for delivery in taken:
            if (now := self.clock()) >= until:
                return
            try:
                self.index.postpone(delivery, delivery.postponed(now))
            except Exception as error:
                yield error


def _asked_for(delivery: DueDelivery) -> str:
    return delivery.event.digest_id or delivery.event.delivery_id


def _one_of_each_digest(due: Sequence[DueDelivery]) -> dict[str, DeliveryRequested]:
    """Return the events to publish, by what they ask for: of a digest's entries the first."""
    events: dict[str, DeliveryRequested] = {}
    for each in due:
        events.setdefault(_asked_for(each), each.event)
    return events


def _first(pages: Iterable[Sequence[DueDelivery]]) -> Iterator[Sequence[DueDelivery]]:
    """Yield the first delivery alone, if there is any."""
    for page in pages:
        if page:
            yield page[:1]
            return
