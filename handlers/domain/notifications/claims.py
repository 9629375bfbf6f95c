"""What a worker learns when it claims a delivery: it has it, or why it has not.

A claim is a lease. It ends with the invocation that took it, so whoever dies holding one gives it back by dying.

Times are compared as the log holds and compares them: as text, to the millisecond (`handlers.domain.times.rfc3339`).
Any other precision here would tell another story than the condition that was met, in the moment in which a time passes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from handlers.domain.notifications.statuses import UNSENT, Status
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    # Not at run time: the redriver needs no content, and has no Jinja.
    from handlers.domain.notifications.deliveries import Delivery
    from handlers.domain.notifications.payload import Payload

_CLOCKS_DIFFER: Final = timedelta(seconds=1)
"""By how much the clock of who takes a delivery over may be ahead of its holder's."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The delivery is `pending` and this invocation's; its last attempt is the one just begun, if one was.

    None was if no provider was named; nor if an earlier attempt is of unknown outcome, since who is asked next then
    depends on who was asked before. `payload` is what it says, if it carries that itself (`Delivery.is_only`).
    """

    delivery: "Delivery"
    begun: bool
    payload: "Payload | None" = None


@dataclass(frozen=True, slots=True)
class Undecided:
    """The claim was refused, as nobody knows whether the delivery was sent, as often as its category lets that be."""

    delivery: "Delivery"


class Refusal(StrEnum):
    """Why a claim was refused."""

    SETTLED = "settled"
    """It was sent, or is final: the event is a duplicate."""
    LEASED = "leased"
    """Another invocation holds it. It may still fail, so the event must come back."""
    EXPIRED = "expired"
    """It has an `expires_at`, which has passed: it must not be sent any more."""
    CONTENDED = "contended"
    """Others were writing it, or what was found does not tell why it was refused. So the event must come back: a
    delivery is never ended because nothing else was left to think of."""
    MISSING = "missing"
    """The log holds no delivery of this event, which nothing that publishes events could have caused."""


@dataclass(frozen=True, slots=True)
class Found:
    """The delivery as it stood when the claim's condition failed."""

    event_id: str
    status: Status
    lease_until: datetime | None
    expires_at: datetime | None

    def is_lapsed(self, now: datetime) -> bool:
        """Say whether it is under a lease that has ended: its holder died, or its attempt failed."""
        return self.status is Status.PENDING and (self.lease_until is None or rfc3339(self.lease_until) < rfc3339(now))

    def is_free(self, now: datetime) -> bool:
        """Say whether it is still to be sent, and nobody holds it."""
        return self.status is Status.CREATED or self.is_lapsed(now)

    def is_expired(self, now: datetime) -> bool:
        """Say whether it has an `expires_at`, which has passed."""
        return self.expires_at is not None and rfc3339(self.expires_at) <= rfc3339(now)


def lease_end(invocation_end: datetime) -> datetime:
    """Return until when whoever claims in an invocation holds the delivery."""
    return invocation_end + _CLOCKS_DIFFER


def refusal(found: Found | None, event_id: str, now: datetime) -> Refusal:
    """Return why the delivery could not be claimed, deferred or closed, from what was found."""
    if found is None or found.event_id != event_id:
        return Refusal.MISSING
    if found.status not in UNSENT:
        return Refusal.SETTLED
    if not found.is_free(now):
        return Refusal.LEASED
    if found.is_expired(now):
        return Refusal.EXPIRED
    return Refusal.CONTENDED
