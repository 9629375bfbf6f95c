"""What an operator may have sent again, and what nobody may."""

from datetime import timedelta
from typing import Any

import pytest

from handlers.domain.notifications.claims import Found
from handlers.domain.notifications.deliveries import Attempt, Delivery, Outcome, Reason, Step
from handlers.domain.notifications.failures import Refusal, refusal
from handlers.domain.notifications.redrives import Redrive, Waiting, next_step
from handlers.domain.notifications.statuses import Status
from tests.unit.handlers.samples import NOW, delivery


def ended(status: Status, *before: Status, reason: Reason | None = Reason.UNAVAILABLE, **fields: Any) -> Delivery:
    path = (Status.CREATED, Status.PENDING, *before, status)
    timeline = tuple(Step(status=each, at=NOW) for each in dict.fromkeys(path))
    return delivery(status=status, reason=reason, timeline=timeline, **fields)


def tried(*outcomes: Outcome) -> tuple[Attempt, ...]:
    return tuple(Attempt(attempt=n, at=NOW, provider="ses", outcome=each) for n, each in enumerate(outcomes, start=1))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (ended(Status.ERROR, attempts=tried(Outcome.UNAVAILABLE)), None),
        (ended(Status.ERROR, reason=Reason.NO_PROVIDER), None),
        *((ended(each), Refusal.NOT_FAILED) for each in (Status.SENT, Status.CANCELED, Status.UNSUBSCRIBED)),
        (ended(Status.PENDING), Refusal.NOT_FAILED),
        (ended(Status.ERROR, Status.SENT), Refusal.WAS_SENT),
        (ended(Status.ERROR, reason=Reason.EXPIRED), Refusal.EXPIRED),
        (ended(Status.ERROR, expires_at=NOW), Refusal.EXPIRED),
        (ended(Status.ERROR, expires_at=NOW + timedelta(seconds=1)), None),
        (delivery(status=Status.ERROR, reason=Reason.NO_ENDPOINT), Refusal.NEVER_PLANNED),
    ],
)
def test_what_was_never_sent_may_be_and_nothing_else(given: Delivery, why: Refusal | None) -> None:
    for accepts in (False, True):
        assert refusal(given, NOW, accept_duplicates=accepts) is why


@pytest.mark.parametrize("last", [Outcome.UNKNOWN, Outcome.STARTED])
def test_what_may_have_been_sent_is_only_when_a_duplicate_is_accepted(last: Outcome) -> None:
    held = ended(Status.PENDING, reason=Reason.OUTCOME_UNKNOWN, attempts=tried(last))
    failed_since = ended(Status.ERROR, attempts=tried(last, Outcome.UNAVAILABLE))
    for each in (held, failed_since):
        assert refusal(each, NOW, accept_duplicates=False) is Refusal.MAY_BE_SENT
        assert refusal(each, NOW, accept_duplicates=True) is None


def test_after_an_operators_redrive_the_rounds_begin_anew() -> None:
    waits = (timedelta(minutes=15), timedelta(hours=1))
    used_up = tuple(Redrive(n, "503", NOW, NOW) for n in (1, 2))
    found = Found("e", Status.PENDING, None, None)
    for redrives, round_ in ((used_up, None), ((*used_up, Redrive(0, "operator", NOW, NOW)), 1)):
        step = next_step(Waiting(found, NOW, redrives=redrives), "e", None, NOW, waits)
        assert (step.redrive.round if step.redrive else None) == round_
