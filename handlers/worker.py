"""Making one delivery: the same for every channel, over ports alone.

    the user opted out ──► unsubscribed
    claim ─┬─ settled ───► dropped: a duplicate
           ├─ expired ───► error
           ├─ leased, missing ──► the event goes back to the queue
           └─ claimed ─► render ─► provider ─┬─ accepted ─► sent
                             │               ├─ refused ──► error
                             └─► error       └─ unavailable, unknown ──► pending; the event goes back to the queue

Dying anywhere leaves the delivery with a lease that ends, and its event in the queue: it is claimed again. Dying
between the provider's acceptance and the write of `sent` therefore sends twice, which is the price of never losing one;
the first attempt then stands in the log as `unknown`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from handlers.domain.claims import Claimed, Refusal
from handlers.domain.deliveries import Conclusion, Delivery, Outcome, Reason
from handlers.domain.events import DeliveryRequested
from handlers.domain.messages import Message
from handlers.domain.provider_errors import (
    OutcomeUnknownError,
    RecipientRefusedError,
    RefusedError,
    UnavailableError,
)
from handlers.domain.reach import Endpoint
from handlers.domain.rendering import Content, TemplateError, render
from handlers.domain.settings import Settings
from handlers.domain.statuses import Status
from handlers.ports import DeliveryLog, Provider, TemplateStore


class Result(StrEnum):
    """What came of an event."""

    SENT = "sent"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"
    """The delivery ended in `error`."""
    DROPPED = "dropped"
    """The delivery was sent, or final, before."""
    RETRY = "retry"
    """The event must come back."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an event, and why in a word that may be logged. `cause` is an error that nobody foresaw."""

    result: Result
    why: str | None = None
    cause: Exception | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """Makes the deliveries of one channel. `clock` returns the aware time."""

    log: DeliveryLog
    templates: TemplateStore
    provider: Provider
    clock: Callable[[], datetime]

    def deliver(self, event: DeliveryRequested, settings: Settings, lease_until: datetime) -> Report:
        """Make the delivery that the event asks for, and say what came of it. Never raises: one record fails alone.

        `settings` are the user's as they are now; `lease_until` is when this invocation ends at the latest.
        """
        try:
            return self._deliver(event, settings, lease_until)
        except Exception as error:  # the log was not reached, or a mistake of ours; the lease, if any, ends by itself
            return Report(Result.RETRY, type(error).__name__, error)

    def _deliver(self, event: DeliveryRequested, settings: Settings, lease_until: datetime) -> Report:
        if not settings.allow(event.category, event.channel):
            return self._close(event, Status.UNSUBSCRIBED, Reason.OPTED_OUT)
        claim = self.log.claim(event, provider=self.provider.name, lease_until=lease_until, now=self.clock())
        if isinstance(claim, Claimed):
            return self._attempt(claim.delivery)
        if claim is Refusal.EXPIRED:
            return self._close(event, Status.ERROR, Reason.EXPIRED)
        return _refused(claim)

    def _close(self, event: DeliveryRequested, status: Status, reason: Reason) -> Report:
        refusal = self.log.close(event, status, reason, self.clock())
        if refusal is not None:
            return _refused(refusal)
        return Report(Result.UNSUBSCRIBED if status is Status.UNSUBSCRIBED else Result.FAILED, reason)

    def _attempt(self, delivery: Delivery) -> Report:
        try:
            message = self._message(delivery)
        except TemplateError:
            return self._fail(delivery, Reason.RENDERING_FAILED)
        except Exception as error:  # S3 was not reached, and nobody was sent anything
            return self._try_again(delivery, Outcome.UNAVAILABLE, type(error).__name__, error)
        return self._send(delivery, message)

    def _send(self, delivery: Delivery, message: Message) -> Report:
        try:
            message_id = self.provider.send(message)
        except RecipientRefusedError as error:
            return self._fail(delivery, Reason.RECIPIENT_REFUSED, error.code)
        except RefusedError as error:
            return self._fail(delivery, Reason.MESSAGE_REFUSED, error.code)
        except UnavailableError as error:
            return self._try_again(delivery, Outcome.UNAVAILABLE, error.code)
        except OutcomeUnknownError as error:
            return self._try_again(delivery, Outcome.UNKNOWN, error.code)
        except Exception as error:  # a mistake in the adapter; whether it had sent by then, nobody knows
            return self._try_again(delivery, Outcome.UNKNOWN, type(error).__name__, error)
        self._conclude(delivery, Outcome.ACCEPTED, status=Status.SENT, provider_message_id=message_id)
        return Report(Result.SENT)

    def _message(self, delivery: Delivery) -> Message:
        return Message(
            endpoint=Endpoint(delivery.endpoint or "", delivery.platform),
            content=render(self._content(delivery), delivery.channel, delivery.data),
            notification_id=delivery.notification_id,
            delivery_id=delivery.delivery_id,
            category=delivery.category,
        )

    def _content(self, delivery: Delivery) -> Content:
        if delivery.template is not None:
            return self.templates.load(delivery.template.key, delivery.template.version_id)
        if delivery.content is None:
            raise ValueError("a delivery that is to be sent has a template or content")
        return delivery.content

    def _fail(self, delivery: Delivery, reason: Reason, error: str | None = None) -> Report:
        self._conclude(delivery, Outcome.REFUSED, error=error, status=Status.ERROR, reason=reason)
        return Report(Result.FAILED, error or reason)

    def _try_again(self, delivery: Delivery, outcome: Outcome, code: str, cause: Exception | None = None) -> Report:
        self._conclude(delivery, outcome, error=code)
        return Report(Result.RETRY, code, cause)

    def _conclude(self, delivery: Delivery, outcome: Outcome, **details: Any) -> None:
        self.log.conclude(delivery, Conclusion(outcome=outcome, at=self.clock(), **details))


def _refused(refusal: Refusal) -> Report:
    """Return what becomes of an event whose delivery cannot be claimed: dropped if a duplicate, else tried again."""
    return Report(Result.DROPPED if refusal is Refusal.SETTLED else Result.RETRY, refusal)
