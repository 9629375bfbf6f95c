"""A user's notification settings: what is not named is opted in."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from handlers.domain.channels import Channel
from handlers.domain.model import Model
from handlers.domain.people.quiet_hours import QuietHours
from handlers.domain.problems import FieldError, InvalidRequest

MAX_CATEGORIES: Final = 200

Wanted = Mapping[str, Mapping[str, bool]]
"""`{"<category>": {"<channel>": true or false}}`."""


class UserSettings(Model):
    """A user's notification settings; what they do not name is opted in."""

    # Which categories and channels there are is the environment's to say (`Offer`): what was stored before one of them
    # went must still be read.
    categories: dict[str, dict[str, StrictBool]] = Field(
        default_factory=dict, json_schema_extra={"maxProperties": MAX_CATEGORIES}
    )
    quiet_hours: QuietHours | None = None

    def document(self) -> dict[str, Any]:
        """Return the settings as JSON has them."""
        return self.model_dump(mode="json")

    def allow(self, category: str, channel: str) -> bool:
        """Say whether the user accepts this category on this channel."""
        return _allowed(self.categories, category, channel)


class Settings(BaseModel):
    """The stored settings and the time zone of the contact, as far as the check before sending looks at them.

    Of who has told no time zone, the quiet hours are in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    categories: Wanted = {}
    quiet_hours: QuietHours | None = None
    timezone: str = "UTC"

    def allow(self, category: str, channel: str) -> bool:
        """Say whether the user accepts this category on this channel."""
        return _allowed(self.categories, category, channel)

    def quiet_until(self, at: datetime) -> datetime | None:
        """Return the end, in UTC, of the quiet hours at an aware time; None when it is outside of them."""
        return None if self.quiet_hours is None else self.quiet_hours.until(at, ZoneInfo(self.timezone))


def _allowed(categories: Wanted, category: str, channel: str) -> bool:
    return categories.get(category, {}).get(channel, True)


DEFAULT_SETTINGS = Settings()
"""Of a user who never set any."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to choose in this environment: its categories and channels, but not whether critical ones come."""

    categories: AbstractSet[str]
    critical: AbstractSet[str]
    channels: Sequence[Channel]

    def check(self, chosen: UserSettings) -> None:
        """Raise `InvalidRequest` naming all that is chosen and cannot be."""
        if len(chosen.categories) > MAX_CATEGORIES:
            raise InvalidRequest.field("categories", f"must be {MAX_CATEGORIES} at most")
        errors = [*self._unknown(chosen.categories), *self._always_sent(chosen.categories)]
        if errors:
            raise InvalidRequest.fields(errors)

    def shown(self, settings: UserSettings) -> UserSettings:
        """Return what of the settings can be chosen here, so that it can be chosen again as it is."""
        shown = {category: self._offered(category, of) for category, of in settings.categories.items()}
        # One that names no channel says nothing, unless it was chosen so.
        kept = {category: of for category, of in shown.items() if of or of == settings.categories[category]}
        categories = {category: of for category, of in kept.items() if category in self.categories}
        return settings.model_copy(update={"categories": categories})

    def _offered(self, category: str, of: Mapping[str, bool]) -> dict[str, bool]:
        is_free = category not in self.critical
        return {channel: wanted for channel, wanted in of.items() if channel in self.channels and (wanted or is_free)}

    def _unknown(self, categories: Wanted) -> Iterable[FieldError]:
        for category, of in categories.items():
            if category not in self.categories:
                there_are = ", ".join(sorted(self.categories))
                yield FieldError(f"categories.{category}", f"is not a category of this environment; it has {there_are}")
            for channel in of:
                if channel not in self.channels:
                    message = f"is not a channel of this environment; it has {', '.join(self.channels)}"
                    yield FieldError(f"categories.{category}.{channel}", message)

    def _always_sent(self, categories: Wanted) -> Iterable[FieldError]:
        for category in sorted(self.critical & categories.keys()):
            if not all(categories[category].values()):
                yield FieldError(f"categories.{category}", "is critical: it is always sent and cannot be switched off")
