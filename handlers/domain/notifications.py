"""The body of `POST /v1/notifications`, the notification as the log keeps it, and the answers about it."""

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from handlers.domain.addresses import EmailAddress, PhoneNumber
from handlers.domain.channels import Channel
from handlers.domain.contacts import UserId
from handlers.domain.deliveries import Attempt, Delivery, Priority, Reason, Step
from handlers.domain.model import Model, is_absent
from handlers.domain.rendering import Content
from handlers.domain.statuses import Status
from handlers.domain.templates import TemplateName
from handlers.domain.times import Instant

MAX_RECIPIENTS = 100

CategoryName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
"""A category's name. It is part of the event's source and detail-type, of which EventBridge takes 128 characters."""


class Recipient(Model):
    """Whom to reach: a user by id, on all the channels asked for, or a bare address, on its own channel."""

    user_id: UserId | None = None
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(value is not None for value in (self.user_id, self.email, self.phone)) != 1:
            raise PydanticCustomError("recipient", "must have exactly one of user_id, email and phone")
        return self


def _distinct(channels: list[Channel]) -> list[Channel]:
    if len(set(channels)) < len(channels):
        raise PydanticCustomError("duplicate", "must not name a channel twice")
    return channels


class NotificationRequest(Model):
    """What a producer asks for. `channels` absent stands for all that the category is sent on.

    Lists, not tuples: of a tuple pydantic counts the good items alone, and would call one bad item none at all.
    """

    category: CategoryName
    template: TemplateName | None = None
    content: Annotated[Content | None, Field(validate_default=True)] = None
    data: dict[str, JsonValue] = Field(default_factory=dict)
    to: Annotated[list[Recipient], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    channels: Annotated[list[Channel], Field(min_length=1), AfterValidator(_distinct)] | None = None
    priority: Priority = Priority.NORMAL
    expires_at: Instant | None = None

    @field_validator("content")
    @classmethod
    def _is_given_instead_of_a_template(cls, content: Content | None, info: ValidationInfo) -> Content | None:
        # A template that was refused itself is not in `data`, and has its own error.
        if "template" in info.data and (content is None) == (info.data["template"] is None):
            raise PydanticCustomError("content", "give either template or content")
        return content


class Notification(Model):
    """A notification as the log keeps it; its deliveries lie beside it.

    `fingerprint` is the SHA-256 of the request, by which a repeated idempotency key is recognised as the same request.
    """

    notification_id: str
    app_key: str
    category: str
    template: str | None = Field(default=None, exclude_if=is_absent)
    priority: Priority
    expires_at: Instant | None = Field(default=None, exclude_if=is_absent)
    created_at: Instant
    fingerprint: str


class PlannedDelivery(Model):
    """A delivery as a dry run answers it: whether it would be sent, or why not."""

    user_id: str | None = Field(default=None, exclude_if=is_absent)
    channel: Channel
    status: Status
    reason: Reason | None = Field(default=None, exclude_if=is_absent)


class AcceptedDelivery(PlannedDelivery):
    """A delivery as it is answered when it has been accepted."""

    delivery_id: str


class DeliveryState(AcceptedDelivery):
    """A delivery with all that has happened to it."""

    provider: str | None = Field(default=None, exclude_if=is_absent)
    attempts: tuple[Attempt, ...]
    timeline: tuple[Step, ...]


class DryRun(Model):
    """The answer to a dry run, in the order of the request's recipients."""

    deliveries: tuple[PlannedDelivery, ...]


class Accepted(Model):
    """The answer to an accepted notification, in the order of the request's recipients."""

    notification_id: str
    deliveries: tuple[AcceptedDelivery, ...]

    @classmethod
    def of(cls, notification_id: str, deliveries: tuple[Delivery, ...]) -> "Accepted":
        """Return the answer about these deliveries."""
        shown = AcceptedDelivery.model_fields.keys()
        return cls(
            notification_id=notification_id,
            deliveries=tuple(AcceptedDelivery(**{f: getattr(each, f) for f in shown}) for each in deliveries),
        )


class NotificationState(Model):
    """A notification with all that has happened to it, its deliveries in the order in which they were accepted."""

    notification_id: str
    category: str
    template: str | None = Field(default=None, exclude_if=is_absent)
    priority: Priority
    expires_at: Instant | None = Field(default=None, exclude_if=is_absent)
    created_at: Instant
    deliveries: tuple[DeliveryState, ...]

    @classmethod
    def of(cls, notification: Notification, deliveries: tuple[Delivery, ...]) -> "NotificationState":
        """Return the answer about this notification."""
        shown = DeliveryState.model_fields.keys()
        kept = cls.model_fields.keys() & Notification.model_fields.keys()
        return cls(
            **{field: getattr(notification, field) for field in kept},
            deliveries=tuple(DeliveryState(**{f: getattr(each, f) for f in shown}) for each in deliveries),
        )
