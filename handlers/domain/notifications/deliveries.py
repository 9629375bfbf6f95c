"""A delivery as the log keeps it: one notification to one endpoint of one user on one channel.

What it says is not part of it, but of its notification (`payload`): that is written once, a delivery several times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from handlers.domain.channels import Channel, may_be_suppressed
from handlers.domain.model import Model, is_absent, is_empty, is_zero
from handlers.domain.notifications.events import HIGH, DeliveryRequested
from handlers.domain.notifications.outcomes import Event as Event
from handlers.domain.notifications.outcomes import Outcome as Outcome
from handlers.domain.notifications.outcomes import Reason as Reason
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.masking import masked
from handlers.domain.people.same_address import address_key
from handlers.domain.times import Instant, rfc3339

FIRST_ATTEMPTS: Final = 5
LATEST_ATTEMPTS: Final = 15
"""Of its attempts a delivery keeps so many of the first and of the latest, and counts the others: it may be tried for
weeks, and its record is written whole each time. The timeline needs no such bound: no status comes twice, and no event.
"""

_LONGEST_WORD: Final = 256


class Priority(StrEnum):
    """How urgent the producer says it is."""

    NORMAL = "normal"
    HIGH = "high"


class Attempt(Model):
    """One call to a provider, recorded before it is made. `attempt` counts from 1; `error` is the provider's code.

    `segments` is the number of messages that an SMS takes, each of which is paid for.
    """

    attempt: int
    at: Instant
    provider: str
    outcome: Outcome
    error: str | None = Field(default=None, exclude_if=is_absent)
    segments: int | None = Field(default=None, exclude_if=is_absent)


def dropped(attempts: Sequence[Attempt], begun: int) -> int | None:
    """Return the number of the attempt that is kept no longer once this one has begun, if there is any.

    One of unknown outcome is kept: it counts for as long as the delivery may be sent, and there are few of them.
    """
    oldest = begun - LATEST_ATTEMPTS
    if oldest <= FIRST_ATTEMPTS or any(each.attempt == oldest and is_unknown(each) for each in attempts):
        return None
    return oldest


def is_unknown(attempt: Attempt) -> bool:
    """Say whether nobody knows what came of an attempt that is over: it was told so, or its worker died."""
    return attempt.outcome in (Outcome.UNKNOWN, Outcome.STARTED)


def unknowns(attempts: Sequence[Attempt]) -> int:
    """Return how many attempts, all of them over, are of unknown outcome: as often it may have been sent."""
    return sum(map(is_unknown, attempts))


class Step(Model):
    """One move along the statuses; or what a receipt told that moved nothing, by its `event`.

    A `machine` opened it or followed a link, and nobody has read it by that (`domain.notifications.machines`).
    """

    status: Status | None = Field(default=None, exclude_if=is_absent)
    event: Event | None = Field(default=None, exclude_if=is_absent)
    machine: bool = Field(default=False, exclude_if=is_zero)
    at: Instant
    reason: Reason | None = Field(default=None, exclude_if=is_absent)


class Redriven(Model):
    """A round of its way back: led back at this time for this reason, and due again at `due_at`.

    `round` counts from 1; 0 is an operator's redrive (`reason` is `operator`), after which the rounds begin anew.
    """

    round: int
    reason: str
    at: Instant
    due_at: Instant


class TemplateVersion(Model):
    """The template that the delivery was accepted with; S3's `key` and `version_id` stay valid when it is changed."""

    name: str
    key: str
    version_id: str


class Delivery(Model):
    """One delivery. `position` is its place in the answer; without a `template` its payload's content is sent.

    `to` is the place of its recipient in the request; those accepted by version 0.1.0 do not know theirs.

    The only delivery of a notification that says little has the notification's own id: the log keeps both in one item.

    `send_at` is until when it waits, or has waited, if it could not be sent at once; `slot` when it may go by its
    recipient's limits, if they have put it off; `republished` how often its event was published again. Of many attempts
    not all are kept, but always the last one. `doubts_accepted` is how many of unknown outcome there were when an
    operator had it sent again all the same. With a `digest_id` it is sent in that digest, by `digest_template`.
    """

    notification_id: str
    delivery_id: str
    event_id: str
    position: int
    to: int | None = Field(default=None, exclude_if=is_absent)
    app_key: str
    user_id: str | None = Field(default=None, exclude_if=is_absent)
    category: str
    channel: Channel
    platform: str | None = Field(default=None, exclude_if=is_absent)
    endpoint: str | None = Field(default=None, exclude_if=is_absent)
    status: Status
    reason: Reason | None = Field(default=None, exclude_if=is_absent)
    provider: str | None = Field(default=None, exclude_if=is_absent)
    provider_message_id: str | None = Field(default=None, exclude_if=is_absent)
    locale: str | None = Field(default=None, exclude_if=is_absent)
    template: TemplateVersion | None = Field(default=None, exclude_if=is_absent)
    priority: Priority = Priority.NORMAL
    send_at: Instant | None = Field(default=None, exclude_if=is_absent)
    slot: Instant | None = Field(default=None, exclude_if=is_absent)
    expires_at: Instant | None = Field(default=None, exclude_if=is_absent)
    digest_id: str | None = Field(default=None, exclude_if=is_absent)
    digest_template: TemplateVersion | None = Field(default=None, exclude_if=is_absent)
    created_at: Instant
    republished: int = Field(default=0, exclude_if=is_zero)
    doubts_accepted: int = Field(default=0, exclude_if=is_zero)
    attempts: tuple[Attempt, ...] = ()
    redrives: tuple[Redriven, ...] = Field(default=(), exclude_if=is_empty)
    timeline: tuple[Step, ...]

    @property
    def recipient(self) -> str | None:
        """Where it goes, masked."""
        return self.endpoint and masked(self.endpoint, self.platform)

    @property
    def is_only(self) -> bool:
        """Say whether it is all of its notification, and carries what that says."""
        return self.delivery_id == self.notification_id

    @property
    def attempts_begun(self) -> int:
        """How many attempts there were: the number of the last one."""
        return self.attempts[-1].attempt if self.attempts else 0

    @property
    def attempts_omitted(self) -> int:
        """How many attempts are not kept."""
        return self.attempts_begun - len(self.attempts)

    @property
    def doubts(self) -> int:
        """How many attempts, all of them over, are of unknown outcome, and no operator has accepted that."""
        return unknowns(self.attempts) - self.doubts_accepted

    @property
    def is_held(self) -> bool:
        """Say whether it waits for a receipt or a time limit, as nobody knows whether it was sent."""
        return self.status is Status.PENDING and self.reason is Reason.OUTCOME_UNKNOWN

    @property
    def is_urgent(self) -> bool:
        """Say whether it waits behind nothing but its like. An entry of a digest is not: the others are not ready."""
        return self.priority is Priority.HIGH and self.digest_id is None

    def is_to_be_published(self, now: datetime) -> bool:
        """Say whether its event is to be published: no worker has begun it, and it does not have to wait."""
        return self.status is Status.CREATED and (self.send_at is None or self.send_at <= now)

    def is_scheduled(self) -> bool:
        """Say whether it waits for the `send_at` that its producer chose: nobody has begun it or put it off since."""
        return self.status is Status.CREATED and self.reason is Reason.SCHEDULED

    def event(self) -> DeliveryRequested:
        """Return the event that asks for this delivery."""
        return DeliveryRequested(
            event_id=self.event_id,
            notification_id=self.notification_id,
            delivery_id=self.delivery_id,
            category=self.category,
            channel=self.channel,
            app_key=self.app_key,
            user_id=self.user_id,
            address_key=address_key(self.endpoint) if self.endpoint and may_be_suppressed(self.channel) else None,
            platform=self.platform,
            slot=None if self.slot is None else rfc3339(self.slot),
            digest_id=self.digest_id,
            priority=HIGH if self.is_urgent else None,
        )


def _bounded(word: str) -> str:
    return word[:_LONGEST_WORD]


_Word = Annotated[str, AfterValidator(_bounded)]
"""What a provider calls something: far shorter than the bound, but that is for the provider to say."""


class Conclusion(Model):
    """What came of the attempt that a claim began.

    With a `status` the delivery moves there and is done with; without, it stays `pending`. Then it is tried again, or,
    with `held_until`, is left alone until then.
    """

    outcome: Outcome
    at: datetime
    error: _Word | None = None
    segments: int | None = None
    status: Status | None = None
    reason: Reason | None = None
    provider_message_id: _Word | None = None
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """A delivery as it is now, and whether what its recipient did was news: the first time, and in its order."""

    delivery: Delivery
    is_news: bool


def with_fates(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Return the attempts, `unknown` for those that never told their outcome before another one began."""
    last = len(attempts) - 1
    return tuple(attempt if index == last else _unknown_if_started(attempt) for index, attempt in enumerate(attempts))


def _unknown_if_started(attempt: Attempt) -> Attempt:
    return attempt.model_copy(update={"outcome": Outcome.UNKNOWN}) if attempt.outcome is Outcome.STARTED else attempt
