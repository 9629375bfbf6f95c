"""Making a digest: one message of what several deliveries of a recipient say, over ports alone.

    an entry's event ──► all its entries that are still to be sent
    barred (opted out, not reached, quiet hours, a limit) ──► each of them, as a single delivery is
    take the digest ─┬─ somebody else has it ──► the event goes back to the queue
                     └─ taken ─► claim each entry ─┬─ settled, expired, held ──► as a single delivery is
                                                   ├─ its outcome was told of the digest ──► told of it as well
                                                   └─ claimed ─► render ─► begin an attempt at each ─► provider
                                    what came of it ──► told of the digest, in one write ──► told of each entry

Each entry is a delivery like any other: it is claimed, begun and concluded by the log's own conditional writes, so
cancel, expiry and the count of unknown outcomes hold for each by itself. What is done for all of them at once is to
hold the digest, to render, and to ask a provider.

Dying before the provider is asked leaves nothing but leases that end. Dying between the provider's acceptance and the
write that tells it of the digest sends all of them again, as often as their category lets that be: it is the one write
that closes this window, however many entries there are. Dying after it leaves entries to be told by whoever comes next.

What may have been sent already is sent again by itself, so that a repeated message lists what the first one did. An
entry that comes when its digest was sent is in a further message of the same digest; and so is what a message has no
room for.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

from handlers.domain.channels import REGISTRY
from handlers.domain.content import sizes
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import TemplateError, digest_item, render, with_text_part
from handlers.domain.content.templates import TemplateGoneError
from handlers.domain.notifications.claims import Claimed, Refusal, Undecided
from handlers.domain.notifications.deliveries import Conclusion, Delivery, Outcome, Priority, Reason, is_unknown
from handlers.domain.notifications.digests import MOST_ENTRIES, DigestLease, digest_data
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.problems import Contended
from handlers.ports import Digests, Recipients
from handlers.services.delivering import (
    NO_PROVIDER,
    NOT_READ,
    Barred,
    Open,
    Report,
    Result,
    Worker,
    refused,
)

CONTINUES: Final = "digest_continues"
"""Why an event comes back though its message was sent: there are entries that were not in it."""

_AT_ONCE: Final = 10
"""Writes at a time: as many connections as boto3 keeps."""

_Listed = tuple[Delivery, Payload, Message]
"""An entry, what it says, and the message that it would be by itself."""

G = TypeVar("G")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Gives events to the worker, and makes digests of those that are entries of one."""

    worker: Worker
    digests: Digests
    recipients: Recipients

    def deliver(
        self,
        event: DeliveryRequested,
        people: Mapping[str, Person],
        lease_until: datetime,
        payload: Payload | None = None,
    ) -> Report:
        """Make the delivery that the event asks for, with the others of its digest if it is in one. Never raises."""
        if event.digest_id is None:
            return self.worker.deliver(event, people, lease_until, payload)
        try:
            return self._gather(event, event.digest_id, people, lease_until)
        except Contended:  # others were writing one of them, for as long as it was tried
            return Report(Result.RETRY, Refusal.CONTENDED)
        except Exception as error:  # the log was not reached, or a mistake of ours; the leases end by themselves
            return Report(Result.RETRY, type(error).__name__, error)

    def _gather(
        self, event: DeliveryRequested, digest_id: str, people: Mapping[str, Person], lease_until: datetime
    ) -> Report:
        found = [each for each in self.digests.entries(digest_id) if each.delivery_id != event.delivery_id]
        # Its own first: it may be too new to be found, and its slot is known.
        entries = [event, *(replace(each, digest_id=digest_id) for each in found)]
        met = self.worker.looked_at(event, people)
        if isinstance(met, Barred):
            reports = _side_by_side(lambda each: self.worker.bar(each, met), entries)
            return _of_all(event, list(zip(entries, reports, strict=True)), left=False)
        taken = self.digests.take(digest_id, lease_until, self.worker.clock())
        if taken is None:
            return refused(Refusal.LEASED)
        made = _Round(self, digest_id, taken, lease_until, met, left=len(entries) > MOST_ENTRIES)
        try:
            made.make(entries[:MOST_ENTRIES])
        finally:
            if not made.told:
                self.digests.leave(digest_id, taken)
        return _of_all(event, made.reports, left=made.left, last=made.last, cause=made.cause)


@dataclass(slots=True)
class _Round:
    """One try at a digest. To the worker that sends it is the log: what it writes is written of each entry."""

    gatherer: Gatherer
    digest_id: str
    taken: DigestLease
    lease_until: datetime
    met: Open
    left: bool
    """Whether entries are left, for which the event must come back."""
    told: bool = False
    last: Report | None = None
    """What came of the message, if one was sent or could have been."""
    cause: Exception | None = None
    """Why it could not be told of the digest."""
    reports: list[tuple[DeliveryRequested, Report]] = field(default_factory=list)
    _sending: list[Delivery] = field(default_factory=list)

    @property
    def _worker(self) -> Worker:
        return self.gatherer.worker

    def make(self, entries: Sequence[DeliveryRequested]) -> None:
        """Claim the entries and send those that are to be sent."""
        claims = _side_by_side(self._claim, entries)
        claimed = [each for entry, claim in zip(entries, claims, strict=True) if (each := self._ready(entry, claim))]
        claimed.sort(key=lambda each: (each.delivery.created_at, each.delivery.delivery_id))
        if doubtful := [each for each in claimed if any(map(is_unknown, each.delivery.attempts))]:
            self._let_go([each.delivery for each in claimed if each not in doubtful])
            claimed = doubtful
        if claimed:
            self._send(self._with_payloads(claimed))

    # -- what is there to be sent ----------------------------------------------------------------------------------

    def _claim(self, entry: DeliveryRequested) -> Claimed | Undecided | Refusal:
        """Lease an entry, without an attempt: that is begun when it is known what is in the message."""
        return self._worker.log.claim(
            entry,
            provider=None,
            lease_until=self.lease_until,
            now=self._worker.clock(),
            unknown_retries=self._worker.retries_of(entry.category),
            address=self.met.address,
        )

    def _ready(self, entry: DeliveryRequested, claim: Claimed | Undecided | Refusal) -> Claimed | None:
        """Return the claim of what is to be sent; do for any other what is to be done."""
        if isinstance(claim, Refusal):
            is_over = claim is Refusal.EXPIRED
            report = self._worker.close(entry, Status.ERROR, Reason.EXPIRED) if is_over else refused(claim)
            self.reports.append((entry, report))
            return None
        told = self.taken.of(claim.delivery)
        if told is not None:
            self._conclude(claim.delivery, told)
            return None
        if isinstance(claim, Undecided):
            self.reports.append((entry, self._worker.hold(entry, claim.delivery)))
            return None
        reason = self.met.unreachable(claim.delivery)
        if reason is not None:
            self._end(claim.delivery, reason)
            return None
        return claim

    def _with_payloads(self, claimed: Sequence[Claimed]) -> list[tuple[Delivery, Payload]]:
        """Return the deliveries with what they say; those of which that is not there are let go."""
        away = [each.delivery.event() for each in claimed if each.payload is None]
        payloads = self.gatherer.recipients.find(away).payloads if away else {}
        found = [(each, each.payload or payloads.get(each.delivery.notification_id)) for each in claimed]
        self._let_go([each.delivery for each, payload in found if payload is None])
        return [(each.delivery, payload) for each, payload in found if payload is not None]

    def _let_go(self, deliveries: Sequence[Delivery]) -> None:
        """Let entries be claimed again, which are in no message yet."""
        for each in deliveries:
            self._worker.log.release(each, self._worker.clock())
            self.left = True

    def _come_back(self, deliveries: Sequence[Delivery], why: Report) -> None:
        self._let_go(deliveries)
        self.last = why

    def _end(self, delivery: Delivery, reason: Reason) -> None:
        """End an entry that was claimed, for the others' sake."""
        self._worker.log.release(delivery, self._worker.clock())
        event = delivery.event()
        self.reports.append((event, self._worker.close(event, Status.ERROR, reason)))

    # -- sending it ------------------------------------------------------------------------------------------------

    def _send(self, entries: Sequence[tuple[Delivery, Payload]]) -> None:
        try:
            written = self._written(entries)
        except Exception as error:  # S3 or KMS was not reached, and nobody was sent anything
            self._come_back([delivery for delivery, _ in entries], Report(Result.RETRY, NOT_READ, error))
            return
        if written is None:
            return
        message, self._sending = written
        doubtful = {each.provider for delivery in self._sending for each in delivery.attempts if is_unknown(each)}
        chain, platform = self._worker.chain, self._sending[0].platform
        turn = chain.next(platform, doubtful) or chain.next(platform)
        if turn is None:
            self._come_back(self._sending, Report(Result.RETRY, NO_PROVIDER))
            return
        lead = self.begin(self._sending[0], provider=turn.provider.name, now=self._worker.clock())
        if lead is None:
            self.left, self.last = True, refused(Refusal.LEASED)
            return
        self.last = self._worker.send(lead, message, turn, self.lease_until, self)

    def _written(self, entries: Sequence[tuple[Delivery, Payload]]) -> tuple[Message, list[Delivery]] | None:
        """Return the message and what is in it: as many of the first entries as it has room for; None if nothing is."""
        listed = [each for delivery, payload in entries if (each := self._listed(delivery, payload)) is not None]
        while listed:
            try:
                message = self._listing(listed)
                sizes.check([message], listed[0][0].channel, self._worker.max_segments)
            except TemplateGoneError:
                for delivery, _, _ in listed:
                    self._end(delivery, Reason.TEMPLATE_GONE)
                return None
            except TemplateError as error:
                listed = self._first_half(listed, error)
            else:
                return message, [delivery for delivery, _, _ in listed]
        return None

    def _listed(self, delivery: Delivery, payload: Payload) -> _Listed | None:
        """Return an entry as it would be by itself; one that cannot be written ends, for the others' sake."""
        try:
            return delivery, payload, self._worker.message(delivery, payload)
        except TemplateGoneError:
            self._end(delivery, Reason.TEMPLATE_GONE)
        except TemplateError:
            self._end(delivery, Reason.RENDERING_FAILED)
        return None

    def _first_half(self, listed: Sequence[_Listed], error: TemplateError) -> list[_Listed]:
        """Return what may have room in a message, which all of these have not; one that has none by itself ends."""
        half = len(listed) // 2
        self._let_go([delivery for delivery, _, _ in listed[half:] if half])
        if not half:
            reason = error.reason if isinstance(error, sizes.UnsendableError) else Reason.RENDERING_FAILED
            self._end(listed[0][0], reason)
        return list(listed[:half])

    def _listing(self, listed: Sequence[_Listed]) -> Message:
        """Return one message of all of these, to where the first of them goes and with its ids and links."""
        lead, _, its_own = listed[0]
        # As the last one has it, since a template that was changed meanwhile was changed for a reason.
        pinned = listed[-1][0].digest_template
        if pinned is None:
            raise ValueError("an entry of a digest names the digest's template")
        template = self._worker.templates.load(pinned.key, pinned.version_id)
        items = [
            digest_item(delivery.delivery_id, message.content, payload.data, lead.channel, lead.platform)
            for delivery, payload, message in listed
        ]
        links = self._worker.links.variables(lead.notification_id, lead.delivery_id)
        content = render(template, lead.channel, {**digest_data(items), **links}, lead.platform)
        expiries = [delivery.expires_at for delivery, _, _ in listed]
        return replace(
            its_own,
            content=with_text_part(content) if REGISTRY[lead.channel].is_html else content,
            priority=max((each.priority for each, _, _ in listed), key=lambda each: each is Priority.HIGH),
            expires_at=max((each for each in expiries if each is not None), default=None) if all(expiries) else None,
        )

    # -- the log, to the worker that sends -------------------------------------------------------------------------

    def begin(
        self, delivery: Delivery, *, provider: str, now: datetime, after: Conclusion | None = None
    ) -> Delivery | None:
        """Begin an attempt at each entry, of which `delivery` is the first; return the first that is still ours.

        None if none is.
        """
        del delivery

        def begun(each: Delivery) -> Delivery | None:
            return self._worker.log.begin(each, provider=provider, now=now, after=after)

        ours = [each for each in _side_by_side(begun, self._sending) if each is not None]
        if ours:
            self._sending = ours
        return ours[0] if ours else None

    def conclude(self, delivery: Delivery, conclusion: Conclusion) -> None:
        """Tell what came of it of the digest, and then of each entry; of these also if the digest is not reached."""
        is_held = conclusion.held_until is not None  # the first one; each counts its own
        whole = conclusion.model_copy(update={"held_until": None, "reason": None}) if is_held else conclusion
        try:
            self.gatherer.digests.tell(self.digest_id, self.taken, delivery.attempts[-1].at, whole)
            self.told = True
        except Exception as error:
            self.cause = error
        _side_by_side(lambda each: self._conclude(each, whole), self._sending)

    def _conclude(self, delivery: Delivery, conclusion: Conclusion) -> None:
        own = self._worker.concluded(delivery, conclusion)
        self._worker.log.conclude(delivery, own)
        self.reports.append((delivery.event(), _report(own)))


def _report(conclusion: Conclusion) -> Report:
    """Return what came of an entry."""
    if conclusion.outcome is Outcome.ACCEPTED:
        return Report(Result.SENT)
    why = conclusion.error or conclusion.reason
    if conclusion.held_until is not None:
        return Report(Result.HELD, why)
    return Report(Result.FAILED if conclusion.status is Status.ERROR else Result.RETRY, why)


def _of_all(
    event: DeliveryRequested,
    reports: Sequence[tuple[DeliveryRequested, Report]],
    *,
    left: bool,
    last: Report | None = None,
    cause: Exception | None = None,
) -> Report:
    """Return what came of an event and of the other entries: it comes back as long as one of them needs that."""
    own = next((report for entry, report in reports if entry.delivery_id == event.delivery_id), None)
    done = tuple((entry, each) for entry, each in reports if each.result not in (Result.DROPPED, Result.RETRY))
    failed = next((each for _, each in reports if each.result is Result.RETRY), None)
    if own is None or left or failed is not None:
        why = last if last is not None and last.result is Result.RETRY else failed or Report(Result.RETRY, CONTINUES)
        return replace(why, cause=cause or why.cause, others=done)
    others = tuple((entry, each) for entry, each in done if entry.delivery_id != event.delivery_id)
    known = last if last is not None and last.result is own.result else own  # it has what nobody foresaw
    return replace(known, cause=cause or known.cause, others=others)


def _side_by_side(call: Callable[[G], R], given: Sequence[G]) -> list[R]:
    """Return what `call` returns for each, in their order; when one fails, the others are made all the same."""
    if len(given) < 2:
        return [call(each) for each in given]
    with ThreadPoolExecutor(min(_AT_ONCE, len(given))) as threads:
        return list(threads.map(call, given))
