"""When a user is not to be disturbed, by the clock on their own wall.

Clocks are turned forward and back, and so quiet hours are found from their two ends, as points in time:

- when clocks go forward past an end, quiet hours end at that moment;
- when clocks go back, an hour comes twice. Quiet hours start at the first of two possible starts and end at the second
  of two possible ends: whoever asks not to be disturbed until half past two is asleep both times.
"""

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from handlers.domain.model import Model

_HH_MM: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


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
    """When the user is not to be disturbed: from `start` until `end`, across midnight when that is the earlier one."""

    start: ClockTime
    end: ClockTime

    @field_validator("end")
    @classmethod
    def _is_another_time_than_the_start(cls, end: time, info: ValidationInfo) -> time:
        if end == info.data.get("start"):  # nobody could say whether that is never or always
            raise PydanticCustomError("quiet_hours", "must not be the same as start")
        return end

    def until(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the end, in UTC, of the quiet hours at an aware time; None when it is outside of them.

        The end lies in no quiet hours itself: those that the turn of a clock makes overlap are one.
        """
        end = at
        today = at.astimezone(zone).date()
        for day in (today - _DAY, today, today + _DAY):
            begins, ends = self._of(day, zone)
            if begins <= end < ends:
                end = ends
        return None if end == at else end

    def _of(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the two ends, in UTC, of the quiet hours that start on this day."""
        last_day = day if self.start < self.end else day + _DAY
        return _moment(day, self.start, zone, fold=0), _moment(last_day, self.end, zone, fold=1)


def _moment(day: date, clock: time, zone: ZoneInfo, *, fold: int) -> datetime:
    """Return when the clock shows this, the first time (fold 0) or the second, or when it is turned past it."""
    shown = datetime.combine(day, clock)
    at = shown.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == shown:
        return at
    # PEP 495: of a time that is never shown, fold 1 leads before the turn and fold 0 behind it.
    before, behind = (shown.replace(tzinfo=zone, fold=each).astimezone(UTC) for each in (1, 0))
    seconds = range(int((behind - before).total_seconds()))
    turned = bisect_left(seconds, True, key=lambda n: _shows(before + n * _SECOND, zone) > shown)
    return before + turned * _SECOND


def _shows(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
