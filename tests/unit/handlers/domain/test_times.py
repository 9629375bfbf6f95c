"""Times come in as RFC 3339 and go out in UTC, with milliseconds, so that they sort as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from handlers.domain.times import Instant, rfc3339

instant: TypeAdapter[datetime] = TypeAdapter(Instant)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00.000Z"),
        ("2030-01-31t12:00:00.1239z", "2030-01-31T12:00:00.123Z"),
        ("2030-01-31 12:00:00+02:00", "2030-01-31T10:00:00.000Z"),
    ],
)
def test_a_time_is_kept_in_utc(text: str, kept: str) -> None:
    assert instant.dump_python(instant.validate_python(text)) == kept


@pytest.mark.parametrize(
    "refused",
    [
        *("tomorrow", "2030-01-31", "2030-01-31T12:00:00", "2030-01-31T12:00Z", "1900000000", ""),
        *("2030-02-30T12:00:00Z", "2030-01-31T25:00:00Z", "0001-01-01T00:00:00+14:00", "2030-01-31T12:00:00Z\n"),
        *(1900000000, None, True),
    ],
)
def test_what_is_no_rfc_3339_time_is_refused(refused: object) -> None:
    with pytest.raises(ValidationError):
        instant.validate_python(refused)


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        ("2016-12-31T23:59:60Z", "is in a leap second (:60), which is not taken: say :59"),
        ("2030-02-30T12:00:00Z", "is a date or a time of day that there is not"),
        ("0000-01-01T00:00:00Z", "is a date or a time of day that there is not"),
        ("2030-01-31T24:00:00Z", "is a date or a time of day that there is not"),
        ("2030-01-31T12:61:00Z", "is a date or a time of day that there is not"),
        ("2030-01-31T12:00:00+24:00", "is a date or a time of day that there is not"),
        ("2030-01-31T12:00:00+10:75", "is a date or a time of day that there is not"),
        ("0001-01-01T00:00:00+14:00", "must be in one of the years 0001 to 9999, in UTC"),
        ("9999-12-31T23:59:59-01:00", "must be in one of the years 0001 to 9999, in UTC"),
        ("tomorrow", "must be an RFC 3339 date and time such as 2030-01-31T12:00:00Z"),
    ],
)
def test_a_time_that_is_refused_is_told_why(refused: str, why: str) -> None:
    with pytest.raises(ValidationError) as error:
        instant.validate_python(refused)
    assert [each["msg"] for each in error.value.errors()] == [why]


times = st.integers(min_value=0, max_value=32 * 10**15).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


@given(times, times)
def test_times_sort_as_their_texts_do(one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))
    assert rfc3339(earlier) <= rfc3339(later)
    if later - earlier >= timedelta(milliseconds=1):
        assert rfc3339(earlier) < rfc3339(later)


@given(times)
def test_a_time_survives_as_text_to_the_millisecond(at: datetime) -> None:
    back = instant.validate_python(rfc3339(at.astimezone(timezone(timedelta(hours=5, minutes=30)))))
    assert timedelta(0) <= at - back < timedelta(milliseconds=1)
