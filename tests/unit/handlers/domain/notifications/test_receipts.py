"""What receipts make of a delivery, in whatever order, and however often."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.domain.notifications.deliveries import Attempt, Delivery, Event, Outcome, Reason, Step
from handlers.domain.notifications.receipts import SUPPRESSES, Receipt, change
from handlers.domain.notifications.statuses import FINAL, RANK, Status, may_move
from tests.unit.handlers.samples import NOW, delivery

SECOND = timedelta(seconds=1)
IN_ORDER = {
    Status.CREATED: (Status.CREATED,),
    Status.PENDING: (Status.CREATED, Status.PENDING),
    Status.SENT: (Status.CREATED, Status.PENDING, Status.SENT),
    Status.OPENED: (Status.CREATED, Status.PENDING, Status.SENT, Status.OPENED),
    Status.CLICKED: (Status.CREATED, Status.PENDING, Status.SENT, Status.OPENED, Status.CLICKED),
    Status.ERROR: (Status.CREATED, Status.PENDING, Status.ERROR),
    Status.UNSUBSCRIBED: (Status.CREATED, Status.UNSUBSCRIBED),
    Status.CANCELED: (Status.CREATED, Status.CANCELED),
}


def one(status: Status = Status.SENT, outcome: Outcome = Outcome.ACCEPTED, **fields: object) -> Delivery:
    sent = status in (Status.SENT, Status.OPENED, Status.CLICKED)
    usual: dict[str, object] = {
        "status": status,
        "timeline": tuple(Step(status=each, at=NOW) for each in IN_ORDER[status]),
        "attempts": (Attempt(attempt=1, at=NOW, provider="ses", outcome=outcome),),
        **({"provider": "ses", "provider_message_id": "m-1"} if sent else {}),
    }
    return delivery().model_copy(update={**usual, **fields})


def after(before: Delivery, event: Event, provider: str | None = "ses", **fields: object) -> Delivery:
    changed = change(before, Receipt(event, provider, **fields), NOW + SECOND)  # type: ignore[arg-type]
    return before if changed is None else changed.of(before)


RECEIPTS = st.builds(
    Receipt,
    event=st.sampled_from(Event),
    provider=st.sampled_from((None, "ses", "sendgrid")),
    message_id=st.sampled_from((None, "m-1", "m-2")),
    machine=st.booleans(),
)
DELIVERIES = st.builds(
    lambda status, outcome, held: one(
        status, outcome, **({"reason": Reason.OUTCOME_UNKNOWN} if held and status is Status.PENDING else {})
    ),
    st.sampled_from(Status),
    st.sampled_from(Outcome),
    st.booleans(),
)


@settings(max_examples=500)
@given(DELIVERIES, st.lists(RECEIPTS, max_size=12).flatmap(lambda some: st.permutations(some + some)))
def test_500_deliveries_through_random_receipts_in_random_order_with_duplicates(
    start: Delivery, receipts: list[Receipt]
) -> None:
    now = start
    for place, receipt in enumerate(receipts):
        changed = change(now, receipt, NOW + place * SECOND)
        if changed is None:
            continue
        then = changed.of(now)
        assert RANK[then.status] >= RANK[now.status], "a status moved backwards"
        assert now.status not in FINAL or then.status is now.status, "a final status was left"
        walked = [now.status, *(step.status for step in changed.steps if step.status is not None)]
        assert all(may_move(one, other) for one, other in pairwise(walked)), "not in the table"
        assert walked[-1] is then.status
        assert len(then.timeline) > len(now.timeline), "a change that nobody can see"
        assert change(then, receipt, NOW) is None, "the same receipt again changed something"
        now = then
    events = [(step.event, step.machine) for step in now.timeline if step.event is not None]
    assert len(events) == len(set(events)), "noted twice"
    statuses = [step.status for step in now.timeline if step.status is not None]
    assert len(statuses) == len(set(statuses)), "a status came twice"
    assert now.status is not Status.CREATED or now == start
    came = {receipt.event for receipt in receipts}
    proven = came & {Event.ACCEPTED, Event.DELIVERED, Event.COMPLAINED}
    assert not (proven and now.status is Status.PENDING), "it was taken, and somebody still waits to send it"
    for suppressing in came & SUPPRESSES.keys() if now.status is not Status.CREATED else ():
        assert suppressing in {event for event, _ in events}, "an address was suppressed, and nothing tells of it"


def test_a_receipt_before_sent_is_written_settles_the_delivery_and_knows_its_provider() -> None:
    settled = after(one(Status.PENDING, Outcome.STARTED), Event.DELIVERED, message_id="m-9")
    assert (settled.status, settled.provider, settled.provider_message_id) == (Status.SENT, "ses", "m-9")
    assert [(step.status, step.event) for step in settled.timeline[2:]] == [
        (Status.SENT, None),
        (None, Event.DELIVERED),
    ]


@pytest.mark.parametrize("event", [Event.ACCEPTED, Event.DELIVERED, Event.COMPLAINED])
def test_an_outcome_that_nobody_knew_is_decided_by_a_receipt(event: Event) -> None:
    held = one(Status.PENDING, Outcome.UNKNOWN, reason=Reason.OUTCOME_UNKNOWN)
    settled = after(held, event)
    assert (settled.status, settled.reason) == (Status.SENT, None)
    assert [each.outcome for each in settled.attempts] == [Outcome.ACCEPTED]


def test_a_worker_that_is_under_way_tells_the_outcome_itself() -> None:
    settled = after(one(Status.PENDING, Outcome.STARTED), Event.DELIVERED)
    assert [each.outcome for each in settled.attempts] == [Outcome.STARTED]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Event.BOUNCED, Reason.BOUNCED),
        (Event.SOFT_BOUNCED, Reason.UNDELIVERED),
        (Event.REJECTED, Reason.UNDELIVERED),
        (Event.FAILED, Reason.UNDELIVERED),
    ],
)
def test_what_comes_back_ends_in_error_through_sent(event: Event, reason: Reason) -> None:
    for start in (one(Status.PENDING, Outcome.STARTED), one(Status.SENT)):
        failed = after(start, event)
        assert (failed.status, failed.reason) == (Status.ERROR, reason)
        assert [step.status for step in failed.timeline][2:] == [Status.SENT, Status.ERROR]
        assert failed.timeline[-1].event is event


def test_a_bounce_of_what_was_opened_is_noted_and_moves_nothing() -> None:
    bounced = after(one(Status.OPENED), Event.BOUNCED)
    assert (bounced.status, bounced.timeline[-1].event) == (Status.OPENED, Event.BOUNCED)


def test_a_failure_of_an_earlier_attempt_says_nothing_of_the_one_under_way() -> None:
    attempts = tuple(
        Attempt(attempt=n, at=NOW, provider=provider, outcome=outcome)
        for n, provider, outcome in ((1, "sendgrid", Outcome.UNKNOWN), (2, "ses", Outcome.STARTED))
    )
    pending = one(Status.PENDING, attempts=attempts)
    assert after(pending, Event.FAILED, "sendgrid").status is Status.PENDING
    assert after(pending, Event.DELIVERED, "sendgrid").status is Status.SENT
    assert after(pending, Event.FAILED, "ses").status is Status.ERROR
    assert after(one(Status.SENT), Event.FAILED, message_id="another").status is Status.SENT


def test_what_a_machine_opens_is_noted_as_its_own_and_a_person_may_still_open_it() -> None:
    seen = after(one(Status.SENT), Event.OPENED, None, machine=True)
    assert (seen.status, seen.timeline[-1].event, seen.timeline[-1].machine) == (Status.SENT, Event.OPENED, True)
    read = after(seen, Event.OPENED, None)
    assert (read.status, read.timeline[-1].status) == (Status.OPENED, Status.OPENED)


def test_sendgrids_id_is_the_same_with_what_it_adds() -> None:
    sent = one(Status.SENT, provider="sendgrid", provider_message_id="14c5d75ce93")
    failed = after(sent, Event.FAILED, "sendgrid", message_id="14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0")
    assert failed.status is Status.ERROR
