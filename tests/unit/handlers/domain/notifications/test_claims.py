"""Why a claim was refused, from what the condition met."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.notifications.claims import Found, Refusal, lease_end, refusal
from handlers.domain.notifications.statuses import UNSENT, Status
from handlers.domain.times import rfc3339
from tests.unit.handlers.samples import NOW

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)


def found(
    status: Status = Status.PENDING,
    lease_until: datetime | None = None,
    expires_at: datetime | None = None,
    event_id: str = "e",
) -> Found:
    return Found(event_id, status, lease_until, expires_at)


def test_an_event_that_is_not_in_the_log_is_missing() -> None:
    assert refusal(None, "e", NOW) is Refusal.MISSING
    assert refusal(found(event_id="another"), "e", NOW) is Refusal.MISSING


@pytest.mark.parametrize("status", sorted(set(Status) - UNSENT))
def test_what_is_sent_or_final_is_settled_whatever_else(status: Status) -> None:
    assert refusal(found(status, NOW + 9 * SECOND, NOW), "e", NOW) is Refusal.SETTLED


def test_what_is_held_is_leased_until_its_lease_ends_to_the_millisecond() -> None:
    held = found(lease_until=NOW)
    for now in (NOW - SECOND, NOW, NOW + 999 * MICROSECOND):
        assert refusal(held, "e", now) is Refusal.LEASED
        assert not held.is_lapsed(now)
    assert held.is_lapsed(NOW + MILLISECOND)


@pytest.mark.parametrize("status", sorted(UNSENT))
def test_what_nobody_holds_has_expired_when_its_time_has_passed(status: Status) -> None:
    assert refusal(found(status, expires_at=NOW), "e", NOW) is Refusal.EXPIRED
    assert refusal(found(status, expires_at=NOW + MILLISECOND), "e", NOW) is Refusal.CONTENDED


INSTANTS = st.integers(-3_000_000, 3_000_000).map(lambda microseconds: NOW + timedelta(microseconds=microseconds))


@given(
    st.sampled_from(Status),
    st.none() | INSTANTS,
    st.none() | INSTANTS,
    INSTANTS,
)
def test_only_what_has_an_expiry_that_passed_has_expired(
    status: Status, lease_until: datetime | None, expires_at: datetime | None, now: datetime
) -> None:
    if refusal(found(status, lease_until, expires_at), "e", now) is Refusal.EXPIRED:
        assert expires_at is not None
        assert rfc3339(expires_at) <= rfc3339(now)


def test_what_was_found_free_and_in_time_goes_back_and_is_not_ended() -> None:
    for each in (found(Status.CREATED), found(lease_until=NOW - SECOND), found(lease_until=None)):
        assert refusal(each, "e", NOW) is Refusal.CONTENDED


def test_what_was_never_claimed_cannot_be_taken_over() -> None:
    assert not found(Status.CREATED).is_lapsed(NOW)
    assert found(lease_until=None).is_lapsed(NOW)


def test_a_lease_ends_after_its_invocation_also_by_a_clock_that_is_ahead() -> None:
    assert lease_end(NOW) == NOW + SECOND
