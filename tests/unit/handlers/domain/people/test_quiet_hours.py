"""Quiet hours, in every zone, on every day of the year, whichever way the clocks are turned."""

from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers.domain.people.quiet_hours import QuietHours

ZONES = files("tzdata").joinpath("zones").read_text().split()
MINUTE = timedelta(minutes=1)

zones = st.sampled_from(ZONES).map(ZoneInfo)
clock_times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
quiet_hours = (
    st.tuples(clock_times, clock_times)
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda ends: QuietHours(start=ends[0], end=ends[1]))
)
instants = st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def turns(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone, and a time within a day of one at which its clocks are turned, if it has any such time."""
    zone = draw(zones)
    start = draw(instants)
    days = (start + timedelta(days=n) for n in range(370))
    turned = next(
        (d for d in days if d.astimezone(zone).utcoffset() != (d + timedelta(days=1)).astimezone(zone).utcoffset()),
        start,
    )
    return zone, turned + timedelta(minutes=draw(st.integers(-1440, 2880)))


anywhere = st.one_of(st.tuples(zones, instants), turns())


def hours(start: str, end: str) -> QuietHours:
    return QuietHours.model_validate({"start": start, "end": end})


def on_the_wall(at: datetime, zone: ZoneInfo) -> time:
    return at.astimezone(zone).time()


def are_shown(quiet: QuietHours, at: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock on the wall shows a time within them: what everybody takes quiet hours to mean."""
    shown = on_the_wall(at, zone)
    if quiet.start < quiet.end:
        return quiet.start <= shown < quiet.end
    return shown >= quiet.start or shown < quiet.end


def test_the_night_is_quiet_across_midnight_and_the_day_is_not() -> None:
    london = ZoneInfo("Europe/London")
    night = hours("22:00", "08:00")
    morning = datetime(2030, 1, 16, 8, tzinfo=UTC)
    assert night.until(datetime(2030, 1, 15, 22, tzinfo=UTC), london) == morning
    assert night.until(datetime(2030, 1, 16, 7, 59, tzinfo=UTC), london) == morning
    assert night.until(morning, london) is None
    assert night.until(datetime(2030, 1, 15, 21, 59, tzinfo=UTC), london) is None


def test_quiet_hours_are_the_users_own() -> None:
    at = datetime(2030, 7, 15, 12, 0, tzinfo=UTC)
    night = hours("22:00", "08:00")
    assert night.until(at, ZoneInfo("Europe/London")) is None
    assert night.until(at, ZoneInfo("Pacific/Auckland")) == datetime(2030, 7, 15, 20, tzinfo=UTC)


def test_within_one_day_they_are_of_that_day() -> None:
    assert hours("12:00", "14:00").until(datetime(2030, 1, 15, 13, tzinfo=UTC), ZoneInfo("UTC")) == datetime(
        2030, 1, 15, 14, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2030-03-30", "2030-03-31T06:00Z"),  # the clocks go forward in this night, which has an hour less
        ("2030-03-29", "2030-03-30T07:00Z"),
        ("2030-10-26", "2030-10-27T07:00Z"),  # back: an hour more
        ("2030-10-25", "2030-10-26T06:00Z"),
    ],
)
def test_a_night_ends_by_the_clock_however_long_it_is(day: str, end: str) -> None:
    evening = datetime.fromisoformat(f"{day}T22:30").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    assert hours("22:00", "08:00").until(evening, ZoneInfo("Europe/Berlin")) == datetime.fromisoformat(end)


def test_an_end_that_is_never_shown_is_when_the_clock_is_turned() -> None:
    # In Berlin, 02:00 is followed by 03:00 on that day.
    turned = datetime(2030, 3, 31, 1, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert hours("22:00", "02:30").until(turned - MINUTE, berlin) == turned
    assert hours("02:30", "08:00").until(turned - MINUTE, berlin) is None
    assert hours("02:30", "08:00").until(turned, berlin) == datetime(2030, 3, 31, 6, tzinfo=UTC)


def test_what_is_shown_twice_is_quiet_from_the_first_to_the_second() -> None:
    # In Berlin, 03:00 is followed by 02:00 on that day, so 02:30 is at 00:30 and at 01:30 UTC.
    berlin = ZoneInfo("Europe/Berlin")
    between = datetime(2030, 10, 27, 0, 45, tzinfo=UTC)
    assert hours("22:00", "02:30").until(between, berlin) == datetime(2030, 10, 27, 1, 30, tzinfo=UTC)
    assert hours("02:30", "08:00").until(datetime(2030, 10, 27, 1, 5, tzinfo=UTC), berlin) == datetime(
        2030, 10, 27, 7, tzinfo=UTC
    )


def test_a_day_that_never_was_is_quiet_from_one_night_to_the_next() -> None:
    # Samoa went from 29 to 31 December 2011: both nights are one.
    samoa = ZoneInfo("Pacific/Apia")
    late = datetime(2011, 12, 29, 23, 30).replace(tzinfo=samoa)  # noqa: DTZ001
    assert hours("22:00", "08:00").until(late, samoa) == datetime(2011, 12, 31, 8).replace(tzinfo=samoa)  # noqa: DTZ001


@given(quiet_hours, anywhere)
def test_it_is_quiet_whenever_the_clock_shows_so(quiet: QuietHours, where: tuple[ZoneInfo, datetime]) -> None:
    zone, at = where
    if are_shown(quiet, at, zone):
        assert quiet.until(at, zone) is not None


@given(quiet_hours, anywhere)
def test_it_is_not_quiet_when_the_clock_shows_none_unless_it_was_just_turned_back(
    quiet: QuietHours, where: tuple[ZoneInfo, datetime]
) -> None:
    zone, at = where
    if quiet.until(at, zone) is not None and not are_shown(quiet, at, zone):
        # No time is shown twice further apart than the offsets of the day before and the day after.
        day = timedelta(days=1)
        assert (at - day).astimezone(zone).utcoffset() != (at + day).astimezone(zone).utcoffset()


@given(quiet_hours, anywhere)
@example(hours("02:45", "02:30"), (ZoneInfo("Europe/Berlin"), datetime(2030, 10, 27, 0, tzinfo=UTC)))
def test_the_end_comes_later_lies_in_none_and_is_the_first_that_does(
    quiet: QuietHours, where: tuple[ZoneInfo, datetime]
) -> None:
    zone, at = where
    end = quiet.until(at, zone)
    if end is None:
        return
    assert at < end <= at + timedelta(days=3)
    assert quiet.until(end, zone) is None
    # Until then it is quiet throughout, with the same end.
    middle = at + (end - at) / 2
    assert quiet.until(middle, zone) == quiet.until(end - timedelta(seconds=1), zone) == end
