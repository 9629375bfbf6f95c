"""Making one delivery: the same for every channel, over ports alone.

    the user, or their address, opted out ──► unsubscribed
    the user is not reached on the channel any more ──► error
    quiet hours ──► deferred until they end
    claim ─┬─ settled ───► dropped: a duplicate
           ├─ expired ───► error
           ├─ leased, contended, missing ──► the event goes back to the queue
           ├─ its device or chat channel is no longer the user's ──► error
           └─ claimed ─► attempt ─► render ─► provider ─┬─ accepted ─► sent
                            ▲          │                ├─ refused ──► error
                            │          └─► error        ├─ unknown ──► pending; the event goes back to the queue
                            └── the next provider ◄─────┴─ unavailable

When no provider can be asked, or there is no time left to ask one, the event goes back to the queue as well: it is
late, not lost. An unknown outcome is not given to the next provider at once, since both might deliver it: most answers
that are late were an acceptance. It waits until the event is back, and is sent again then, by whoever's turn it is.

Dying anywhere leaves the delivery with a lease that ends, and its event in the queue: it is claimed again. Dying
between the provider's acceptance and the write of `sent` therefore sends twice, which is the price of never losing one;
the first attempt then stands in the log as `unknown`.
"""

from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from handlers.domain.content import sizes, sms
from handlers.domain.content.links import Links
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import Content, TemplateError, render, with_text_part
from handlers.domain.content.templates import TemplateGoneError
from handlers.domain.notifications.claims import Claimed, Refusal
from handlers.domain.notifications.deliveries import Conclusion, Delivery, Outcome, Reason
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import NOBODY, Person, accepted
from handlers.domain.people.reach import Endpoint
from handlers.domain.people.same_address import ADDRESSED, address_key
from handlers.domain.problems import Contended
from handlers.domain.providers.errors import (
    ProviderError,
    RecipientRefusedError,
    RefusedError,
    ThrottledError,
    UnavailableError,
    UnregisteredError,
)
from handlers.domain.providers.retries import AFTER_UNKNOWN
from handlers.ports import DeliveryLog, Devices, TemplateStore
from handlers.services.failover import Chain, Turn

FOR_ONE_CALL: Final = timedelta(seconds=16)
"""What must be left of the invocation to begin another attempt: a call to a provider takes twelve seconds at most, and
telling the queue when to bring back what failed three.

Some need two calls now and then, for a token first. If both are as slow as that, the invocation may end in between, and
the attempt is read as `unknown`.
"""

NO_PROVIDER: Final = "no_provider"
"""Why an event goes back to the queue when every provider is off, has no credentials or has an open circuit."""


NOT_READ: Final = "template_not_read"
"""The code of an attempt that ended before a provider was asked: the template, or the key of links, was not there."""

UNFORESEEN: Final = "unforeseen"
"""The code of an attempt that ended in an error of ours; the worker's log has its kind."""


class Result(StrEnum):
    """What came of an event."""

    SENT = "sent"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"
    """The delivery ended in `error`."""
    DEFERRED = "deferred"
    """It is quiet at the user's: the sweeper publishes the event again when that is over."""
    DROPPED = "dropped"
    """The delivery was sent, or final, before."""
    RETRY = "retry"
    """The event must come back."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an event, and why in a word that may be logged. `cause` is an error that nobody foresaw.

    An event that must come back is not to do so before `patience` has passed.
    """

    result: Result
    why: str | None = None
    cause: Exception | None = None
    patience: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Worker:
    """Makes the deliveries of one channel. `clock` returns the aware time."""

    log: DeliveryLog
    templates: TemplateStore
    links: Links
    chain: Chain
    clock: Callable[[], datetime]
    devices: Devices | None = None
    """Where dead device tokens are forgotten, on the channel that has any."""
    critical: AbstractSet[str] = frozenset()
    """The categories that are sent in quiet hours too, and whatever was opted out of."""
    max_segments: int = sms.MAX_SEGMENTS
    """In how many parts a text message may go."""

    def deliver(self, event: DeliveryRequested, people: Mapping[str, Person], lease_until: datetime) -> Report:
        """Make the delivery that the event asks for, and say what came of it. Never raises: one record fails alone.

        `people` are what is known now of its user and of the address it goes to (`ports.Recipients`); `lease_until` is
        when this invocation ends at the latest.
        """
        try:
            return self._deliver(event, people, lease_until)
        except Contended:  # others were writing it, for as long as it was tried
            return Report(Result.RETRY, Refusal.CONTENDED)
        except Exception as error:  # the log was not reached, or a mistake of ours; the lease, if any, ends by itself
            return Report(Result.RETRY, type(error).__name__, error)

    def _deliver(self, event: DeliveryRequested, people: Mapping[str, Person], lease_until: datetime) -> Report:
        is_critical = event.category in self.critical
        person = people.get(event.user_id or event.address_key or "", NOBODY)
        # Where the user is reached now. A bare address stays what it is.
        address = person.address_on(event.channel) if event.user_id is not None else None
        to = event.address_key if event.user_id is None else address and address_key(address)
        if not is_critical and not accepted(people, (event.user_id, to), event.category, event.channel):
            return self._close(event, Status.UNSUBSCRIBED, Reason.OPTED_OUT)
        if event.user_id is not None and not (person.reach and person.reach.on(event.channel)):
            return self._close(event, Status.ERROR, Reason.NO_ENDPOINT)
        quiet_until = None if is_critical else person.settings.quiet_until(self.clock())
        if quiet_until is not None:
            return self._defer(event, quiet_until)
        # Only the delivery knows its platform, so where that matters the attempt is begun in a second write.
        turn = self.chain.next(None) if self.chain.serves_any_platform else None
        named = turn.provider.name if turn else None
        claim = self.log.claim(
            event,
            provider=named,
            lease_until=lease_until,
            now=self.clock(),
            address=None if to == event.address_key else address,
        )
        if isinstance(claim, Claimed):
            if not _is_still_reached(claim.delivery, person):
                self.log.release(claim.delivery, self.clock())
                return self._close(event, Status.ERROR, Reason.NO_ENDPOINT)
            return self._attempt(claim.delivery, turn, lease_until)
        if claim is Refusal.EXPIRED:
            return self._close(event, Status.ERROR, Reason.EXPIRED)
        return _refused(claim)

    def _defer(self, event: DeliveryRequested, until: datetime) -> Report:
        refusal = self.log.defer(event, until, self.clock())
        if refusal is Refusal.EXPIRED:
            return self._close(event, Status.ERROR, Reason.EXPIRED)
        return Report(Result.DEFERRED, Reason.QUIET_HOURS) if refusal is None else _refused(refusal)

    def _close(self, event: DeliveryRequested, status: Status, reason: Reason) -> Report:
        refusal = self.log.close(event, status, reason, self.clock())
        if refusal is not None:
            return _refused(refusal)
        return Report(Result.UNSUBSCRIBED if status is Status.UNSUBSCRIBED else Result.FAILED, reason)

    def _attempt(self, delivery: Delivery, turn: Turn | None, lease_until: datetime) -> Report:
        """Make the attempt that the claim has begun with a turn, or begin one now."""
        if turn is None:
            turn = self.chain.next(delivery.platform)
            if turn is None:
                self.log.release(delivery, self.clock())
                return Report(Result.RETRY, NO_PROVIDER)
            begun = self.log.begin(delivery, provider=turn.provider.name, now=self.clock())
            if begun is None:
                return _refused(Refusal.LEASED)
            delivery = begun
        try:
            message = self._message(delivery)
            sizes.check([message], delivery.channel, self.max_segments)
        except TemplateGoneError:
            return self._conclude(delivery, _Answer(Outcome.REFUSED, reason=Reason.TEMPLATE_GONE))
        except TemplateError as error:
            reason = error.reason if isinstance(error, sizes.UnsendableError) else Reason.RENDERING_FAILED
            return self._conclude(delivery, _Answer(Outcome.REFUSED, reason=reason))
        except Exception as error:  # S3 or KMS was not reached, and nobody was sent anything
            return self._conclude(delivery, _Answer(Outcome.UNAVAILABLE, NOT_READ, cause=error))
        return self._send(delivery, message, turn, lease_until)

    def _send(self, delivery: Delivery, message: Message, turn: Turn, lease_until: datetime) -> Report:
        """Ask one provider after the other until one answers, each in an attempt that is begun before.

        If none serves us, the event is to come back as soon as one of them may be asked again.
        """
        asked: dict[str, timedelta] = {}
        segments = sms.segments(message.content.body) if delivery.channel == "sms" else None
        while True:
            answer = replace(self._ask(turn, message), segments=segments)
            asked[turn.provider.name] = answer.patience
            following = self._following(answer, delivery, asked, lease_until)
            if following is None:
                report = self._conclude(delivery, answer)
                return report if answer.outcome is Outcome.UNKNOWN else replace(report, patience=min(asked.values()))
            now = self.clock()
            begun = self.log.begin(delivery, provider=following.provider.name, now=now, after=answer.conclusion(now))
            if begun is None:
                self._conclude(delivery, answer)
                return _refused(Refusal.LEASED)
            delivery, turn = begun, following

    def _ask(self, turn: Turn, message: Message) -> "_Answer":
        try:
            message_id = turn.provider.send(message)
        except Exception as error:
            self.chain.tell(turn, error)
            return _answer(error)
        self.chain.tell(turn, None)
        return _Answer(Outcome.ACCEPTED, message_id=message_id)

    def _following(
        self, answer: "_Answer", delivery: Delivery, asked: Collection[str], lease_until: datetime
    ) -> Turn | None:
        """Return whose turn is next, if there is one and time to take it."""
        if answer.outcome is not Outcome.UNAVAILABLE or self.clock() + FOR_ONE_CALL > lease_until:
            return None
        if isinstance(answer.cause, ThrottledError) and answer.cause.of_endpoint:
            return None  # the address has had enough for now, whoever would bring it more
        return self.chain.next(delivery.platform, asked)

    def _conclude(self, delivery: Delivery, answer: "_Answer") -> Report:
        self.log.conclude(delivery, answer.conclusion(self.clock()))
        if isinstance(answer.cause, UnregisteredError):
            return self._forget(delivery, answer)
        if answer.outcome is Outcome.ACCEPTED:
            return Report(Result.SENT)
        result = Result.FAILED if answer.outcome is Outcome.REFUSED else Result.RETRY
        return Report(result, answer.code or answer.reason, answer.unforeseen, answer.patience)

    def _forget(self, delivery: Delivery, answer: "_Answer") -> Report:
        """Remove a dead token from the contact; what keeps us from it is told and no more: the delivery is settled."""
        if self.devices is None or delivery.user_id is None or not delivery.endpoint or not delivery.platform:
            return Report(Result.FAILED, answer.code)
        try:
            self.devices.forget(delivery.user_id, delivery.platform, delivery.endpoint)
        except Exception as error:
            return Report(Result.FAILED, answer.code, error)
        return Report(Result.FAILED, answer.code)

    def _message(self, delivery: Delivery) -> Message:
        links = self.links.variables(delivery.notification_id, delivery.delivery_id)
        data = {**delivery.data, **links}
        content = render(self._content(delivery), delivery.channel, data, delivery.platform)
        if delivery.channel == "email":
            content = with_text_part(content)
        return Message(
            endpoint=Endpoint(delivery.endpoint or "", delivery.platform),
            content=content,
            notification_id=delivery.notification_id,
            delivery_id=delivery.delivery_id,
            category=delivery.category,
            unsubscribe_url=None if delivery.category in self.critical else links["unsubscribe_url"],
            priority=delivery.priority,
            expires_at=delivery.expires_at,
        )

    def _content(self, delivery: Delivery) -> Content:
        if delivery.template is not None:
            return self.templates.load(delivery.template.key, delivery.template.version_id)
        if delivery.content is None:
            raise ValueError("a delivery that is to be sent has a template or content")
        return delivery.content


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a call came to, or what kept us from making it. `code` is the provider's word, `cause` the error itself."""

    outcome: Outcome
    code: str | None = None
    reason: Reason | None = None
    message_id: str | None = None
    segments: int | None = None
    cause: Exception | None = None

    @property
    def unforeseen(self) -> Exception | None:
        """The error, unless it is one of those that providers are expected to make."""
        return None if isinstance(self.cause, ProviderError) else self.cause

    @property
    def patience(self) -> timedelta:
        """For how long it makes no sense to try again."""
        if self.outcome is Outcome.UNKNOWN:
            return AFTER_UNKNOWN
        seconds = self.cause.retry_after if isinstance(self.cause, ThrottledError) else None
        return timedelta(seconds=seconds or 0)

    def conclusion(self, at: datetime) -> Conclusion:
        """Return what the log is told."""
        return Conclusion(
            outcome=self.outcome,
            at=at,
            error=self.code,
            status={Outcome.ACCEPTED: Status.SENT, Outcome.REFUSED: Status.ERROR}.get(self.outcome),
            reason=self.reason,
            provider_message_id=self.message_id,
            segments=self.segments,
        )


def _is_still_reached(delivery: Delivery, person: Person) -> bool:
    """Say whether the endpoint of a claimed delivery is the user's still; their address is, having been looked up.

    Of devices and chat channels a user may have many, and only the delivery knows which of them it was for.
    """
    if delivery.user_id is None or delivery.channel in ADDRESSED:
        return True
    endpoint = Endpoint(delivery.endpoint or "", delivery.platform)
    return person.reach is not None and person.reach.has(delivery.channel, endpoint)


def _answer(error: Exception) -> _Answer:
    match error:
        case RecipientRefusedError():
            return _Answer(Outcome.REFUSED, error.code, Reason.RECIPIENT_REFUSED, cause=error)
        case RefusedError():
            return _Answer(Outcome.REFUSED, error.code, Reason.MESSAGE_REFUSED, cause=error)
        case UnavailableError():
            return _Answer(Outcome.UNAVAILABLE, error.code, cause=error)
        case ProviderError():
            return _Answer(Outcome.UNKNOWN, error.code, cause=error)
        case _:  # a mistake in the adapter; whether it had sent by then, nobody knows
            return _Answer(Outcome.UNKNOWN, UNFORESEEN, cause=error)


def _refused(refusal: Refusal) -> Report:
    """Return what becomes of an event whose delivery cannot be claimed: dropped if a duplicate, else tried again."""
    return Report(Result.DROPPED if refusal is Refusal.SETTLED else Result.RETRY, refusal)
