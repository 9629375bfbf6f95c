"""When the sweeper looks after a delivery that has not moved.

Every delivery that is still to be sent is in the log's sparse index `due`, by the time at which somebody should ask
what became of it. It leaves the index once it is sent or final, so the index is as small as what is under way.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from handlers.domain.notifications.events import DeliveryRequested

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

SHARDS: Final = tuple(str(shard) for shard in range(8))
"""The index's partition keys. A partition takes 1,000 writes a second and a delivery makes two on its way, so eight
carry 4,000 deliveries a second.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""


def shard(delivery_id: str) -> str:
    """Return the partition of the index in which the delivery is."""
    return SHARDS[uuid.UUID(delivery_id).int % len(SHARDS)]


def first_due(created_at: datetime, send_at: datetime | None, expires_at: datetime | None) -> datetime:
    """Return when to look after a delivery that is being accepted.

    One that waits is published then for the first time; if it expires before, it is closed as soon as it does.
    """
    if send_at is None:
        return created_at + AFTER_ACCEPTANCE
    return send_at if expires_at is None else min(send_at, expires_at)


def after_failure(republished: int, now: datetime) -> datetime:
    """Return when to look after a delivery whose attempt has failed, and which was published again so often."""
    return now + _doubled(AFTER_FAILURE, republished)


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery found in the index: its event, since when it is due, how often it was published again already."""

    event: DeliveryRequested
    due_at: datetime
    republished: int

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
