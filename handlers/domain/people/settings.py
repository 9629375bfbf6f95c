"""A user's notification settings: what is not named is opted in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from handlers.domain.categories import CategoryName
from handlers.domain.channels import Channel
from handlers.domain.model import Model
from handlers.domain.people.quiet_hours import QuietHours

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

    def allow(self, category: str, channel: Channel) -> bool:
        """Say whether the user accepts this category on this channel."""
        return _allowed(self.categories, category, channel)

    def without(self, category: str, channel: Channel) -> "UserSettings":
        """Return the settings, opted out of this category on this channel."""
        return self.updated(UserSettings(categories={category: {channel: False}}, quiet_hours=self.quiet_hours))

    def updated(self, chosen: "UserSettings") -> "UserSettings":
        """Return the settings with what is chosen in place of what it is about; other categories stay as they are."""
        named = {name: {**self.categories.get(name, {}), **of} for name, of in chosen.categories.items()}
        return UserSettings(categories={**self.categories, **named}, quiet_hours=chosen.quiet_hours)


class Settings(BaseModel):
    """The stored settings and the time zone of the contact, as far as the check before sending looks at them.

    Of who has told no time zone, the quiet hours are in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    categories: Mapping[str, Mapping[str, bool]] = {}
    """`{"<category>": {"<channel>": true or false}}`."""
    quiet_hours: QuietHours | None = None
    timezone: str = "UTC"
    devices: frozenset[str] | None = None
    """The keys of the devices that are the user's now; None on a channel that has no devices."""

    def allow(self, category: str, channel: str) -> bool:
        """Say whether the user accepts this category on this channel."""
        return _allowed(self.categories, category, channel)

    def quiet_until(self, at: datetime) -> datetime | None:
        """Return when the quiet hours end in which an aware time lies, in UTC; None when it lies in none."""
        return None if self.quiet_hours is None else self.quiet_hours.until(at, ZoneInfo(self.timezone))


def _allowed(categories: Mapping[str, Mapping[Any, bool]], category: str, channel: str) -> bool:
    return categories.get(category, {}).get(channel, True)


DEFAULT_SETTINGS = Settings()
"""Of a user who never set any."""
