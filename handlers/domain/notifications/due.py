"""When the sweeper looks after a delivery that has not moved.

Every delivery that is still to be sent is in the log's sparse index `due`, by the time at which somebody should ask
what became of it. It leaves the index once it is sent or final, so the index is as small as what is under way.

What has failed stays in it, in partitions that nobody sweeps, by when it failed: there an operator finds it without
knowing its id. So an ordinary delivery pays nothing for being found; one that ends in `error` pays one write unit.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.notifications.events import HIGH, DeliveryRequested

AFTER_ACCEPTANCE: Final = timedelta(minutes=5)
"""From acceptance: a published event is claimed within seconds, so after this it was lost or waits in a queue."""

AFTER_FAILURE: Final = timedelta(minutes=15)
"""From an attempt that failed: much longer than a message that failed stays away
(`handlers.domain.providers.retries`).

So while the queue itself retries, by default ten times over a quarter of an hour or more, each failure puts this off.
A claim does not: most deliveries are sent at the first attempt, and leave the index without having moved in it.
"""

_LONGEST: Final = timedelta(hours=6)

FINDS_ALL_IT_NEEDS: Final = timedelta(days=30)
"""How long after its time a delivery that could not be sent can still be: so long what it was accepted with is kept, at
least. It is tried after that as well, and ends in `error` if its template is gone by then.
"""

_SHARDS: Final = 8

REDRIVEN: Final[Mapping[Channel, str]] = MappingProxyType({channel: f"{channel}#redriven" for channel in CHANNELS})
"""The partition of the index in which a channel's deliveries wait that came back from its dead-letter queue.

It is one of their own, so that they are found together when a circuit of the channel closes.
"""

HELD: Final[Mapping[Channel, str]] = MappingProxyType({channel: f"{channel}#held" for channel in CHANNELS})
"""The partition in which deliveries of unknown outcome wait to be decided, so that an operator finds them."""

FAILED: Final[Mapping[Channel, tuple[str, ...]]] = MappingProxyType(
    {channel: tuple(f"{channel}#failed#{n}" for n in range(_SHARDS)) for channel in CHANNELS}
)
"""The partitions of those that ended in `error` after they were to be sent, by when they did. Nobody sweeps these.

What could not be sent as it was planned is not there: its producer was told so in the answer, and it may be common.
"""

URGENT: Final[Mapping[Channel, tuple[str, ...]]] = MappingProxyType(
    {channel: tuple(f"{channel}#{HIGH}#{n}" for n in range(_SHARDS)) for channel in CHANNELS}
)
"""The partitions of what has priority `high`, so that the sweeper's events say so too."""

SHARDS: Final[Mapping[Channel, tuple[str, ...]]] = MappingProxyType(
    {
        channel: (
            *URGENT[channel],
            *(f"{channel}#{n}" for n in range(_SHARDS)),
            REDRIVEN[channel],
            HELD[channel],
        )
        for channel in CHANNELS
    }
)
"""The index's partition keys, by channel: what is due on one channel is never behind what is due on another.

A partition takes 1,000 writes a second and a delivery makes two on its way, so eight carry 4,000 deliveries a second of
each channel.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""


def shard(channel: str, delivery_id: str, *, is_urgent: bool = False) -> str:
    """Return the partition of the index in which the delivery is, unless it was redriven, is held or has failed.

    For what is an entry of a digest it is asked by the digest's id, so that all of its entries are found together.
    """
    lane = f"{channel}#{HIGH}" if is_urgent else channel
    return f"{lane}#{uuid.UUID(delivery_id).int % _SHARDS}"


def is_urgent(shard: str) -> bool:
    """Say whether a partition of the index is one of those for what has priority `high`."""
    return f"#{HIGH}#" in shard


def failed_shard(channel: str, delivery_id: str) -> str:
    """Return the partition of the index in which the delivery is once it has failed."""
    return f"{channel}#failed#{uuid.UUID(delivery_id).int % _SHARDS}"


def first_due(created_at: datetime, send_at: datetime | None, expires_at: datetime | None) -> datetime:
    """Return when to look after a delivery that is being accepted.

    One that waits is published then for the first time; if it expires before, it is closed as soon as it does.
    """
    if send_at is None:
        return created_at + AFTER_ACCEPTANCE
    return send_at if expires_at is None else min(send_at, expires_at)


def after_failure(republished: int, now: datetime) -> datetime:
    """Return when to publish a delivery again after a failed attempt, by how often that was done before."""
    return now + _doubled(AFTER_FAILURE, republished)


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery found in the index: its event, since when it is due, how often it was published again already."""

    event: DeliveryRequested
    due_at: datetime
    republished: int

    @property
    def shard(self) -> str:
        """Where it is in the index once it was published."""
        event = self.event
        return shard(event.channel, event.digest_id or event.delivery_id, is_urgent=event.priority is not None)

    def postponed(self, now: datetime) -> datetime:
        """Return when to look again, once it is published now: twice as late each time, six hours at most.

        Nothing brings that forward, and a failure puts it off by more (`after_failure`). So a delivery that waits
        behind a long queue, or whose provider is out, is published again at most nine times in its first day and four
        times in each day that follows, however often it is claimed, and its copies do not multiply in that queue. It
        starts anew after its user's quiet hours.
        """
        return now + _doubled(AFTER_ACCEPTANCE, self.republished + 1)


def _doubled(wait: timedelta, times: int) -> timedelta:
    return min(wait * (1 << min(times, 10)), _LONGEST)  # beyond ten it is the longest anyway
