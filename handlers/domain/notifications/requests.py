"""The body of `POST /v1/notifications`."""

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from handlers.domain.categories import CategoryName
from handlers.domain.channels import Channel
from handlers.domain.content.rendering import Content
from handlers.domain.content.templates import TemplateName
from handlers.domain.model import Model
from handlers.domain.notifications.deliveries import Priority
from handlers.domain.people.addresses import EmailAddress, PhoneNumber
from handlers.domain.people.contacts import UserId
from handlers.domain.people.person import person_key
from handlers.domain.times import Instant

MAX_RECIPIENTS = 100


class Recipient(Model):
    """Whom to reach: a user by id, on all the channels asked for, or a bare address, on its own channel."""

    user_id: UserId | None = None
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None

    @property
    def key(self) -> str:
        """What is known of the recipient is kept under this key."""
        return person_key(self.user_id, self.email or self.phone)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(value is not None for value in (self.user_id, self.email, self.phone)) != 1:
            raise PydanticCustomError("recipient", "must have exactly one of user_id, email and phone")
        return self


def distinct_channels(channels: list[Channel]) -> list[Channel]:
    """Refuse a list that names a channel twice."""
    if len(set(channels)) < len(channels):
        raise PydanticCustomError("duplicate", "must not name a channel twice")
    return channels


def either_template_or_content(content: Content | None, info: ValidationInfo) -> Content | None:
    """Refuse both at once, and neither. A template that was refused itself is not in `data`, and has its own error."""
    if "template" in info.data and (content is None) == (info.data["template"] is None):
        raise PydanticCustomError("content", "give either template or content")
    return content


class NotificationRequest(Model):
    """What a producer asks for: `template` or `content`, with `data`, to whom and when.

    `channels` absent stands for the category's own.
    """

    # `data` are JSON values, not checked again: pydantic would make floats of their numbers. Lists, not tuples: of a
    # tuple pydantic counts the good items alone, and would call one bad item none at all.
    category: CategoryName
    template: TemplateName | None = None
    content: Annotated[Content | None, Field(validate_default=True)] = None
    data: dict[str, Any] = Field(default_factory=dict)
    to: Annotated[list[Recipient], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    channels: Annotated[list[Channel], Field(min_length=1), AfterValidator(distinct_channels)] | None = None
    priority: Priority = Priority.NORMAL
    send_at: Instant | None = None
    expires_at: Instant | None = None

    _one_of_them = field_validator("content")(either_template_or_content)
