"""A user's notification settings: what is not named is opted in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from handlers.domain.categories import CategoryName
from handlers.domain.channels import Channel
from handlers.domain.model import Model
from handlers.domain.quiet_hours import QuietHours

MAX_CATEGORIES: Final = 200


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
    """The stored settings and the time zone of the contact, as far as the check before sending looks at them.

    Of who has told no time zone, the quiet hours are in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    categories: Mapping[str, Mapping[str, bool]] = {}
    """`{"<category>": {"<channel>": true or false}}`."""
    quiet_hours: QuietHours | None = None
    timezone: str = "UTC"

    def allow(self, category: str, channel: str) -> bool:
        """Say whether the user accepts this category on this channel."""
        return self.categories.get(category, {}).get(channel, True)

    def quiet_until(self, at: datetime) -> datetime | None:
        """Return when the quiet hours end in which an aware time lies, in UTC; None when it lies in none."""
        return None if self.quiet_hours is None else self.quiet_hours.until(at, ZoneInfo(self.timezone))


DEFAULT_SETTINGS = Settings()
"""Of a user who never set any."""
