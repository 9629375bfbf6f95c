"""A user's notification settings: what is not named is opted in."""

import re
from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from handlers.domain.categories import CategoryName
from handlers.domain.channels import Channel
from handlers.domain.model import Model

MAX_CATEGORIES: Final = 200
_HH_MM: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _from_text(value: object) -> object:
    """Let `22:00` alone through, not the seconds, offsets and numbers that pydantic would take as well."""
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(_HH_MM, value):
        raise PydanticCustomError("clock_time", "must be a time of day such as 22:00")
    return time.fromisoformat(value)


def _as_text(value: time) -> str:
    return value.strftime("%H:%M")


ClockTime = Annotated[
    time,
    BeforeValidator(_from_text),
    PlainSerializer(_as_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _HH_MM}),
]
"""A time of day as the clock on the user's wall shows it, to the minute; in JSON `22:00`."""


class QuietHours(Model):
    """When the user is not to be disturbed, in their own time zone: from `start` until `end`, across midnight if need
    be.
    """

    start: ClockTime
    end: ClockTime

    @field_validator("end")
    @classmethod
    def _is_another_time_than_the_start(cls, end: time, info: ValidationInfo) -> time:
        if end == info.data.get("start"):  # nobody could say whether that is never or always
            raise PydanticCustomError("quiet_hours", "must not be the same as start")
        return end


class UserSettings(Model):
    """A user's notification settings as they choose them, and as they are stored."""

    categories: Annotated[dict[CategoryName, dict[Channel, StrictBool]], Field(max_length=MAX_CATEGORIES)] = Field(
        default_factory=dict
    )
    quiet_hours: QuietHours | None = None

    def document(self) -> dict[str, Any]:
        """Return the settings as JSON has them."""
        return self.model_dump(mode="json")


class Settings(BaseModel):
    """The stored settings, as far as the check before sending looks at them."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    categories: Mapping[str, Mapping[str, bool]] = {}
    """`{"<category>": {"<channel>": true or false}}`."""

    def allow(self, category: str, channel: str) -> bool:
        """Say whether the user accepts this category on this channel."""
        return self.categories.get(category, {}).get(channel, True)


DEFAULT_SETTINGS = Settings()
"""Of a user who never set any."""
