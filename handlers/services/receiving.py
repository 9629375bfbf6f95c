"""Taking a receipt: the address is suppressed if it says so, then the delivery's timeline and status follow.

In this order, so that who dies in between takes the receipt again. What is noted already changes nothing, and
suppresses no address that was lifted since.

A receipt takes one read; one that is news one write more, and one that suppresses an address two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from handlers.domain.channels import ADDRESSED
from handlers.domain.content.links import Link
from handlers.domain.notifications.deliveries import Delivery, Observed
from handlers.domain.notifications.machines import Visit, is_machine
from handlers.domain.notifications.outcomes import Event
from handlers.domain.notifications.receipts import SUPPRESSES, Receipt, change, is_noted
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.suppressions import Suppression
from handlers.domain.problems import Contended
from handlers.ports import Observations, Suppressing

_TIMES: Final = 8
"""How often a delivery is read anew that others were writing: as many as there are who do so at once, and a few."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes receipts. `clock` returns the aware time. Without `suppressions` it takes what suppresses nothing."""

    log: Observations
    clock: Callable[[], datetime]
    suppressions: Suppressing | None = None

    def take(self, link: Link, receipt: Receipt, visit: Visit | None = None) -> Observed | None:
        """Note a receipt, and return the delivery as it is then; None if there is no such delivery.

        With a `visit` it is told whether it was a machine's by when the delivery was sent. Raises `Contended`.
        """
        for _ in range(_TIMES):
            delivery = self.log.look(link)
            if delivery is None:
                return None
            told = receipt if visit is None else _seen(receipt, visit, delivery)
            changed = change(delivery, told, self.clock())
            if changed is None:
                return Observed(delivery, is_news=False)
            self._suppress(delivery, told)
            if self.log.apply(delivery, changed):
                return Observed(changed.of(delivery), is_news=True)
        raise Contended("The delivery was being changed by others: send it again.", retry_after=1)

    def _suppress(self, delivery: Delivery, receipt: Receipt) -> None:
        reason = SUPPRESSES.get(receipt.event)
        is_address = delivery.channel in ADDRESSED and delivery.endpoint is not None
        if self.suppressions is None or reason is None or not is_address or is_noted(delivery, receipt):
            return
        self.suppressions.add(
            Suppression(
                address=delivery.endpoint or "",
                reason=reason,
                created_at=self.clock(),
                provider=receipt.provider,
                delivery_id=delivery.delivery_id,
            )
        )


def _seen(receipt: Receipt, visit: Visit, delivery: Delivery) -> Receipt:
    """Return the receipt of an opening or a click as a machine's, if it was one's."""
    if receipt.event not in (Event.OPENED, Event.CLICKED):
        return receipt
    sent_at = next((step.at for step in delivery.timeline if step.status is Status.SENT), None)
    machine = is_machine(Visit(visit.user_agent, visit.at, visit.sent_at or sent_at, visit.provider_says_machine))
    return Receipt(receipt.event, receipt.provider, receipt.message_id, machine)
