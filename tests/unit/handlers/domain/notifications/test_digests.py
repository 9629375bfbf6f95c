"""Digests: their windows by the clock, whoever's clock is turned, and who is in which."""

import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.notifications.deliveries import Reason
from handlers.domain.notifications.digests import Digest, digest_data, digest_id, window_end
from handlers.domain.notifications.plan import Planned, plan
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.quiet_hours import QuietHours
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.settings import Settings
from tests.unit.handlers.samples import DEMO, request

HOUR = timedelta(hours=1)
NEWS = Digest(HOUR, "news")
NOON = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)


def planned(
    now: datetime, settings: Settings | None = None, *, devices: int = 0, **fields: object
) -> tuple[Planned, ...]:
    """What is planned for Ada, by e-mail or on so many devices."""
    tokens = tuple(Endpoint(f"token-{n}", "apns") for n in range(devices))
    reach = Reach({"email": (Endpoint("ada@example.com"),), "push": tokens})
    ada = Person(reach, settings) if settings else Person(reach)
    channel = "push" if devices else "email"
    return plan(
        request(channels=[channel], **fields),
        caller=DEMO,
        categories={"payment": ("email",)},
        served=("email", "push"),
        people={"ada": ada},
        now=now,
        digest=NEWS,
    )


@pytest.mark.parametrize(
    ("at", "window", "end"),
    [
        ("2030-01-31T12:00:00+00:00", "1:00:00", "2030-01-31T13:00:00+00:00"),
        ("2030-01-31T12:59:59.999+00:00", "1:00:00", "2030-01-31T13:00:00+00:00"),
        ("2030-01-31T12:20:00+05:30", "1:00:00", "2030-01-31T07:00:00+00:00"),
        ("2030-01-31T23:59:00+00:00", "24:00:00", "2030-02-01T00:00:00+00:00"),
        # When Berlin's clocks go forward, and back: an hour lasts an hour.
        ("2030-03-31T01:30:00+01:00", "1:00:00", "2030-03-31T01:00:00+00:00"),
        ("2030-10-27T02:30:00+01:00", "0:15:00", "2030-10-27T01:45:00+00:00"),
    ],
)
def test_a_window_ends_by_the_clock(at: str, window: str, end: str) -> None:
    hours, minutes, seconds = map(int, window.split(":"))
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    assert window_end(datetime.fromisoformat(at), length) == datetime.fromisoformat(end)


@given(
    st.datetimes(
        timezones=st.just(UTC),
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis has it so
    ),
    st.integers(1, 7 * 24 * 60),
)
def test_a_window_ends_after_each_time_in_it_and_lasts_no_longer_than_it_says(at: datetime, minutes: int) -> None:
    window = timedelta(minutes=minutes)
    end = window_end(at, window)
    assert timedelta() < end - at <= window
    assert window_end(end - timedelta(microseconds=1), window) == end
    assert window_end(end, window) == end + window


def test_all_of_one_window_is_in_one_digest_and_the_next_window_has_another() -> None:
    first, last, after = (planned(NOON + each)[0] for each in (timedelta(), HOUR - timedelta(milliseconds=1), HOUR))
    assert (first.status, first.reason, first.send_at) == (Status.CREATED, Reason.DIGEST, NOON + HOUR)
    assert first.digest_id == last.digest_id != after.digest_id
    assert uuid.UUID(first.digest_id)


def test_each_device_has_a_digest_of_its_own() -> None:
    one, other = planned(NOON, devices=2)
    again, _ = planned(NOON + HOUR / 2, devices=2)
    assert one.digest_id == again.digest_id != other.digest_id


def test_what_has_its_own_time_is_in_the_window_of_that_time() -> None:
    later = NOON + 3 * HOUR + timedelta(minutes=5)
    [scheduled] = planned(NOON, send_at=later.isoformat())
    assert (scheduled.reason, scheduled.send_at) == (Reason.DIGEST, NOON + 4 * HOUR)
    assert scheduled.digest_id == planned(later)[0].digest_id


@pytest.mark.parametrize("day", ["2030-03-30", "2030-10-26", "2030-06-10"], ids=["forward", "back", "neither"])
def test_a_night_is_one_digest_in_the_morning_also_when_the_clocks_are_turned(day: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    asleep = Settings(
        quiet_hours=QuietHours.model_validate({"start": "22:00", "end": "08:00"}), timezone="Europe/Berlin"
    )
    evening = datetime.fromisoformat(f"{day}T21:30:00").replace(tzinfo=berlin).astimezone(UTC)
    morning = (datetime.fromisoformat(f"{day}T08:00:00") + timedelta(days=1)).replace(tzinfo=berlin).astimezone(UTC)
    found = [planned(evening + n * HOUR, asleep)[0] for n in range(9)]
    assert {(each.reason, each.send_at) for each in found} == {(Reason.QUIET_HOURS, morning)}
    assert len({each.digest_id for each in found}) == 1
    [awake] = planned(morning + timedelta(minutes=1), asleep)
    assert (awake.reason, awake.digest_id) == (
        Reason.DIGEST,
        planned(morning + timedelta(minutes=2), asleep)[0].digest_id,
    )
    assert awake.digest_id != found[0].digest_id


def test_what_would_expire_before_its_window_ends_is_told_at_once() -> None:
    [expiring] = planned(NOON, expires_at=(NOON + HOUR / 2).isoformat())
    assert (expiring.status, expiring.reason, expiring.digest_id) == (Status.ERROR, Reason.EXPIRED, None)


def test_what_is_not_sent_is_in_no_digest() -> None:
    [unsubscribed] = planned(NOON, Settings(categories={"payment": {"email": False}}))
    assert (unsubscribed.status, unsubscribed.digest_id) == (Status.UNSUBSCRIBED, None)


def test_no_two_recipients_or_endpoints_share_a_digest_however_they_are_called() -> None:
    ids = [
        digest_id("a", "chat", ("slack", "b\nc"), "news", NOON),
        digest_id("a", "chat", ("slack\nb", "c"), "news", NOON),
        digest_id("a\nchat", "slack", ("b", "c"), "news", NOON),
        digest_id("a", "chat", (None, "b\nc"), "news", NOON),
    ]
    assert len(set(ids)) == len(ids)


def test_a_template_is_given_the_entries_and_their_number() -> None:
    assert digest_data(({"a": 1}, {"a": 2})) == {"items": [{"a": 1}, {"a": 2}], "count": 2}
