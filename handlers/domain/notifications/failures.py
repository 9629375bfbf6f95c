"""What an operator may have sent again: what has failed, or is held as nobody knows whether it was sent.

Nobody is sent a message twice by it, but where that is said: what was sent, by its log, is never sent again, and what
may have been only when the operator accepts a duplicate.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from handlers.domain.notifications.deliveries import Delivery, unknowns
from handlers.domain.notifications.outcomes import Reason
from handlers.domain.notifications.statuses import UNSENT, Status

OF_AN_OUTAGE: Final = frozenset({Reason.UNAVAILABLE, Reason.NO_PROVIDER, Reason.NOT_ROUTED, Reason.OUTCOME_UNKNOWN})
"""Why a delivery failed that may well be sent now. Of other reasons, what was refused would be refused again."""

_SENT: Final = frozenset({Status.SENT, Status.OPENED, Status.CLICKED})


class Refusal(StrEnum):
    """Why a delivery is not sent again."""

    NOT_FAILED = "not_failed"
    """It is under way, or was sent, canceled or unsubscribed."""
    WAS_SENT = "was_sent"
    """A provider had taken it before it failed."""
    EXPIRED = "expired"
    """Its `expires_at` has passed."""
    NEVER_PLANNED = "never_planned"
    """It could not be sent when it was accepted: what it says was not kept."""
    MAY_BE_SENT = "may_be_sent"
    """The recipient may have got it: the operator has not accepted a duplicate."""
    CHANGED = "changed"
    """It was written, or taken by somebody, while it was looked at."""


def refusal(delivery: Delivery, now: datetime, *, accept_duplicates: bool) -> Refusal | None:
    """Return why a delivery is not to be sent again by an operator; None if it may be."""
    if delivery.status is not Status.ERROR and not delivery.is_held:
        return Refusal.NOT_FAILED
    if any(step.status in _SENT for step in delivery.timeline):
        return Refusal.WAS_SENT
    if delivery.timeline[0].status not in UNSENT:
        return Refusal.NEVER_PLANNED
    if delivery.reason is Reason.EXPIRED or (delivery.expires_at is not None and delivery.expires_at <= now):
        return Refusal.EXPIRED
    if unknowns(delivery.attempts) and not accept_duplicates:
        return Refusal.MAY_BE_SENT
    return None


def since(delivery: Delivery) -> datetime:
    """Return since when a delivery is as it is: failed, held, or waiting."""
    return delivery.attempts[-1].at if delivery.is_held and delivery.attempts else delivery.timeline[-1].at
