"""A delivery as the log keeps it: one notification to one endpoint of one user on one channel.

Its record holds all that is needed to send it, so that a worker's one claim is also its one read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from handlers.domain.channels import Channel
from handlers.domain.content.rendering import Content
from handlers.domain.model import Model, is_absent, is_zero
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.same_address import ADDRESSED, address_key
from handlers.domain.times import Instant

FIRST_ATTEMPTS: Final = 5
LATEST_ATTEMPTS: Final = 15
"""Of its attempts a delivery keeps so many of the first and of the latest, and counts the others: it may be tried for
weeks, and its record is written whole each time. The timeline needs no such bound: no status comes twice.
"""

_LONGEST_WORD: Final = 256


class Reason(StrEnum):
    """Why a delivery waits, or was not, or could not be, sent."""

    OPTED_OUT = "opted_out"
    """The user, or whoever has the mailbox or number, says no to this category on this channel."""
    SCHEDULED = "scheduled"
    """Its `send_at` is still to come."""
    QUIET_HOURS = "quiet_hours"
    """It waits for the end of the user's quiet hours."""
    NO_ENDPOINT = "no_endpoint"
    """The recipient has no address on this channel, or has lost by now the one that it was for."""
    NO_TEMPLATE = "no_template"
    """The template is stored neither in the recipient's language nor in a default one."""
    UNKNOWN_CONTACT = "unknown_contact"
    """There is no contact of this user id."""
    CANCELED = "canceled"
    """The producer canceled it before it was sent."""
    EXPIRED = "expired"
    """`expires_at` passed before it was sent, or would pass before it may be."""
    RECIPIENT_REFUSED = "recipient_refused"
    """The provider says that the address cannot be sent to."""
    MESSAGE_REFUSED = "message_refused"
    """The provider does not take the content."""
    RENDERING_FAILED = "rendering_failed"
    """The template could not be rendered with the data."""
    TEMPLATE_GONE = "template_gone"
    """The version of the template that it was accepted with is stored no longer."""
    MESSAGE_EMPTY = "message_empty"
    """Rendered for this recipient, a field says nothing."""
    MESSAGE_TOO_LONG = "message_too_long"
    """Rendered for this recipient, it is longer than the channel or its provider takes."""


class Priority(StrEnum):
    """How urgent the producer says it is."""

    NORMAL = "normal"
    HIGH = "high"


class Outcome(StrEnum):
    """What came of one attempt to send."""

    STARTED = "started"
    """The provider is about to be called, or was and we do not know yet."""
    ACCEPTED = "accepted"
    """The provider took it."""
    REFUSED = "refused"
    """The provider, or the template, made it impossible: the delivery ends in `error`."""
    UNAVAILABLE = "unavailable"
    """The provider did not serve us; it sent nothing, and is tried again."""
    UNKNOWN = "unknown"
    """It may have been sent: no answer came, or the worker died. It is tried again: better twice than never."""


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


def dropped(attempt: int) -> int | None:
    """Return the number of the attempt that is kept no longer once this one has begun, if there is any."""
    oldest = attempt - LATEST_ATTEMPTS
    return oldest if oldest > FIRST_ATTEMPTS else None


class Step(Model):
    """One move along the statuses."""

    status: Status
    at: Instant
    reason: Reason | None = Field(default=None, exclude_if=is_absent)


class TemplateVersion(Model):
    """The template that the delivery was accepted with; S3's `key` and `version_id` stay valid when it is changed."""

    name: str
    key: str
    version_id: str


class Delivery(Model):
    """One delivery. `position` is its place in the answer; either `template` or `content` says what to send.

    `send_at` is until when it waits, or has waited, if it could not be sent at once; `republished` how often its event
    was published again. Of many attempts not all are kept, but always the last one.
    """

    notification_id: str
    delivery_id: str
    event_id: str
    position: int
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
    content: Content | None = Field(default=None, exclude_if=is_absent)
    data: dict[str, Any] = Field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    send_at: Instant | None = Field(default=None, exclude_if=is_absent)
    expires_at: Instant | None = Field(default=None, exclude_if=is_absent)
    created_at: Instant
    republished: int = Field(default=0, exclude_if=is_zero)
    attempts: tuple[Attempt, ...] = ()
    timeline: tuple[Step, ...]

    @property
    def attempts_begun(self) -> int:
        """How many attempts there were: the number of the last one."""
        return self.attempts[-1].attempt if self.attempts else 0

    @property
    def attempts_omitted(self) -> int:
        """How many attempts are not kept."""
        return self.attempts_begun - len(self.attempts)

    def is_to_be_published(self, now: datetime) -> bool:
        """Say whether a worker is to be told of it: nobody has begun it, and it is not to wait."""
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
            address_key=address_key(self.endpoint) if self.endpoint and self.channel in ADDRESSED else None,
        )


def _bounded(word: str) -> str:
    return word[:_LONGEST_WORD]


_Word = Annotated[str, AfterValidator(_bounded)]
"""What a provider calls something: far shorter than the bound, but that is for the provider to say."""


class Conclusion(Model):
    """What came of the attempt that a claim began.

    With a `status` the delivery moves there and is done with; without, it stays `pending` and is tried again.
    """

    outcome: Outcome
    at: datetime
    error: _Word | None = None
    segments: int | None = None
    status: Status | None = None
    reason: Reason | None = None
    provider_message_id: _Word | None = None


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
