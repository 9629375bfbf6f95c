"""Random walks of one delivery through a log, at the instants around which leases and deliveries end.

A walk is a list of steps, so that the same one can be taken through the log in memory and through the real table.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from handlers.domain.notifications.claims import Claimed, Refusal, Undecided, lease_end
from handlers.domain.notifications.deliveries import Delivery, Reason
from handlers.domain.notifications.statuses import Status
from handlers.domain.times import rfc3339
from tests.unit.handlers.log_contract import LEASE, MANY, UNAVAILABLE, Log, accepted, claim, stored
from tests.unit.handlers.samples import NOW

_MICROSECOND: Final = timedelta(microseconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SECOND: Final = timedelta(seconds=1)
_AROUND: Final = tuple(
    sign * by
    for by in (_MICROSECOND, 999 * _MICROSECOND, _MILLISECOND, 999 * _MILLISECOND, _SECOND)
    for sign in (-1, 1)
)

OFFSETS: Final = st.sampled_from((timedelta(), *_AROUND))
EXPIRIES: Final = st.none() | st.builds(
    lambda base, offset: base + offset,
    st.sampled_from((NOW, NOW + LEASE, lease_end(NOW + LEASE), NOW + timedelta(hours=1))),
    OFFSETS,
)
ACTIONS: Final = ("deliver", "lease", "fail", "release", "defer", "expire")


@dataclass(frozen=True)
class Move:
    """What is done, and when: so long before or after a lease ends, the delivery expires, or it was accepted."""

    action: str
    around: str
    offset: timedelta


WALKS: Final = st.lists(
    st.builds(Move, st.sampled_from(ACTIONS), st.sampled_from(("lease", "expiry", "acceptance")), OFFSETS),
    min_size=1,
    max_size=8,
)


@dataclass
class Walk:
    """One delivery on its way, as the worker makes and ends its deliveries, held to what it says of expiry."""

    log: Log
    given: Delivery
    leased_at: datetime = NOW
    held: Delivery | None = None

    def take(self, move: Move) -> object:
        """Take a step and return its answer."""
        now = self._instant(move)
        answer = self._done(move.action, now)
        if answer is Refusal.EXPIRED:
            # What the worker does then.
            assert self._is_expired(now), move
            assert self.log.close(self.given.event(), Status.ERROR, Reason.EXPIRED, now) is None
        if stored(self.log, self.given).status is Status.ERROR:
            assert self.given.expires_at is not None, move
        return answer

    def _done(self, action: str, now: datetime) -> object:
        match action:
            case "deliver":
                return self._claimed(claim(self.log, self.given, now), now)
            case "lease":
                leased = self.log.claim(
                    self.given.event(), provider=None, lease_until=now + LEASE, now=now, unknown_retries=MANY
                )
                return self._claimed(leased, now)
            case "fail" if self.held is not None and self.held.attempts:
                self.log.conclude(self.held, UNAVAILABLE)
            case "release" if self.held is not None:
                self.log.release(self.held, now)
            case "defer":
                return self.log.defer(self.given.event(), now + timedelta(hours=1), now)
            case "expire":
                return self.log.close(self.given.event(), Status.ERROR, Reason.EXPIRED, now)
        return None

    def _claimed(self, answer: Claimed | Undecided | Refusal, now: datetime) -> object:
        if not isinstance(answer, Claimed):
            return answer
        assert not self._is_expired(now)
        self.held, self.leased_at = answer.delivery, now
        return [(attempt.attempt, attempt.outcome) for attempt in answer.delivery.attempts]

    def _instant(self, move: Move) -> datetime:
        around = {"acceptance": NOW, "lease": lease_end(self.leased_at + LEASE), "expiry": self.given.expires_at or NOW}
        return around[move.around] + move.offset

    def _is_expired(self, now: datetime) -> bool:
        return self.given.expires_at is not None and rfc3339(self.given.expires_at) <= rfc3339(now)


def walked(log: Log, moves: Sequence[Move], expires_at: datetime | None) -> list[object]:
    """Take these steps, and return the answers and what became of the delivery.

    Without an `expires_at` it must be there to be sent in the end, whatever happened before.
    """
    walk = Walk(log, accepted(log, user_id=f"walker-{uuid.uuid4()}", expires_at=expires_at))
    answers = [walk.take(move) for move in moves]
    kept = stored(log, walk.given)
    if expires_at is None:
        assert isinstance(claim(log, walk.given, NOW + timedelta(days=1)), Claimed)
    return [*answers, kept.status, kept.reason, [step.status for step in kept.timeline]]
