"""Why a claim was refused, from what the condition met."""

from datetime import datetime, timedelta

import pytest

from handlers.domain.notifications.claims import Found, Refusal, lapsed, refusal
from handlers.domain.notifications.statuses import UNSENT, Status
from tests.unit.handlers.samples import NOW

SECONDS = int(NOW.timestamp())


def found(
    status: Status = Status.PENDING,
    lease_until: int | None = None,
    expires_at: datetime | None = None,
    event_id: str = "e",
) -> Found:
    return Found(event_id, status, lease_until, expires_at)


def test_an_event_that_is_not_in_the_log_is_missing() -> None:
    assert refusal(None, "e", NOW) is Refusal.MISSING
    assert refusal(found(event_id="another"), "e", NOW) is Refusal.MISSING


@pytest.mark.parametrize("status", sorted(set(Status) - UNSENT))
def test_what_is_sent_or_final_is_settled_whatever_else(status: Status) -> None:
    assert refusal(found(status, SECONDS + 9, NOW), "e", NOW) is Refusal.SETTLED


def test_what_is_held_is_leased_until_its_lease_ends() -> None:
    assert refusal(found(lease_until=SECONDS), "e", NOW) is Refusal.LEASED
    assert not lapsed(found(lease_until=SECONDS), NOW)
    assert lapsed(found(lease_until=SECONDS), NOW + timedelta(seconds=1))


def test_what_nobody_holds_and_is_still_refused_has_expired() -> None:
    assert refusal(found(expires_at=NOW), "e", NOW) is Refusal.EXPIRED
    assert refusal(found(Status.CREATED, expires_at=NOW), "e", NOW) is Refusal.EXPIRED


def test_what_was_never_claimed_cannot_be_taken_over() -> None:
    assert not lapsed(found(Status.CREATED), NOW)
    assert lapsed(found(lease_until=None), NOW)
