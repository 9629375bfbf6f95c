"""What a worker learns when it claims a delivery: it has it, or why it has not.

A claim is a lease. It ends with the invocation that took it, so whoever dies holding one gives it back by dying.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.statuses import UNSENT, Status


@dataclass(frozen=True, slots=True)
class Claimed:
    """The delivery is `pending` and this invocation's, its last attempt the one just begun."""

    delivery: Delivery


class Refusal(StrEnum):
    """Why a claim was refused."""

    SETTLED = "settled"
    """It was sent, or is final: the event is a duplicate."""
    LEASED = "leased"
    """Another invocation holds it. It may still fail, so the event must come back."""
    EXPIRED = "expired"
    """Its `expires_at` has passed: it must not be sent any more."""
    MISSING = "missing"
    """The log holds no delivery of this event, which nothing that publishes events could have caused."""


@dataclass(frozen=True, slots=True)
class Found:
    """The delivery as it stood when the claim's condition failed. `lease_until` is in seconds since 1970."""

    event_id: str
    status: Status
    lease_until: int | None
    expires_at: datetime | None


def refusal(found: Found | None, event_id: str, now: datetime) -> Refusal:
    """Return why the delivery could not be claimed."""
    if found is None or found.event_id != event_id:
        return Refusal.MISSING
    if found.status not in UNSENT:
        return Refusal.SETTLED
    if found.lease_until is not None and found.lease_until >= now.timestamp():
        return Refusal.LEASED
    # Of the claim's conditions only expires_at is left.
    return Refusal.EXPIRED


def lapsed(found: Found, now: datetime) -> bool:
    """Say whether the delivery is under a lease that has ended: its holder died, or its attempt failed."""
    return found.status is Status.PENDING and (found.lease_until is None or found.lease_until < now.timestamp())
