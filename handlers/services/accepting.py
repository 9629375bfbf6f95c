"""Accepting a notification: plan, write the log, publish or schedule, answer; over ports alone.

Only what is in the log is published or scheduled, and only what is in the log is answered 202.

The log is also all that is remembered of an idempotency key: the id of its notification follows from app and key, and
the notification holds the fingerprint of its request.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from handlers.domain.callers import Caller
from handlers.domain.channels import Channel, may_be_suppressed
from handlers.domain.content import sms
from handlers.domain.content.links import SAMPLE_LINKS, Links
from handlers.domain.content.rendering import Content
from handlers.domain.content.templates import StoredTemplate, folder
from handlers.domain.content.values import write_json
from handlers.domain.content.writing import Trial, check_content, check_digest, check_template
from handlers.domain.notifications.deliveries import Delivery, Reason, Step, TemplateVersion
from handlers.domain.notifications.digests import Digest
from handlers.domain.notifications.ids import new_delivery_id, new_notification_id
from handlers.domain.notifications.known import Languages, ToPlan
from handlers.domain.notifications.notification import (
    Accepted,
    DryRun,
    Notification,
    NotificationState,
    PlannedDelivery,
)
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.plan import Planned, check_request, plan, put_off
from handlers.domain.notifications.requests import NotificationRequest
from handlers.domain.notifications.statuses import UNSENT, Status
from handlers.domain.people.person import Person
from handlers.domain.people.same_address import address_key
from handlers.domain.problems import IdempotencyMismatch, InvalidRequest, NotFound, Problem, TooLarge
from handlers.domain.times import rfc3339
from handlers.ports import EventPublisher, LimitsOutlook, NotificationLog, People, Scheduler, TemplateStore

IDEMPOTENCY_WINDOW: Final = timedelta(hours=24)
"""How long an idempotency key stands for one request."""

MAX_PAYLOAD_BYTES: Final = 350 * 1024
"""Of content and data, which the notification's item holds once. An item of DynamoDB has 400 KB at most."""

SOONEST_SCHEDULE: Final = timedelta(seconds=2)
"""A `send_at` nearer than this has no schedule: it might have passed before the schedule is made. The sweeper, whose
minute is as good as the schedule's own, publishes it.
"""

_CANCELED_AT_ONCE: Final = 10
"""Writes at a time: as many connections as boto3 keeps."""

_CURSOR_DIGITS: Final = 9

_CHOSEN: Final = frozenset({Reason.OPTED_OUT, Reason.SUPPRESSED, Reason.QUIET_HOURS, Reason.EXPIRED})
"""Why a delivery is not sent, or not yet: all that was chosen, or is suppressed; one that may not wait so long expires.
"""

_IDS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:carillon:notification")

K = TypeVar("K")

Keep = Callable[[tuple[Planned, ...]], tuple[Planned, ...]]
"""What of a plan is to be accepted."""

Templates = Mapping[tuple[Channel, str | None], StoredTemplate]
"""By channel and the locale of whom it is for."""


@dataclass(frozen=True, slots=True)
class Written:
    """By which templates deliveries are sent: their own, none if the request has content, and those of digests."""

    own: Templates
    of_digest: Templates


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a request: the answer, and the deliveries that were logged for it just now.

    `unpublished` events the bus did not take, and for `unscheduled` ones no schedule could be made.
    """

    answer: Accepted
    logged: tuple[Delivery, ...]
    unpublished: int
    unscheduled: int


@dataclass(frozen=True, slots=True)
class NotificationService:
    """Accepts notifications and tells what became of them.

    `categories` are the channels that each category takes by default, `served` all that there are here; `clock`
    returns the aware time.
    """

    people: People
    templates: TemplateStore
    log: NotificationLog
    publisher: EventPublisher
    scheduler: Scheduler | None
    categories: Mapping[str, Sequence[Channel]]
    served: Sequence[Channel]
    clock: Callable[[], datetime]
    critical: AbstractSet[str] = frozenset()
    """The categories that are sent in quiet hours too, and whatever was opted out of."""
    links: Links = SAMPLE_LINKS
    """Links that lead nowhere and are as long as the real ones."""
    max_segments: int = sms.MAX_SEGMENTS
    """In how many parts a text message may go."""
    limits: LimitsOutlook | None = None
    """How many messages recipients may get, of what is not critical; a dry run alone asks."""
    digests: Mapping[str, Digest] = field(default_factory=dict)
    """The categories that are gathered, and how."""

    def dry_run(self, request: NotificationRequest, caller: Caller) -> DryRun:
        """Return what would be done, and why not; raise every `Problem` that an acceptance would."""
        now = self.clock()
        planned, _ = self._plan(request, caller, now)
        if self.limits is not None and request.category not in self.critical:
            due_now = {each.addressee for each in planned if each.status is Status.CREATED and each.send_at is None}
            planned = put_off(planned, self.limits.slots(request.category, due_now, now), request.expires_at)
        return DryRun(
            deliveries=tuple(
                PlannedDelivery(**{field: getattr(each, field) for field in PlannedDelivery.model_fields})
                for each in planned
            )
        )

    def accept(
        self, request: NotificationRequest, caller: Caller, idempotency_key: str | None, until: datetime
    ) -> Acceptance:
        """Log the notification, publish or schedule its deliveries, and return the answer; raise `Problem` if refused.

        What cannot be published or scheduled before `until` is left to the sweeper, and accepted all the same.

        With an idempotency key, who asks again gets the answer of the first time, whatever has become of it since; also
        when the same request would be refused by now, as its `expires_at` has passed.
        """
        now = self.clock()
        notification_id = _id(caller.app_key, idempotency_key)
        try:
            planned, written = self._plan(request, caller, now)
        except Problem:
            earlier = self._earlier(notification_id, now) if idempotency_key is not None else None
            if earlier is None:
                raise
            return self._again(*earlier, request, until)
        payload = Payload(request.content, request.data)
        while True:
            notification = _notification(notification_id, request, caller, now)
            deliveries = tuple(_deliveries(planned, notification, payload, written))
            if self.log.accept(notification, deliveries, payload):
                return self._announce(notification, deliveries, until, logged=deliveries)
            found = self._found(notification_id)
            if _is_remembered(found[0], now):
                return self._again(*found, request, until)
            notification_id = _next_id(found[0])

    def check(self, request: NotificationRequest, caller: Caller) -> None:
        """Raise every `Problem` that is known before anybody is named: scopes, times, and what cannot be written."""
        now = self.clock()
        channels = check_request(request, caller, self.categories, self.served, now)
        _bound(request)
        digest, trial = self.digests.get(request.category), self._trial(request, {None})
        for channel in channels:
            entry = request.content
            if entry is not None:
                check_content(entry, channel, request.data, trial)
            elif own := self._by_default(request.template or "", channel, "template", ""):
                check_template(own, request.data, trial)
                entry = own.content
            if digest is None:
                continue
            of_digest = self._by_default(digest.template, channel, "category", _gathering(digest, request))
            if of_digest is not None and entry is not None:
                check_digest(of_digest, entry, request.data, trial)

    def plan_page(self, request: NotificationRequest, caller: Caller, keep: Keep) -> tuple[Planned, ...]:
        """Return what `accept_page` would accept."""
        planned, _ = self._plan(request, caller, self.clock())
        return keep(planned)

    def accept_page(
        self, notification_id: str, request: NotificationRequest, caller: Caller, keep: Keep, until: datetime
    ) -> Acceptance:
        """Accept a page of a broadcast as the notification of this id: of what is planned, what there is to `keep`.

        Who repeats it gets what was accepted the first time, and what nobody has begun is published again.
        """
        now = self.clock()
        planned, written = self._plan(request, caller, now)
        kept = keep(planned)
        if not kept:
            return Acceptance(Accepted(notification_id=notification_id, deliveries=()), (), 0, 0)
        payload = Payload(request.content, request.data)
        notification = _notification(notification_id, request, caller, now)
        deliveries = tuple(_deliveries(kept, notification, payload, written))
        if self.log.accept(notification, deliveries, payload):
            return self._announce(notification, deliveries, until, logged=deliveries)
        return self._announce(*self._found(notification_id), until, logged=())

    def state(self, notification_id: str, caller: Caller, cursor: str | None = None) -> NotificationState:
        """Return a notification of this caller with all that has happened to it; raise `NotFound`.

        With the `cursor` of an earlier answer, what that one had no room for; raise `InvalidRequest` for no such thing.
        """
        notification, deliveries = self._owned(notification_id, caller)
        return NotificationState.of(notification, deliveries, _position(cursor))

    def cancel(self, notification_id: str, caller: Caller, until: datetime) -> Accepted:
        """Cancel what is not yet sent of a notification of this caller, and return what each delivery is now.

        What a worker is sending at this moment is `pending` in the answer: it may be canceled later, if that fails.
        So may what is still `created`, as its turn had not come before `until`. A schedule stays, as nobody need find
        it: what it publishes is dropped, a canceled delivery being none that a worker could claim. Raises `NotFound`.
        """
        _, deliveries = self._owned(notification_id, caller)

        def canceled(delivery: Delivery) -> Delivery:
            now = self.clock()
            return self.log.cancel(delivery, now) if delivery.status in UNSENT and now < until else delivery

        # A notification may have thousands of deliveries, and each is a write of a few milliseconds.
        with ThreadPoolExecutor(_CANCELED_AT_ONCE) as threads:
            return Accepted.of(notification_id, tuple(threads.map(canceled, deliveries)))

    def _earlier(self, notification_id: str, now: datetime) -> tuple[Notification, tuple[Delivery, ...]] | None:
        """Return the notification that an idempotency key stands for, by the first id that follows from it."""
        while (found := self.log.find(notification_id)) is not None:
            if _is_remembered(found[0], now):
                return found
            notification_id = _next_id(found[0])
        return None

    def _again(
        self, earlier: Notification, deliveries: tuple[Delivery, ...], request: NotificationRequest, until: datetime
    ) -> Acceptance:
        """Answer a request whose key stands for a notification; raise `IdempotencyMismatch` if it was another one."""
        if earlier.fingerprint != _fingerprint(request):
            raise IdempotencyMismatch("Use another Idempotency-Key for another request.")
        return self._announce(earlier, deliveries, until, logged=())

    def _owned(self, notification_id: str, caller: Caller) -> tuple[Notification, tuple[Delivery, ...]]:
        notification, deliveries = self._found(notification_id)
        if notification.app_key != caller.app_key:
            raise _not_found()
        return notification, deliveries

    def _found(self, notification_id: str) -> tuple[Notification, tuple[Delivery, ...]]:
        found = self.log.find(notification_id)
        if found is None:
            raise _not_found()
        return found

    def _plan(self, request: NotificationRequest, caller: Caller, now: datetime) -> tuple[tuple[Planned, ...], Written]:
        digest = self.digests.get(request.category)
        known = self._known(request)
        decide = partial(
            plan,
            request,
            caller=caller,
            categories=self.categories,
            served=self.served,
            now=now,
            critical=self.critical,
            digest=digest,
        )
        planned = decide(people=known.people)
        if doubtful := _kept_back(planned, known.people):
            planned = decide(people={**known.people, **self.people.find(doubtful, certain=True).people})
        to_send = [each for each in planned if each.status is Status.CREATED]
        _bound(request)
        own = self._written(request, to_send, known.languages)
        of_digest = {} if digest is None else self._gathered(digest, request, to_send, own, known.languages)
        planned = tuple(
            _if_there_is_a_template(
                each,
                *([] if request.content is not None else [own]),
                *([] if digest is None else [of_digest]),
            )
            for each in planned
        )
        return planned, Written(own, of_digest)

    def _known(self, request: NotificationRequest) -> ToPlan:
        """Return what is known of the recipients, and of the addresses they are reached at: opted out, or suppressed.

        And which languages the template has. One call; one more when there are users with addresses or urls, as only
        their contacts tell these.
        """
        channels = request.channels or self.categories.get(request.category, ())
        digest = self.digests.get(request.category)
        names = {request.template, digest and digest.template} - {None}
        folders = [folder(name or "", channel) for name in sorted(map(str, names)) for channel in channels]
        known = self.people.find({recipient.key for recipient in request.to}, folders)
        addresses = (
            each for person in known.people.values() for channel in channels for each in person.addresses_on(channel)
        )
        untold = set(map(address_key, addresses)) - known.people.keys()
        return replace(known, people={**known.people, **self.people.find(untold).people}) if untold else known

    def _written(
        self, request: NotificationRequest, to_send: Sequence[Planned], told: Mapping[str, Languages]
    ) -> Templates:
        """Return the templates to send; none when the request has its own content. Raise when it cannot be written.

        Whose language there is none in is not among them; on a channel where that is everybody, it is the request's
        mistake.
        """
        if request.content is not None:
            for channel, platforms in _platforms(to_send, lambda each: each.channel).items():
                check_content(request.content, channel, request.data, self._trial(request, platforms))
            return {}
        templates = self._stored(request.template or "", to_send, told, "template", "")
        by_key = {template.key: template for template in templates.values()}
        written = [each for each in to_send if (each.channel, each.locale) in templates]
        for key, platforms in _platforms(written, lambda each: templates[each.channel, each.locale].key).items():
            check_template(by_key[key], request.data, self._trial(request, platforms))
        return templates

    def _gathered(
        self,
        digest: Digest,
        request: NotificationRequest,
        to_send: Sequence[Planned],
        own: Templates,
        told: Mapping[str, Languages],
    ) -> Templates:
        """Return the digest's templates; raise when there is none, or what is sent cannot be listed by it."""
        templates = self._stored(digest.template, to_send, told, "category", _gathering(digest, request))
        entries = {(channel, locale): template.content for (channel, locale), template in own.items()}

        def both(each: Planned) -> tuple[str, Content | None]:
            reader = (each.channel, each.locale)
            return templates[reader].key, entries.get(reader, request.content)

        by_key = {template.key: template for template in templates.values()}
        written = [each for each in to_send if (each.channel, each.locale) in templates]
        for (key, entry), platforms in _platforms(written, both).items():
            if entry is not None:
                check_digest(by_key[key], entry, request.data, self._trial(request, platforms))
        return templates

    def _stored(
        self, name: str, to_send: Sequence[Planned], told: Mapping[str, Languages], field: str, what: str
    ) -> Templates:
        """Return the template in its readers' languages; raise, of this field, when on a channel nobody has one."""
        readers = dict.fromkeys((each.channel, each.locale) for each in to_send)
        stored = {
            channel: told.get(folder(name, channel)) or self.templates.languages(name, channel)
            for channel in dict.fromkeys(channel for channel, _ in readers)
        }
        found = {reader: self.templates.resolve(name, *reader, stored[reader[0]]) for reader in readers}
        templates = {reader: template for reader, template in found.items() if template is not None}
        if missing := {channel for channel, _ in readers} - {channel for channel, _ in templates}:
            channel = min(missing)
            languages = sorted({locale for each, locale in readers if each == channel and locale})
            where = f"in {', '.join(languages)} or in its default language" if languages else "in its default language"
            raise InvalidRequest.field(field, f"{what}is not stored for {channel} {where}")
        return templates

    def _by_default(self, name: str, channel: Channel, field: str, what: str) -> StoredTemplate | None:
        """Return the template in its default language, if it has one; raise, of this field, when it has none at all."""
        languages = self.templates.languages(name, channel)
        if not languages:
            raise InvalidRequest.field(field, f"{what}is not stored for {channel}")
        return self.templates.resolve(name, channel, None, languages)

    def _trial(self, request: NotificationRequest, platforms: AbstractSet[str | None]) -> Trial:
        """Return what is known of the messages to these platforms."""
        return Trial(
            platforms=platforms,
            category=request.category,
            priority=request.priority,
            expires_at=request.expires_at,
            links=self.links,
            max_segments=self.max_segments,
        )

    def _announce(
        self,
        notification: Notification,
        deliveries: tuple[Delivery, ...],
        until: datetime,
        *,
        logged: tuple[Delivery, ...],
    ) -> Acceptance:
        """Publish what nobody has begun and what is not to wait, schedule what has its time, and return the answer.

        The sweeper does the rest: what waits for quiet hours to end, and what was not taken here.
        """
        now = self.clock()
        events = [delivery.event() for delivery in deliveries if delivery.is_to_be_published(now)]
        refused = self.publisher.publish(events, until)
        unscheduled = self._schedule(notification, deliveries, now, until)
        return Acceptance(Accepted.at_first(notification, deliveries), logged, len(refused), unscheduled)

    def _schedule(
        self, notification: Notification, deliveries: Sequence[Delivery], now: datetime, until: datetime
    ) -> int:
        """Schedule what waits for the notification's `send_at`, and return how many have no schedule that should.

        A request that is repeated asks again, in case it has died before it asked the first time.
        """
        send_at = notification.send_at
        if self.scheduler is None or send_at is None or send_at < now + SOONEST_SCHEDULE:
            return 0
        events = [delivery.event() for delivery in deliveries if delivery.is_scheduled()]
        return self.scheduler.schedule(notification.notification_id, events, send_at, until) if events else 0


def _kept_back(planned: Sequence[Planned], people: Mapping[str, Person]) -> set[str]:
    """Return the keys of those whose choices, or a suppression, keep something back: these may have changed just now.

    Who has just refused is no matter here: the worker will know it.
    """
    held = [each for each in planned if each.reason in _CHOSEN]
    users = {each.user_id for each in held if each.user_id is not None}
    reached = {people[user].address_on(each.channel) for each in held if (user := each.user_id) is not None}
    named = {each.endpoint.address for each in held if each.endpoint is not None and may_be_suppressed(each.channel)}
    return users | {address_key(address) for address in reached | named if address is not None}


def _if_there_is_a_template(planned: Planned, *needed: Templates) -> Planned:
    """Return the delivery as it was planned; or, if one is not there in its reader's language, why it is not sent."""
    has_all = all((planned.channel, planned.locale) in templates for templates in needed)
    if planned.status is not Status.CREATED or has_all:
        return planned
    return replace(planned, status=Status.ERROR, reason=Reason.NO_TEMPLATE, send_at=None, digest_id=None)


def _platforms(planned: Sequence[Planned], key: Callable[[Planned], K]) -> dict[K, set[str | None]]:
    """Return to which platforms the deliveries go that have each key in common; None where a channel has none."""
    found: dict[K, set[str | None]] = {}
    for each in planned:
        found.setdefault(key(each), set()).add(each.endpoint.platform if each.endpoint else None)
    return found


def _id(app_key_or_id: str, idempotency_key: str | None) -> str:
    """Return a new id, or the one that follows from both texts."""
    if idempotency_key is None:
        return new_notification_id(uuid.uuid4())
    return new_notification_id(uuid.uuid5(_IDS, f"{app_key_or_id}\n{idempotency_key}"))


def _next_id(notification: Notification) -> str:
    """Return the id that a key stands for once its day with this notification is over, which stays as it is."""
    return _id(notification.notification_id, rfc3339(notification.created_at))


def _is_remembered(notification: Notification, now: datetime) -> bool:
    return now - notification.created_at < IDEMPOTENCY_WINDOW


def _notification(notification_id: str, request: NotificationRequest, caller: Caller, now: datetime) -> Notification:
    return Notification(
        notification_id=notification_id,
        app_key=caller.app_key,
        category=request.category,
        template=request.template,
        priority=request.priority,
        send_at=request.send_at,
        expires_at=request.expires_at,
        created_at=now,
        fingerprint=_fingerprint(request),
    )


def _deliveries(
    planned: Sequence[Planned], notification: Notification, payload: Payload, written: Written
) -> Iterator[Delivery]:
    is_only = len(planned) == 1 and payload.is_small
    for position, each in enumerate(planned):
        template = written.own.get((each.channel, each.locale))
        of_digest = written.of_digest.get((each.channel, each.locale))
        to_send = each.status is Status.CREATED
        yield Delivery(
            notification_id=notification.notification_id,
            delivery_id=notification.notification_id
            if is_only
            else new_delivery_id(notification.notification_id, position),
            event_id=str(uuid.uuid4()),
            position=position,
            to=each.to,
            app_key=notification.app_key,
            user_id=each.user_id,
            category=notification.category,
            channel=each.channel,
            platform=each.platform,
            endpoint=each.endpoint and each.endpoint.address,
            status=each.status,
            reason=each.reason,
            locale=each.locale,
            # What is never sent need not be kept.
            template=_version(template) if to_send and template else None,
            priority=notification.priority,
            send_at=each.send_at,
            expires_at=notification.expires_at,
            digest_id=each.digest_id,
            digest_template=_version(of_digest) if to_send and of_digest else None,
            created_at=notification.created_at,
            timeline=(Step(status=each.status, at=notification.created_at, reason=each.reason),),
        )


def _gathering(digest: Digest, request: NotificationRequest) -> str:
    return f"the template {digest.template}, by which {request.category} is gathered, "


def _version(template: StoredTemplate) -> TemplateVersion:
    return TemplateVersion(name=template.name, key=template.key, version_id=template.version_id)


def _fingerprint(request: NotificationRequest) -> str:
    """Return the SHA-256 of the request, whatever the order in which its fields were written."""
    # With the data as they are: pydantic makes mere floats of their numbers.
    canonical = write_json(request.model_dump(mode="json") | {"data": request.data}, sort=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _bound(request: NotificationRequest) -> None:
    """Raise `TooLarge` for more than the log takes."""
    payload = len(request.model_dump_json(include={"content"}).encode()) + len(write_json(request.data).encode())
    if payload > MAX_PAYLOAD_BYTES:
        raise TooLarge(f"Content and data are over {MAX_PAYLOAD_BYTES // 1024} KB.")


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _CURSOR_DIGITS):
        raise InvalidRequest.field("cursor", "must be one that this notification was answered with")
    return int(cursor)


def _not_found() -> NotFound:
    return NotFound("There is no such notification of this app.")
