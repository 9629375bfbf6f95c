"""THE plan: from a request and what is known of its recipients, each delivery to make, or why it is not made.

A pure function of its arguments. A dry run answers what it returns; an acceptance logs it.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from handlers.domain.callers import Caller
from handlers.domain.channels import REGISTRY, Channel, may_be_suppressed
from handlers.domain.notifications.deliveries import Reason
from handlers.domain.notifications.digests import Digest, digest_id, window_end
from handlers.domain.notifications.limits import Addressee
from handlers.domain.notifications.requests import NotificationRequest, Recipient
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.masking import masked
from handlers.domain.people.person import NOBODY, Person, accepted
from handlers.domain.people.reach import Endpoint
from handlers.domain.people.same_address import address_key, canonical
from handlers.domain.people.settings import Settings
from handlers.domain.problems import FieldError, InvalidRequest, ScopeNotGranted

FURTHEST_AHEAD: Final = timedelta(days=366)
"""A notification may be scheduled for the same day of the next year."""

_Refusal = tuple[Status, Reason]
"""What a delivery is that may not be made, and why."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One delivery: `created` when it is to be sent to the endpoint, otherwise final with a reason.

    One that is to wait says until when, and why. `to` is the place of its recipient in the request: of the first one,
    if several name the same.
    """

    channel: Channel
    status: Status
    user_id: str | None = None
    endpoint: Endpoint | None = None
    locale: str | None = None
    reason: Reason | None = None
    send_at: datetime | None = None
    digest_id: str | None = None
    to: int = field(default=0, compare=False)

    @property
    def platform(self) -> str | None:
        """Whose device or external channel it goes to; None for an address."""
        return self.endpoint.platform if self.endpoint else None

    @property
    def recipient(self) -> str | None:
        """Where it goes, masked."""
        return masked(self.endpoint.address, self.endpoint.platform) if self.endpoint else None

    @property
    def addressee(self) -> Addressee:
        """Whom it counts for."""
        address = self.endpoint.address if self.endpoint else ""
        return Addressee(self.channel, self.user_id or address_key(address))


@dataclass(frozen=True, slots=True)
class _Wait:
    """Until when a delivery waits, and why; None when it is to be sent at once."""

    until: datetime | None = None
    reason: Reason | None = None


def plan(
    request: NotificationRequest,
    *,
    caller: Caller,
    categories: Mapping[str, Sequence[Channel]],
    served: Sequence[Channel],
    people: Mapping[str, Person],
    now: datetime,
    critical: AbstractSet[str] = frozenset(),
    digest: Digest | None = None,
) -> tuple[Planned, ...]:
    """Return the deliveries, in the order of the request's recipients, each of them once.

    `categories` are the channels that each category takes when the request names none, `served` all that there are in
    this environment; `people` are what is known of the recipients, by `Recipient.key`, and of the addresses and urls of
    those who are users, by `address_key`; `critical` categories are sent in quiet hours too, and whatever was opted out
    of; with a `digest` the category's are gathered.
    Raises `ScopeNotGranted` or `InvalidRequest`.

    A user is sent to on every channel asked for: e-mail and SMS once, push on each device, chat on each external
    channel that is on and not suppressed. A bare address is sent to on its own channel alone, being no user who could
    have others.
    What would have to wait until it has expired is not sent.
    """
    channels = check_request(request, caller, categories, served, now)
    is_critical = request.category in critical
    wait = partial(_wait, request.send_at, now, is_critical, digest)

    def refused(channel: Channel, *keys: str) -> _Refusal | None:
        """Return why nothing may go to them on the channel: users, and addresses, by their keys."""
        if not (is_critical or accepted(people, keys, request.category, channel)):
            return Status.UNSUBSCRIBED, Reason.OPTED_OUT
        if any(people.get(key, NOBODY).suppressed for key in keys):
            return Status.ERROR, Reason.SUPPRESSED
        return None

    deliveries = (
        _unless_expired(replace(delivery, to=position), request.expires_at)
        for position, recipient in enumerate(request.to)
        for delivery in _deliveries(recipient, channels, people.get(recipient.key, NOBODY), refused, wait)
    )
    planned = _once(tuple(deliveries))
    return planned if digest is None else tuple(_in_digest(each, request.category) for each in planned)


def check_request(
    request: NotificationRequest,
    caller: Caller,
    categories: Mapping[str, Sequence[Channel]],
    served: Sequence[Channel],
    now: datetime,
) -> Sequence[Channel]:
    """Return the channels asked for; raise as `plan` does, for what is wrong whoever the recipients are."""
    _check_times(request, now)
    return _channels(request, caller, categories, served)


def put_off(
    planned: Sequence[Planned], slots: Mapping[Addressee, datetime], expires_at: datetime | None
) -> tuple[Planned, ...]:
    """Return the deliveries as the limits of their recipients, which have these slots, put off what is to go now."""
    return tuple(
        _unless_expired(replace(each, reason=Reason.RATE_LIMITED, send_at=slots[each.addressee]), expires_at)
        if each.status is Status.CREATED and each.send_at is None and each.addressee in slots
        else each
        for each in planned
    )


def _once(deliveries: Sequence[Planned]) -> tuple[Planned, ...]:
    """Return each of them once, and to a bare address only what goes to none of the users there, however it is written.

    Of users it is known when they sleep and what they read. Users who share an address are reached there each.
    """
    of_users = {_where(each) for each in deliveries if each.user_id is not None and each.endpoint is not None}
    once: dict[Hashable, Planned] = {}
    for each in deliveries:
        if each.user_id is not None:
            once.setdefault(each, each)
        elif _where(each) not in of_users:
            once.setdefault(_where(each), each)
    return tuple(once.values())


def _where(planned: Planned) -> Hashable:
    return planned.channel, planned.endpoint and canonical(planned.endpoint.address)


def _in_digest(planned: Planned, category: str) -> Planned:
    """Return a delivery that is to be sent with the digest that it is in."""
    if planned.status is not Status.CREATED or planned.endpoint is None or planned.send_at is None:
        return planned
    endpoint = (planned.endpoint.platform, planned.endpoint.address)
    named = digest_id(planned.addressee.key, planned.channel, endpoint, category, planned.send_at)
    return replace(planned, digest_id=named)


def _unless_expired(planned: Planned, expires_at: datetime | None) -> Planned:
    """Return the delivery, as one that has failed if it would wait until it may not be sent any more."""
    if planned.send_at is None or expires_at is None or planned.send_at < expires_at:
        return planned
    return replace(planned, status=Status.ERROR, reason=Reason.EXPIRED, send_at=None)


def _check_times(request: NotificationRequest, now: datetime) -> None:
    """Raise unless there is time to send. A `send_at` in the past is now: who asks again must not be refused for it."""
    if request.expires_at is not None and request.expires_at <= now:
        raise InvalidRequest.field("expires_at", "has passed already")
    if request.send_at is None:
        return
    if request.send_at > now + FURTHEST_AHEAD:
        raise InvalidRequest.field("send_at", f"is more than {FURTHEST_AHEAD.days} days ahead")
    if request.expires_at is not None and request.expires_at <= request.send_at:
        raise InvalidRequest.field("expires_at", "must be after send_at")


def _wait(
    send_at: datetime | None, now: datetime, is_critical: bool, digest: Digest | None, settings: Settings
) -> _Wait:
    """Return until when a delivery to a user with these settings waits: `send_at`, or the end of quiet hours then.

    For a digest, the end of its window, or of quiet hours then.
    """
    at = now if send_at is None else max(send_at, now)
    if digest is not None:
        at = window_end(at, digest.window)
    quiet_until = None if is_critical else settings.quiet_until(at)
    if quiet_until is not None:
        return _Wait(quiet_until, Reason.QUIET_HOURS)
    if digest is not None:
        return _Wait(at, Reason.DIGEST)
    return _Wait(at, Reason.SCHEDULED) if at > now else _Wait()


def _channels(
    request: NotificationRequest,
    caller: Caller,
    categories: Mapping[str, Sequence[Channel]],
    served: Sequence[Channel],
) -> Sequence[Channel]:
    """Return the channels asked for, once it is clear that they may be."""
    # Scope comes first: an app learns of no category or channel that it may not use.
    if not caller.may_send(request.category):
        raise ScopeNotGranted(f"This app may not send notifications of the category {request.category}.")
    own = categories.get(request.category)
    if own is None:
        raise InvalidRequest.field("category", "is not a category of this environment")
    channels = request.channels or own
    refused = [channel for channel in channels if not caller.may_use(channel)]
    if refused:
        raise ScopeNotGranted(f"This app may not use {', '.join(refused)}; name in `channels` those that it may use.")
    absent = [position for position, channel in enumerate(channels) if channel not in served]
    if absent:
        message = f"this environment sends on {', '.join(served)}"
        raise InvalidRequest(message, [FieldError(f"channels.{position}", message) for position in absent])
    return channels


def _deliveries(
    recipient: Recipient,
    channels: Sequence[Channel],
    person: Person,
    refused: Callable[..., _Refusal | None],
    wait: Callable[[Settings], _Wait],
) -> Iterator[Planned]:
    until = wait(person.settings)
    if recipient.user_id is None:
        yield from _to_address(recipient, channels, refused, until)
        return
    for channel in channels:
        yield from _to_user(recipient.user_id, person, channel, refused, until)


def _to_user(
    user_id: str, person: Person, channel: Channel, refused: Callable[..., _Refusal | None], wait: _Wait
) -> Iterator[Planned]:
    if person.reach is None:
        yield Planned(channel, Status.ERROR, user_id, reason=Reason.UNKNOWN_CONTACT)
        return
    address = person.address_on(channel)
    refusal = refused(channel, user_id, *([] if address is None else [address_key(address)]))
    if refusal is not None:
        status, reason = refusal
        yield Planned(channel, status, user_id, reason=reason)
        return
    endpoints = person.reach.on(channel)
    if not endpoints:
        yield Planned(channel, Status.ERROR, user_id, reason=Reason.NO_ENDPOINT)
    for endpoint in endpoints:
        # Of one's urls each may be suppressed by itself: the others are sent to.
        if may_be_suppressed(channel) and (refusal := refused(channel, address_key(endpoint.address))) is not None:
            yield Planned(channel, refusal[0], user_id, endpoint, reason=refusal[1])
            continue
        yield Planned(
            channel, Status.CREATED, user_id, endpoint, person.reach.locale, reason=wait.reason, send_at=wait.until
        )


def _to_address(
    recipient: Recipient, channels: Sequence[Channel], refused: Callable[..., _Refusal | None], wait: _Wait
) -> Iterator[Planned]:
    kind = "email" if recipient.email is not None else "phone"
    own = [channel for channel in channels if REGISTRY[channel].contact_field == kind]
    endpoint = Endpoint(recipient.email or recipient.phone or "")
    for channel in own or channels:
        if not own:
            yield Planned(channel, Status.ERROR, endpoint=endpoint, reason=Reason.NO_ENDPOINT)
        elif (refusal := refused(channel, recipient.key)) is not None:
            yield Planned(channel, refusal[0], endpoint=endpoint, reason=refusal[1])
        else:
            yield Planned(channel, Status.CREATED, endpoint=endpoint, reason=wait.reason, send_at=wait.until)
