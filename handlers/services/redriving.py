"""The way back from a channel's dead-letter queue, over ports alone: `domain.notifications.redrives` has the rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from handlers.domain.channels import Channel
from handlers.domain.notifications.events import DeliveryRequested, NotAnEventError
from handlers.domain.notifications.redrives import Fate, Step, next_step
from handlers.ports import Quarantine, RedriveLog

NOT_AN_EVENT: Final = "not_an_event"
"""Why a message is parked: it cannot be read as an event."""
FOREIGN: Final = "foreign"
"""Why a message is parked: the log has no such delivery, or it is another channel's."""
CHANGED: Final = "changed"
"""Why a message is kept: its delivery was written while it was looked at."""
LEASED: Final = "leased"
"""Why a message is kept: somebody is sending its delivery."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of the dead-letter queue: its id, its body, and its attributes as SQS has them.

    `bus_error` is there when the bus put it there, and not the channel's queue: `ERROR_CODE`
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html).
    """

    message_id: str
    body: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    bus_error: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message, and why in a word; `event` if it is one. `cause` is an error that nobody foresaw."""

    fate: Fate
    why: str | None = None
    event: DeliveryRequested | None = None
    round: int | None = None
    cause: Exception | None = None


@dataclass(frozen=True, slots=True)
class Redriver:
    """Empties the dead-letter queue of one channel. `waits` are those of each round; `clock` returns the aware time."""

    channel: Channel
    log: RedriveLog
    quarantine: Quarantine
    waits: Sequence[timedelta]
    clock: Callable[[], datetime]

    def take(self, letter: DeadLetter) -> Taken:
        """Decide on a message, and say what came of it. Never raises: what cannot be written stays where it is."""
        try:
            event = DeliveryRequested.parse(letter.body)
        except NotAnEventError:
            return self._park(letter, NOT_AN_EVENT)
        try:
            return self._take(letter, event)
        except Exception as error:
            return Taken(Fate.KEPT, type(error).__name__, event, cause=error)

    def _take(self, letter: DeadLetter, event: DeliveryRequested) -> Taken:
        now = self.clock()
        seen = self.log.waiting(event) if event.channel == self.channel else None
        step = next_step(seen, event.event_id, letter.bus_error, now, self.waits)
        if seen is None or step.fate is Fate.PARKED:
            return self._park(letter, FOREIGN)
        if step.fate is Fate.KEPT:
            return Taken(Fate.KEPT, LEASED, event)
        if step.redrive is not None:
            written = self.log.wait(event, seen, step.redrive, is_new=step.is_new)
        else:
            written = step.reason is None or self.log.give_up(event, seen, step.reason, now)
        return _taken(step, event) if written else Taken(Fate.KEPT, CHANGED, event)

    def _park(self, letter: DeadLetter, why: str) -> Taken:
        try:
            self.quarantine.park(letter.message_id, letter.body, letter.attributes, why)
        except Exception as error:
            return Taken(Fate.KEPT, why, cause=error)
        return Taken(Fate.PARKED, why)


def _taken(step: Step, event: DeliveryRequested) -> Taken:
    if step.redrive is not None:
        return Taken(step.fate, step.redrive.reason, event, step.redrive.round)
    return Taken(step.fate, step.reason, event)
