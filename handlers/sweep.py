"""Publishing again what should have moved and has not, over ports alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from handlers.ports import DueIndex, EventPublisher


@dataclass(frozen=True, slots=True)
class Swept:
    """How many events were published again, and how many the bus did not take."""

    republished: int = 0
    refused: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.republished + other.republished, self.refused + other.refused)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps one shard of the index at a time. `clock` returns the aware time."""

    index: DueIndex
    publisher: EventPublisher
    clock: Callable[[], datetime]

    def sweep(self, shard: str, until: datetime) -> Swept:
        """Publish the shard's due deliveries, the longest waiting first, and begin no page after `until`.

        Published first and postponed after: dying between the two publishes an event once more, which its claim drops.
        What the bus does not take stays due, for the next minute; when it takes nothing it is not asked further.
        """
        swept = Swept()
        for page in self.index.due(shard, self.clock()):
            refused = set(self.publisher.publish([delivery.event for delivery in page]))
            taken = [delivery for delivery in page if delivery.event not in refused]
            for delivery in taken:
                self.index.postpone(delivery, delivery.postponed(self.clock()))
            swept += Swept(len(taken), len(refused))
            if not taken or self.clock() >= until:
                break
        return swept
