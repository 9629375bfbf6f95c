"""Times as JSON and the log have them: RFC 3339 in UTC, always with milliseconds, so that they sort as text."""

import re
from datetime import UTC, datetime, time
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_RFC3339: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<clock>\d\d:\d\d:(?P<second>\d\d))(?P<fraction>\.\d+)?"
    r"([Zz]|[+-](?P<offset>\d\d:\d\d))",
    re.ASCII,
)
_FORM: Final = PydanticCustomError("rfc3339", "must be an RFC 3339 date and time such as 2030-01-31T12:00:00Z")
_LEAP_SECOND: Final = PydanticCustomError("leap_second", "is in a leap second (:60), which is not taken: say :59")
_NO_SUCH_TIME: Final = PydanticCustomError("no_such_time", "is a date or a time of day that there is not")
_OUT_OF_RANGE: Final = PydanticCustomError("out_of_range", "must be in one of the years 0001 to 9999, in UTC")


def rfc3339(at: datetime) -> str:
    """Return an aware time as text: `2030-01-31T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from_text(value: object) -> object:
    """Return the time in a text of that form: pydantic would take numbers and bare dates as well."""
    if isinstance(value, datetime):
        return value
    found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _FORM
    if found["second"] == "60":
        raise _LEAP_SECOND
    try:
        time.fromisoformat(found["clock"]), time.fromisoformat(found["offset"] or "00:00")
        return datetime.fromisoformat(found[0].upper())
    except ValueError:
        raise _NO_SUCH_TIME from None


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the first and last days that a datetime can hold, in some other zone
        raise _OUT_OF_RANGE from None


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_from_text),
    AfterValidator(_in_utc),
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time; in UTC once validated."""
