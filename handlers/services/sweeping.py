"""Publishing what is due: again what should have moved and has not, and for the first time what was to wait."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from handlers.domain.notifications.due import DueDelivery
from handlers.ports import DueIndex, EventPublisher


@dataclass(frozen=True, slots=True)
class Swept:
    """How many events were published, and how many the bus did not take; and what went wrong, which hides neither."""

    republished: int = 0
    refused: int = 0
    errors: tuple[Exception, ...] = ()

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.republished + other.republished, self.refused + other.refused, (*self.errors, *other.errors))


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps one shard of the index at a time, or publishes what a schedule names. `clock` returns the aware time."""

    index: DueIndex
    publisher: EventPublisher
    clock: Callable[[], datetime]

    def sweep(self, shard: str, until: datetime) -> Swept:
        """Publish the shard's due deliveries, the longest waiting first, and begin nothing more after `until`.

        When the bus takes nothing it is not asked further. Never raises: what ends this shard's sweep is in the
        result, beside what was done before.
        """
        swept = Swept()
        try:
            for page in self.index.due(shard, self.clock()):
                published = self.publish(page, until)
                swept += published
                if (published.refused and not published.republished) or self.clock() >= until:
                    break
        except Exception as error:  # a page that cannot be read
            return swept + Swept(errors=(error,))
        return swept

    def publish(self, due: Sequence[DueDelivery], until: datetime) -> Swept:
        """Publish these deliveries, and let each that the bus took be due later; unless it has moved meanwhile.

        Published first and postponed after: dying between the two publishes an event once more, which its claim drops.
        What the bus does not take stays due, for the next minute, and so does what cannot be postponed. So a schedule
        and a sweep that meet are as two sweeps: at worst each publishes, one of them postpones, and the second event
        of a delivery is dropped.
        """
        refused = set(self.publisher.publish([delivery.event for delivery in due], until))
        taken = [delivery for delivery in due if delivery.event not in refused]
        return Swept(len(taken), len(refused), tuple(self._postpone(taken, until)))

    def _postpone(self, taken: Sequence[DueDelivery], until: datetime) -> Iterator[Exception]:
        """Let each be due later, and yield what keeps one of them from it."""
        for delivery in taken:
            if (now := self.clock()) >= until:
                return
            try:
                self.index.postpone(delivery, delivery.postponed(now))
            except Exception as error:
                yield error
