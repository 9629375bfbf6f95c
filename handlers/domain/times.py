"""Times as JSON and the log have them: RFC 3339 in UTC, always with milliseconds, so that they sort as text."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_REFUSAL: Final = PydanticCustomError("rfc3339", "must be an RFC 3339 date and time such as 2030-01-31T12:00:00Z")


def rfc3339(at: datetime) -> str:
    """Return an aware time as text: `2030-01-31T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from_text(value: object) -> object:
    """Let only text of that form through to pydantic, which would take numbers and bare dates as well."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise _REFUSAL
    return value.upper()


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the first and last days that a datetime can hold, in some other zone
        raise _REFUSAL from None


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_from_text),
    AfterValidator(_in_utc),
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time; in UTC once validated."""
