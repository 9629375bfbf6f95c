"""The way back from a dead-letter queue: into the log, which publishes again later, and later each time.

What was given up by its queue, or could not be brought there, is noted on its delivery as the next round, with the
reason, and is due again after that round's wait. So there is one place from which anything is tried again.

| what the log has of the message's delivery        | what becomes of the message                                   |
|---------------------------------------------------|---------------------------------------------------------------|
| nothing, or it is another channel's               | foreign: parked whole                                         |
| it was sent, or is final                          | settled: dropped and counted                                  |
| it waits for its time, or for a receipt           | dropped: the log looks after it                               |
| somebody holds it                                 | kept: the lease ends soon                                     |
| the wait of its last round is not over            | a copy, or it was tried early: it waits for the same time     |
| it has had fewer rounds than there are            | the next round                                                |
| it has had them all                               | given up: `error`, with its last reason                       |

So a round is counted once however many copies there are, and costs nothing if it was tried before its time, as a
circuit had closed (`handlers.services.sweeping`). An operator's redrive is round 0: the rounds begin anew after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from handlers.domain.notifications.claims import Found
from handlers.domain.notifications.outcomes import Outcome, Reason
from handlers.domain.notifications.statuses import UNSENT, Status

NOT_ATTEMPTED: Final = "not_attempted"
"""Why a message came, if no attempt at its delivery was ever begun: nobody could be asked, or the worker never ran."""

BY_OPERATOR: Final = "operator"
"""Why there is a round 0."""

_LONGEST_REASON: Final = 256


class Fate(StrEnum):
    """What becomes of a message in a dead-letter queue."""

    REDRIVEN = "redriven"
    """Its delivery is due again when its round says."""
    GIVEN_UP = "given_up"
    """Its rounds are used up: `error`."""
    DROPPED = "dropped"
    """Its delivery needs it no more."""
    PARKED = "parked"
    """It is no event, or not of this channel's log: it is in the quarantine queue, whole."""
    KEPT = "kept"
    """It stays where it is, and comes again."""


@dataclass(frozen=True, slots=True)
class Redrive:
    """A round: its number from 1 (0: an operator's), why there is one, when it was noted, and when its wait is over."""

    round: int
    reason: str
    at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery, as far as its way back depends on it. `outcome` and `error` are the last attempt's, if there was one.

    `due_at` is when the sweeper looks after it; None when it never does. `attempts_begun` counts.
    """

    found: Found
    due_at: datetime | None
    send_at: datetime | None = None
    reason: str | None = None
    attempts_begun: int = 0
    outcome: str | None = None
    error: str | None = None
    redrives: tuple[Redrive, ...] = ()

    def why(self) -> str:
        """Return why its queue gave up, in the last attempt's word."""
        return (self.error or self.outcome or NOT_ATTEMPTED)[:_LONGEST_REASON]


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done: with REDRIVEN the round, which is a new one or the last again; with GIVEN_UP the reason."""

    fate: Fate
    redrive: Redrive | None = None
    is_new: bool = False
    reason: Reason | None = None


def next_step(
    waiting: Waiting | None, event_id: str, bus_error: str | None, now: datetime, waits: Sequence[timedelta]
) -> Step:
    """Return what becomes of a message: the table above.

    `waits` has the wait of each round; `bus_error` is the bus's own word, of what it could not bring to the queue.
    """
    if waiting is None or waiting.found.event_id != event_id:
        return Step(Fate.PARKED)
    if waiting.found.status not in UNSENT or waiting.reason == Reason.OUTCOME_UNKNOWN:
        return Step(Fate.DROPPED)
    if waiting.found.status is Status.CREATED and waiting.send_at is not None and waiting.send_at > now:
        return Step(Fate.DROPPED)
    if not waiting.found.is_free(now):
        return Step(Fate.KEPT)
    last = waiting.redrives[-1] if waiting.redrives else None
    if last is not None and now < last.due_at:
        return Step(Fate.REDRIVEN, last)
    done = 0 if last is None else last.round
    if done >= len(waits):
        return Step(Fate.GIVEN_UP, reason=_last_reason(waiting, bus_error))
    why = (bus_error or waiting.why())[:_LONGEST_REASON]
    return Step(Fate.REDRIVEN, Redrive(done + 1, why, now, now + waits[done]), is_new=True)


def _last_reason(waiting: Waiting, bus_error: str | None) -> Reason:
    if waiting.outcome in (Outcome.UNKNOWN, Outcome.STARTED):
        return Reason.OUTCOME_UNKNOWN
    if bus_error is not None:
        return Reason.NOT_ROUTED
    return Reason.NO_PROVIDER if waiting.outcome is None else Reason.UNAVAILABLE
