"""Making one delivery: the same for every channel, over ports alone.

    the user, or their address, opted out ──► unsubscribed
    their address or url is suppressed ──► error
    the user is not reached on the channel any more ──► error
    quiet hours ──► deferred until they end
    over a limit of the recipient's ──► deferred until it is allowed
    claim ─┬─ settled ───► dropped: a duplicate
           ├─ expired ───► error
           ├─ leased, contended, missing ──► the event goes back to the queue
           ├─ of unknown outcome too often ──► held: pending until a receipt or the time decides
           ├─ its device or chat channel is no longer the user's, or is suppressed ──► error
           └─ claimed ─► attempt ─► render ─► provider ─┬─ accepted ─► sent
                            ▲          │                ├─ refused ──► error
                            │          └─► error        ├─ unknown ──► the event goes back to the queue, or held
                            └── the next provider ◄─────┴─ unavailable

When no provider can be asked, or there is no time left to ask one, the event goes back to the queue as well: it is
late, not lost. An unknown outcome is not given to the next provider at once, since both might deliver it: most answers
that are late were an acceptance. It waits until the event is back, and is sent again then, by another provider if there
is one; but only as often as its category says (`unknown_retries`), once by default. After that it is held.

Dying anywhere leaves the delivery with a lease that ends, and its event in the queue: it is claimed again. Dying
between the provider's acceptance and the write of `sent` therefore sends twice, which is the price of never losing one;
the first attempt then stands in the log as `unknown`, and counts as such.
"""

from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

from handlers.domain.channels import ADDRESSED, REGISTRY
from handlers.domain.content import sizes, sms
from handlers.domain.content.link_tracking import with_tracked_links
from handlers.domain.content.links import Links
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import Content, RenderedContent, TemplateError, render, with_text_part
from handlers.domain.content.templates import TemplateGoneError
from handlers.domain.notifications.claims import Claimed, Refusal, Undecided
from handlers.domain.notifications.deliveries import Conclusion, Delivery, Outcome, Reason, is_unknown
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import NOBODY, Person, accepted
from handlers.domain.people.reach import Endpoint
from handlers.domain.people.same_address import address_key
from handlers.domain.problems import Contended
from handlers.domain.providers.errors import (
    EndpointGoneError,
    ProviderError,
    RecipientRefusedError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.domain.providers.retries import AFTER_UNKNOWN
from handlers.ports import Attempts, DeadEndpoints, DeliveryLog, RecipientLimits, TemplateVersions
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

UNKNOWN_RETRIES: Final = 1
"""How often a delivery is sent again after an attempt of unknown outcome, in a category that does not say."""

UNFORESEEN: Final = "unforeseen"
"""The code of an attempt that ended in an error of ours; the worker's log has its kind."""


class Result(StrEnum):
    """What came of an event."""

    SENT = "sent"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"
    """The delivery ended in `error`."""
    DEFERRED = "deferred"
    """It is quiet at the user's, or they have had enough: the sweeper publishes the event again when that is over."""
    HELD = "held"
    """Nobody knows whether the delivery was sent, and it is not sent again."""
    DROPPED = "dropped"
    """The delivery was sent, or final, or held before."""
    RETRY = "retry"
    """The event must come back."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an event, and why in a word that may be logged. `cause` is an error that nobody foresaw.

    An event that must come back is not to do so before `patience` has passed. `others` is what came of further
    deliveries that it has brought about: the entries of a digest (`services.digesting`).
    """

    result: Result
    why: str | None = None
    cause: Exception | None = None
    patience: timedelta = timedelta()
    others: tuple[tuple[DeliveryRequested, "Report"], ...] = ()


@dataclass(frozen=True, slots=True)
class Barred:
    """What keeps a delivery from being sent now: it ends in the status, or waits until then."""

    reason: Reason
    status: Status | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """Nothing does, but what the delivery's own endpoint may: what is known of all, and of whom it is for; and, if it
    is to go elsewhere than was planned, the address.
    """

    people: Mapping[str, Person]
    person: Person
    address: str | None

    def unreachable(self, delivery: Delivery) -> Reason | None:
        """Return why a claimed delivery's endpoint is not sent to, if it is not; an address has been looked up before.

        Of devices and chat channels a user may have many, and only the delivery knows which of them it was for.
        """
        if delivery.user_id is None or delivery.channel in ADDRESSED:
            return None
        endpoint = Endpoint(delivery.endpoint or "", delivery.platform)
        if self.person.reach is None or not self.person.reach.has(delivery.channel, endpoint):
            return Reason.NO_ENDPOINT
        is_suppressed = self.people.get(address_key(endpoint.address), NOBODY).suppressed
        return Reason.SUPPRESSED if is_suppressed else None


@dataclass(frozen=True, slots=True)
class Worker:
    """Makes the deliveries of one channel. `clock` returns the aware time."""

    log: DeliveryLog
    templates: TemplateVersions
    links: Links
    chain: Chain
    clock: Callable[[], datetime]
    dead: DeadEndpoints | None = None
    """Takes the endpoints that a provider calls dead, on the channels whose providers say so."""
    critical: AbstractSet[str] = frozenset()
    """The categories that are sent in quiet hours too, and whatever was opted out of."""
    tracked: AbstractSet[str] = frozenset()
    """The categories whose links, in HTML, all lead through the click redirect."""
    max_segments: int = sms.MAX_SEGMENTS
    """In how many parts a text message may go."""
    limits: RecipientLimits | None = None
    """How many messages a recipient gets, of what is not critical; without it, as many as there are."""
    unknown_retries: Mapping[str, int] = field(default_factory=dict)
    """By category, how often a delivery is sent again after an attempt of unknown outcome."""
    decided_after: timedelta = timedelta(days=1)
    """For how long a delivery that is held waits for a receipt."""

    def deliver(
        self,
        event: DeliveryRequested,
        people: Mapping[str, Person],
        lease_until: datetime,
        payload: Payload | None = None,
    ) -> Report:
        """Make the delivery that the event asks for, and say what came of it. Never raises: one record fails alone.

        `people` are what is known now of its user and of the address it goes to (`ports.Recipients`); `lease_until` is
        when this invocation ends at the latest; `payload` what its notification says, unless the delivery carries that.
        """
        try:
            return self._deliver(event, people, lease_until, payload)
        except Contended:  # others were writing it, for as long as it was tried
            return Report(Result.RETRY, Refusal.CONTENDED)
        except Exception as error:  # the log was not reached, or a mistake of ours; the lease, if any, ends by itself
            return Report(Result.RETRY, type(error).__name__, error)

    def _deliver(
        self, event: DeliveryRequested, people: Mapping[str, Person], lease_until: datetime, payload: Payload | None
    ) -> Report:
        found = self.looked_at(event, people)
        if isinstance(found, Barred):
            return self.bar(event, found)
        return self._claim(event, found, lease_until, payload)

    def looked_at(self, event: DeliveryRequested, people: Mapping[str, Person]) -> Barred | Open:
        """Say whether the delivery may be sent, by what is known now of whom it is for; takes its place in limits."""
        is_critical = event.category in self.critical
        person = people.get(event.user_id or event.address_key or "", NOBODY)
        # Where the user is reached now. A bare address stays what it is, and so does one of a user's urls.
        address = person.address_on(event.channel) if event.user_id is not None else None
        is_users_address = event.user_id is not None and event.channel in ADDRESSED
        to = (address and address_key(address)) if is_users_address else event.address_key
        if not is_critical and not accepted(people, (event.user_id, to), event.category, event.channel):
            return Barred(Reason.OPTED_OUT, Status.UNSUBSCRIBED)
        if to is not None and people.get(to, NOBODY).suppressed:
            return Barred(Reason.SUPPRESSED, Status.ERROR)
        if event.user_id is not None and not (person.reach and person.reach.on(event.channel)):
            return Barred(Reason.NO_ENDPOINT, Status.ERROR)
        quiet_until = None if is_critical else person.settings.quiet_until(self.clock())
        if quiet_until is not None:
            return Barred(Reason.QUIET_HOURS, until=quiet_until)
        slot = None if is_critical else self._slot(event)
        if slot is not None:
            # In quiet hours its time would be lost: after them it asks for another.
            quiet_until = person.settings.quiet_until(slot)
            reason = Reason.QUIET_HOURS if quiet_until else Reason.RATE_LIMITED
            return Barred(reason, until=quiet_until or slot)
        return Open(people, person, None if to == event.address_key else address)

    def bar(self, event: DeliveryRequested, barred: Barred) -> Report:
        """End a delivery, or let it wait, as what keeps it from being sent asks for."""
        if barred.status is not None:
            return self.close(event, barred.status, barred.reason)
        if barred.until is None:
            raise ValueError("what is barred ends in a status, or waits until a time")
        return self._defer(event, barred.until, barred.reason)

    def _claim(
        self,
        event: DeliveryRequested,
        found: Open,
        lease_until: datetime,
        payload: Payload | None,
    ) -> Report:
        """Make the delivery if this worker gets it; if an address was found, it goes there from now on."""
        # An event that does not tell the platform, where that matters, has its attempt begun in a second write.
        is_known = event.platform is not None or self.chain.serves_any_platform
        turn = self.chain.next(event.platform) if is_known else None
        named = turn.provider.name if turn else None
        claim = self.log.claim(
            event,
            provider=named,
            lease_until=lease_until,
            now=self.clock(),
            unknown_retries=self.retries_of(event.category),
            address=found.address,
        )
        if isinstance(claim, Claimed):
            reason = found.unreachable(claim.delivery)
            if reason is not None:
                if claim.begun:
                    return self._conclude(claim.delivery, _Answer(Outcome.REFUSED, reason=reason))
                self.log.release(claim.delivery, self.clock())
                return self.close(event, Status.ERROR, reason)
            return self._attempt(claim, claim.payload or payload, turn, lease_until)
        if isinstance(claim, Undecided):
            return self.hold(event, claim.delivery)
        if claim is Refusal.EXPIRED:
            return self.close(event, Status.ERROR, Reason.EXPIRED)
        return refused(claim)

    def _slot(self, event: DeliveryRequested) -> datetime | None:
        """Return when a delivery may go by its recipient's limits, None if at once; what was told its time has it."""
        now = self.clock()
        if event.slot is not None:
            slot = datetime.fromisoformat(event.slot)
        else:
            slot = now if self.limits is None else self.limits.slot(event, now)
        return slot if slot > now else None

    def _defer(self, event: DeliveryRequested, until: datetime, reason: Reason) -> Report:
        refusal = self.log.defer(event, until, self.clock(), reason)
        if refusal is Refusal.EXPIRED:
            return self.close(event, Status.ERROR, Reason.EXPIRED)
        return Report(Result.DEFERRED, reason) if refusal is None else refused(refusal)

    def close(self, event: DeliveryRequested, status: Status, reason: Reason) -> Report:
        """End a delivery that nobody holds, without an attempt."""
        refusal = self.log.close(event, status, reason, self.clock())
        if refusal is not None:
            return refused(refusal)
        return Report(Result.UNSUBSCRIBED if status is Status.UNSUBSCRIBED else Result.FAILED, reason)

    def hold(self, event: DeliveryRequested, delivery: Delivery) -> Report:
        """Let a delivery of unknown outcome wait for its receipt; or end it, as the time for that is over."""
        until = self._held_until(delivery, delivery.attempts[-1].at)
        if self.clock() >= until:
            return self.close(event, Status.ERROR, Reason.OUTCOME_UNKNOWN)
        self.log.hold(delivery, until, self.clock())
        was_held = delivery.reason is Reason.OUTCOME_UNKNOWN
        return Report(Result.DROPPED if was_held else Result.HELD, Reason.OUTCOME_UNKNOWN)

    def _held_until(self, delivery: Delivery, since: datetime) -> datetime:
        until = since + self.decided_after
        return until if delivery.expires_at is None else min(until, delivery.expires_at)

    def retries_of(self, category: str) -> int:
        """Return how often a delivery is sent again after an attempt of unknown outcome."""
        return self.unknown_retries.get(category, UNKNOWN_RETRIES)

    def turn(self, delivery: Delivery, taken: Turn | None) -> Turn | None:
        """Return whose turn it is: somebody's of whom no outcome is unknown, before whose turn it would be."""
        doubtful = {each.provider for each in delivery.attempts if is_unknown(each)}
        other = self.chain.next(delivery.platform, doubtful) if doubtful else None
        return other or taken or self.chain.next(delivery.platform)

    def _attempt(self, claim: Claimed, payload: Payload | None, turn: Turn | None, lease_until: datetime) -> Report:
        """Make the attempt that the claim has begun with a turn, or begin one now."""
        delivery = claim.delivery
        if turn is None or not claim.begun:
            turn = self.turn(delivery, turn)
            if turn is None:
                self.log.release(delivery, self.clock())
                return Report(Result.RETRY, NO_PROVIDER)
            begun = self.log.begin(delivery, provider=turn.provider.name, now=self.clock())
            if begun is None:
                return refused(Refusal.LEASED)
            delivery = begun
        try:
            message = self.message(delivery, payload)
            sizes.check([message], delivery.channel, self.max_segments)
        except TemplateGoneError:
            return self._conclude(delivery, _Answer(Outcome.REFUSED, reason=Reason.TEMPLATE_GONE))
        except TemplateError as error:
            reason = error.reason if isinstance(error, sizes.UnsendableError) else Reason.RENDERING_FAILED
            return self._conclude(delivery, _Answer(Outcome.REFUSED, reason=reason))
        except Exception as error:  # S3 or KMS was not reached, and nobody was sent anything
            return self._conclude(delivery, _Answer(Outcome.UNAVAILABLE, NOT_READ, cause=error))
        return self.send(delivery, message, turn, lease_until)

    def send(
        self, delivery: Delivery, message: Message, turn: Turn, lease_until: datetime, log: Attempts | None = None
    ) -> Report:
        """Ask one provider after the other until one answers, each in an attempt that is begun before.

        If none serves us, the event is to come back as soon as one of them may be asked again. With another `log`, it
        is told there what becomes of the attempts.
        """
        log = log or self.log
        asked: dict[str, timedelta] = {}
        segments = sms.segments(message.content.body) if REGISTRY[delivery.channel].in_segments else None
        while True:
            answer = replace(self._ask(turn, message), segments=segments)
            asked[turn.provider.name] = answer.patience
            following = self._following(answer, delivery, asked, lease_until)
            if following is None:
                report = self._conclude(delivery, answer, log)
                return report if answer.outcome is Outcome.UNKNOWN else replace(report, patience=min(asked.values()))
            now = self.clock()
            begun = log.begin(delivery, provider=following.provider.name, now=now, after=answer.conclusion(now))
            if begun is None:
                self._conclude(delivery, answer, log)
                return refused(Refusal.LEASED)
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

    def _conclude(self, delivery: Delivery, answer: "_Answer", log: Attempts | None = None) -> Report:
        conclusion = self.concluded(delivery, answer.conclusion(self.clock()))
        (log or self.log).conclude(delivery, conclusion)
        if conclusion.held_until is not None:
            return Report(Result.HELD, answer.code, answer.unforeseen)
        if isinstance(answer.cause, EndpointGoneError):
            return self._put_aside(delivery, answer)
        if answer.outcome is Outcome.ACCEPTED:
            return Report(Result.SENT)
        result = Result.FAILED if answer.outcome is Outcome.REFUSED else Result.RETRY
        return Report(result, answer.code or answer.reason, answer.unforeseen, answer.patience)

    def concluded(self, delivery: Delivery, conclusion: Conclusion) -> Conclusion:
        """Return what came of this delivery's last attempt: held, if too often nobody knows whether it was sent."""
        if conclusion.outcome is not Outcome.UNKNOWN or delivery.doubts <= self.retries_of(delivery.category):
            return conclusion
        held_until = self._held_until(delivery, conclusion.at)
        return conclusion.model_copy(update={"reason": Reason.OUTCOME_UNKNOWN, "held_until": held_until})

    def _put_aside(self, delivery: Delivery, answer: "_Answer") -> Report:
        """Put a dead endpoint aside; what keeps us from it is told and no more: the delivery is settled."""
        if self.dead is None:
            return Report(Result.FAILED, answer.code)
        try:
            self.dead.put_aside(delivery, self.clock())
        except Exception as error:
            return Report(Result.FAILED, answer.code, error)
        return Report(Result.FAILED, answer.code)

    def message(self, delivery: Delivery, payload: Payload | None) -> Message:
        """Return what is sent; raise `TemplateError` when it cannot be written, `TemplateGoneError` when it is gone."""
        if payload is None:
            raise ValueError("a delivery that is to be sent carries what it says, or its notification does")
        links = self.links.variables(delivery.notification_id, delivery.delivery_id)
        data = {**payload.data, **links}
        content = render(self._content(delivery, payload), delivery.channel, data, delivery.platform)
        if REGISTRY[delivery.channel].is_html:
            content = self._with_tracked_links(with_text_part(content), delivery)
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

    def _with_tracked_links(self, content: RenderedContent, delivery: Delivery) -> RenderedContent:
        """Return the content with its HTML's links through us, if its category asks for that; the text stays."""
        if delivery.category not in self.tracked:
            return content
        tracked = partial(self.links.clicked, delivery.notification_id, delivery.delivery_id)
        body = with_tracked_links(content.body, self.links.base_url, tracked)
        return content.model_copy(update={"body": body})

    def _content(self, delivery: Delivery, payload: Payload) -> Content:
        if delivery.template is not None:
            return self.templates.load(delivery.template.key, delivery.template.version_id)
        if payload.content is None:
            raise ValueError("a delivery that is to be sent has a template or content")
        return payload.content


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


def refused(refusal: Refusal) -> Report:
    """Return what becomes of an event whose delivery cannot be claimed: dropped if a duplicate, else tried again."""
    return Report(Result.DROPPED if refusal is Refusal.SETTLED else Result.RETRY, refusal)
