"""The body of `POST /v1/broadcasts`."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from handlers.domain.categories import CategoryName
from handlers.domain.channels import Channel
from handlers.domain.content.rendering import Content
from handlers.domain.content.templates import TemplateName
from handlers.domain.model import Model, is_absent
from handlers.domain.notifications.requests import (
    NotificationRequest,
    Recipient,
    distinct_channels,
    either_template_or_content,
)
from handlers.domain.people.contacts import Tag
from handlers.domain.times import Instant

FASTEST: Final = 1000
"""Recipients a second. What one region carries is worked out in docs/scale.md."""

USUAL_RATE: Final = 100


class Format(StrEnum):
    """How the file of an audience is written: one recipient a line."""

    CSV = "csv"
    """The first line names the columns: `user_id`, `email`, `phone`, one or more of them."""
    JSONL = "jsonl"
    """Each line is an object as in `to` of a notification."""


class Audience(Model):
    """Whom a broadcast is for: all contacts with a tag, or those in a file that is to be uploaded."""

    tag: Tag | None = Field(default=None, exclude_if=is_absent)
    upload: Format | None = Field(default=None, exclude_if=is_absent)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.tag is None) == (self.upload is None):
            raise PydanticCustomError("audience", "must have exactly one of tag and upload")
        return self


class BroadcastRequest(Model):
    """What a producer asks for: `template` or `content`, with `data`, to an audience.

    `channels` absent stands for the category's own. `rate` is in recipients a second, at most.
    """

    category: CategoryName
    template: TemplateName | None = None
    content: Annotated[Content | None, Field(validate_default=True)] = None
    data: dict[str, Any] = Field(default_factory=dict)
    audience: Audience
    channels: Annotated[list[Channel], Field(min_length=1), AfterValidator(distinct_channels)] | None = None
    rate: Annotated[int, Field(gt=0, le=FASTEST)] = USUAL_RATE
    expires_at: Instant | None = None

    _one_of_them = field_validator("content")(either_template_or_content)

    def to(self, recipients: Iterable[Recipient]) -> NotificationRequest:
        """Return the notification to some of its audience. Nothing is validated again."""
        return NotificationRequest.model_construct(
            category=self.category,
            template=self.template,
            content=self.content,
            data=self.data,
            to=list(recipients),
            channels=self.channels,
            expires_at=self.expires_at,
        )
