"""What a receipt makes of a delivery: a pure function, whatever comes, in whatever order, and however often.

| receipt             | of a delivery that is `pending` | of one that is `sent`    | the address   |
|---------------------|---------------------------------|--------------------------|---------------|
| accepted            | sent                            |                          |               |
| delivered, delayed  | sent, noted                     | noted                    |               |
| opened, clicked     | opened, clicked                 | opened, clicked          |               |
| … by a machine      | sent, noted                     | noted                    |               |
| bounced             | sent, then error: bounced       | error: bounced           | suppressed    |
| soft_bounced, failed, rejected | sent, then error: undelivered | error: undelivered |               |
| complained          | sent, noted                     | noted                    | suppressed    |
| unsubscribed        | unsubscribed                    | unsubscribed             |               |

A receipt of a message that a provider was given proves that the provider has taken it. So it settles a delivery of
which nobody knew whether it was sent, and no worker sends it any more, but for `delayed` and failures of an attempt
that others have followed since: these say nothing of the last one, and are noted alone.

Where the table of the statuses has no such move (a bounce of what was opened; anything of what is final), the receipt
is noted in the timeline, once, and the status stays. An app, or a recipient by a link, tells what was done and nothing
else: what is no move is not noted either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from handlers.domain.notifications.deliveries import Delivery, Event, Step
from handlers.domain.notifications.outcomes import Outcome, Reason
from handlers.domain.notifications.statuses import Status, may_move
from handlers.domain.people.suppressions import Cause

_LEADS_TO: Final = MappingProxyType(
    {
        Event.OPENED: (Status.OPENED, None),
        Event.CLICKED: (Status.CLICKED, None),
        Event.BOUNCED: (Status.ERROR, Reason.BOUNCED),
        Event.SOFT_BOUNCED: (Status.ERROR, Reason.UNDELIVERED),
        Event.FAILED: (Status.ERROR, Reason.UNDELIVERED),
        Event.REJECTED: (Status.ERROR, Reason.UNDELIVERED),
        Event.UNSUBSCRIBED: (Status.UNSUBSCRIBED, None),
    }
)
"""The move that a receipt asks for, and its reason; the others ask for `sent` alone."""

_FAILURES: Final = frozenset({Event.BOUNCED, Event.SOFT_BOUNCED, Event.FAILED, Event.REJECTED})
_OF_ONE_ATTEMPT: Final = _FAILURES | {Event.DELAYED}
_BY_RECIPIENT: Final = frozenset({Event.OPENED, Event.CLICKED, Event.UNSUBSCRIBED})

SUPPRESSES: Final = MappingProxyType({Event.BOUNCED: Cause.HARD_BOUNCE, Event.COMPLAINED: Cause.COMPLAINT})
"""The receipts after which the address is not tried any more, and why."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One thing that happened to a message. `provider` told it, by its own `message_id`; nobody, if the recipient did.

    `machine` says that no person opened it, or followed the link.
    """

    event: Event
    provider: str | None = None
    message_id: str | None = None
    machine: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What a receipt makes of a delivery: the steps for its timeline, and where it moves, if it does.

    `accepted` is the attempt of unknown outcome that is known to be accepted by now. One that is `settled` is waited
    for by nobody any more.
    """

    steps: tuple[Step, ...]
    status: Status | None = None
    reason: Reason | None = None
    accepted: int | None = None
    settled: bool = False
    provider: str | None = None
    message_id: str | None = None

    def of(self, delivery: Delivery) -> Delivery:
        """Return the delivery as it is with it: what `DeliveryLog` writes."""
        attempts = (
            each.model_copy(update={"outcome": Outcome.ACCEPTED}) if each.attempt == self.accepted else each
            for each in delivery.attempts
        )
        return delivery.model_copy(
            update={
                "timeline": (*delivery.timeline, *self.steps),
                "attempts": tuple(attempts),
                **({} if self.status is None else {"status": self.status, "reason": self.reason}),
                **({} if self.provider is None else {"provider": self.provider}),
                **({} if self.message_id is None else {"provider_message_id": self.message_id}),
            }
        )


def is_noted(delivery: Delivery, receipt: Receipt) -> bool:
    """Say whether the timeline tells of it already."""
    return any(step.event is receipt.event and step.machine == receipt.machine for step in delivery.timeline)


def change(delivery: Delivery, receipt: Receipt, at: datetime) -> Change | None:
    """Return what a receipt makes of a delivery; None if nothing."""
    if is_noted(delivery, receipt) or delivery.status is Status.CREATED:
        return None
    counts = not (receipt.event in _OF_ONE_ATTEMPT and _is_of_another_attempt(delivery, receipt))
    settles = counts and delivery.status is Status.PENDING
    wanted, reason = _LEADS_TO.get(receipt.event, (None, None)) if counts and not receipt.machine else (None, None)
    path = _path(delivery.status, wanted, settles=settles)
    steps = [Step(status=status, at=at) for status in path]
    if path and path[-1] is wanted:
        own = None if receipt.event in _BY_RECIPIENT else receipt.event
        steps[-1] = Step(status=wanted, event=own, at=at, reason=reason)
    elif receipt.machine or (receipt.event is not Event.ACCEPTED and receipt.event not in _BY_RECIPIENT):
        steps.append(Step(event=receipt.event, machine=receipt.machine, at=at))
    if not steps:
        return None
    return Change(
        steps=tuple(steps),
        status=path[-1] if path else None,
        reason=reason if path and path[-1] is wanted else None,
        accepted=_in_doubt(delivery, receipt) if settles else None,
        settled=settles,
        provider=receipt.provider if settles and delivery.provider is None else None,
        message_id=receipt.message_id if settles and delivery.provider_message_id is None else None,
    )


def _path(current: Status, wanted: Status | None, *, settles: bool) -> Sequence[Status]:
    """Return the moves that lead there; a failure of what was taken leads through `sent`."""
    path: list[Status] = []
    if settles and wanted in (None, Status.ERROR):
        path, current = [Status.SENT], Status.SENT
    return [*path, wanted] if wanted is not None and may_move(current, wanted) else path


def _is_of_another_attempt(delivery: Delivery, receipt: Receipt) -> bool:
    """Say whether it is told of an attempt that another one has followed, as far as ids and providers tell."""
    if receipt.provider is None:
        return False
    last = delivery.provider or (delivery.attempts[-1].provider if delivery.attempts else receipt.provider)
    if receipt.provider != last:
        return True
    known, told = delivery.provider_message_id, receipt.message_id
    # SendGrid makes its message's id longer, after a dot.
    return known is not None and told is not None and told.partition(".")[0] != known.partition(".")[0]


def _in_doubt(delivery: Delivery, receipt: Receipt) -> int | None:
    """Return the number of the last attempt with this provider, if its outcome is not known and no worker tells it."""
    numbers = [
        each.attempt
        for each in delivery.attempts
        if each.provider == receipt.provider
        and (each.outcome is Outcome.UNKNOWN or (each.outcome is Outcome.STARTED and delivery.is_held))
    ]
    return numbers[-1] if numbers else None
