"""What every log keeps, in memory or in DynamoDB. Subclasses give the fixture `log`."""

import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import pytest

from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.content.links import Link
from handlers.domain.notifications.claims import Claimed, Refusal, Undecided
from handlers.domain.notifications.deliveries import (
    FIRST_ATTEMPTS,
    LATEST_ATTEMPTS,
    Conclusion,
    Delivery,
    Event,
    Outcome,
    Reason,
)
from handlers.domain.notifications.due import (
    AFTER_ACCEPTANCE,
    AFTER_FAILURE,
    HELD,
    REDRIVEN,
    SHARDS,
    DueDelivery,
    shard,
)
from handlers.domain.notifications.receipts import Receipt, change
from handlers.domain.notifications.redrives import Redrive, Waiting
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.same_address import address_key
from handlers.domain.times import rfc3339
from handlers.ports import DeliveryLog, DueIndex, NotificationLog, Observations, RedriveLog
from tests.unit.handlers.samples import NOW, delivery, notification, payload, said

LEASE = timedelta(seconds=30)
MANY = 99
"""Attempts of unknown outcome that keep nobody from another one."""
SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)


class Log(NotificationLog, DeliveryLog, Observations, DueIndex, RedriveLog, Protocol):
    """All of the log."""


def accepted(log: Log, **fields: object) -> Delivery:
    """A delivery that was accepted at NOW; if the log is to keep it `apart`, not in one item with its notification."""
    says, given = said(fields), delivery(**fields)  # type: ignore[arg-type]
    if getattr(log, "apart", False):
        given = given.model_copy(update={"notification_id": str(uuid.uuid4())})
    assert log.accept(notification(given.notification_id), [given], says)
    return given


def claim(log: Log, given: Delivery, now: datetime = NOW, retries: int = MANY) -> Claimed | Undecided | Refusal:
    return log.claim(given.event(), provider="ses", lease_until=now + LEASE, now=now, unknown_retries=retries)


def claimed(log: Log, given: Delivery, now: datetime = NOW) -> Delivery:
    """The delivery, with an attempt begun: by the claim, or after it if an earlier outcome is unknown."""
    claim_of = claim(log, given, now)
    assert isinstance(claim_of, Claimed)
    if claim_of.begun:
        return claim_of.delivery
    begun = log.begin(claim_of.delivery, provider="ses", now=now)
    assert begun is not None
    return begun


def unattempted(log: Log, given: Delivery, now: datetime = NOW) -> Delivery:
    """The delivery, leased without an attempt."""
    leased = log.claim(given.event(), provider=None, lease_until=now + LEASE, now=now, unknown_retries=MANY)
    assert isinstance(leased, Claimed)
    return leased.delivery


def stored(log: Log, given: Delivery) -> Delivery:
    found = log.find(given.notification_id)
    assert found is not None
    return next(each for each in found[1] if each.delivery_id == given.delivery_id)


def waiting(log: Log, given: Delivery) -> Waiting:
    found = log.waiting(given.event())
    assert found is not None
    return found


def link_to(given: Delivery) -> Link:
    return Link(given.notification_id, given.delivery_id)


def due(log: Log, now: datetime, channels: Iterable[Channel] = CHANNELS) -> list[DueDelivery]:
    return _within(log, now, (part for channel in channels for part in SHARDS[channel]))


def due_of(log: Log, given: Delivery, now: datetime) -> list[DueDelivery]:
    """Where a delivery may be: to look into every partition takes most of the time of these tests."""
    channel, by = given.channel, given.digest_id or given.delivery_id
    lanes = (shard(channel, by, is_urgent=is_urgent) for is_urgent in (False, True))
    found = _within(log, now, (*lanes, REDRIVEN[channel], HELD[channel]))
    return [each for each in found if each.event.delivery_id == given.delivery_id]


def _within(log: Log, now: datetime, parts: Iterable[str]) -> list[DueDelivery]:
    return [each for part in parts for page in log.due(part, now) for each in page]


SENT = Conclusion(outcome=Outcome.ACCEPTED, at=NOW + SECOND, status=Status.SENT, provider_message_id="m-1")
UNAVAILABLE = Conclusion(outcome=Outcome.UNAVAILABLE, at=NOW + SECOND, error="503")


class LogContract:
    """The promises, from acceptance to the last status."""

    # -- whose address ------------------------------------------------------------------------------------------------

    def test_a_claim_to_another_address_is_of_a_delivery_to_there_and_so_are_its_events(self, log: Log) -> None:
        given = accepted(log, endpoint="ada@example.com")
        claim_of = log.claim(
            given.event(),
            provider="ses",
            lease_until=NOW + LEASE,
            now=NOW,
            unknown_retries=MANY,
            address="ada@new.example.com",
        )
        assert isinstance(claim_of, Claimed)
        assert claim_of.delivery.endpoint == stored(log, given).endpoint == "ada@new.example.com"
        [found] = [each for each in due(log, NOW + timedelta(days=1)) if each.event.delivery_id == given.delivery_id]
        assert found.event == claim_of.delivery.event()
        assert found.event.address_key == address_key("ada@new.example.com")

    # -- acceptance ----------------------------------------------------------------------------------------------------

    def test_what_was_accepted_is_found_in_its_order(self, log: Log) -> None:
        head = notification(expires_at=NOW + LEASE, template="receipt")
        deliveries = [
            delivery(head.notification_id, position=0, expires_at=NOW + LEASE, locale="de"),
            delivery(head.notification_id, position=1, user_id=None, channel="chat", platform="slack"),
            delivery(
                head.notification_id,
                position=2,
                template={"name": "receipt", "key": "templates/receipt/email/de.j2", "version_id": "v1"},
            ),
            delivery(head.notification_id, position=3, status=Status.ERROR, reason=Reason.NO_ENDPOINT, endpoint=None),
        ]
        assert log.accept(head, list(reversed(deliveries)), payload())
        assert log.find(head.notification_id) == (head, tuple(deliveries))

    def test_what_was_never_accepted_is_not_found(self, log: Log) -> None:
        assert log.find(str(uuid.uuid4())) is None

    def test_a_repeated_acceptance_changes_nothing_of_a_delivery_that_moved_on(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), SENT)
        before = log.find(given.notification_id)
        again = delivery(given.notification_id)
        assert not log.accept(notification(given.notification_id), [again], payload())
        assert log.find(given.notification_id) == before

    # -- claims --------------------------------------------------------------------------------------------------------

    def test_a_claim_returns_all_that_is_needed_and_begins_an_attempt(self, log: Log) -> None:
        given = accepted(log)
        taken = claimed(log, given)
        assert taken.endpoint == given.endpoint
        assert [(a.attempt, a.provider, a.outcome) for a in taken.attempts] == [(1, "ses", Outcome.STARTED)]
        assert [step.status for step in taken.timeline] == [Status.CREATED, Status.PENDING]
        assert stored(log, given) == taken

    def test_of_many_claims_at_once_exactly_one_gets_the_delivery(self, log: Log) -> None:
        for _ in range(5):
            given = accepted(log)
            with ThreadPoolExecutor(8) as threads:
                results = list(threads.map(lambda _: claim(log, given), range(8)))  # noqa: B023 - used at once
            assert [type(result) for result in results].count(Claimed) == 1
            assert results.count(Refusal.LEASED) == 7
            assert len(stored(log, given).attempts) == 1

    def test_of_many_takeovers_at_once_exactly_one_gets_the_delivery(self, log: Log) -> None:
        given = accepted(log)
        claimed(log, given)
        later = NOW + LEASE + 2 * SECOND
        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(lambda _: claim(log, given, later), range(8)))
        assert [type(result) for result in results].count(Claimed) == 1
        assert len(stored(log, given).attempts) == 1, "whose turn it is now depends on whose it was"

    def test_a_lease_is_kept_until_it_ends_and_taken_over_after(self, log: Log) -> None:
        given = accepted(log)
        claimed(log, given)
        # A second more than the invocation, as clocks differ.
        assert claim(log, given, NOW + LEASE + SECOND) is Refusal.LEASED
        taken = claimed(log, given, NOW + LEASE + SECOND + MILLISECOND)
        assert [attempt.outcome for attempt in taken.attempts] == [Outcome.UNKNOWN, Outcome.STARTED]
        # The status did not change, and the timeline tells nothing else.
        assert [step.status for step in taken.timeline] == [Status.CREATED, Status.PENDING]

    def test_an_attempt_whose_worker_died_stays_unknown_when_the_next_one_succeeds(self, log: Log) -> None:
        given = accepted(log)
        claimed(log, given)
        log.conclude(claimed(log, given, NOW + LEASE + 2 * SECOND), SENT)
        kept = stored(log, given)
        assert [attempt.outcome for attempt in kept.attempts] == [Outcome.UNKNOWN, Outcome.ACCEPTED]
        assert kept.status is Status.SENT

    def test_a_delivery_that_was_sent_cannot_be_claimed(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), SENT)
        assert claim(log, given) is Refusal.SETTLED
        assert claim(log, given, NOW + timedelta(days=1)) is Refusal.SETTLED

    def test_a_delivery_that_was_final_from_the_start_cannot_be_claimed(self, log: Log) -> None:
        given = accepted(log, status=Status.UNSUBSCRIBED, reason=Reason.OPTED_OUT)
        assert claim(log, given) is Refusal.SETTLED

    def test_an_expired_delivery_cannot_be_claimed(self, log: Log) -> None:
        given = accepted(log, expires_at=NOW + SECOND)
        assert claim(log, given, NOW + SECOND) is Refusal.EXPIRED
        assert stored(log, given).attempts == ()
        claimed(log, given, NOW)

    @pytest.mark.parametrize("after", [timedelta(), MILLISECOND, 500 * MILLISECOND, 999 * MILLISECOND, SECOND])
    def test_what_never_expires_is_not_taken_for_expired_in_the_second_in_which_its_lease_ends(
        self, after: timedelta, log: Log
    ) -> None:
        given = accepted(log)
        claimed(log, given, NOW + MILLISECOND)
        end = NOW + MILLISECOND + LEASE + SECOND
        for now in (end - SECOND, end - SECOND + after, end + after):
            assert claim(log, given, now) is not Refusal.EXPIRED
            assert log.close(given.event(), Status.ERROR, Reason.EXPIRED, now) is not None
        assert stored(log, given).status is Status.PENDING

    def test_an_expired_delivery_is_not_taken_over(self, log: Log) -> None:
        given = accepted(log, expires_at=NOW + LEASE)
        claimed(log, given)
        assert claim(log, given, NOW + LEASE + 2 * SECOND) is Refusal.EXPIRED

    def test_an_event_of_no_delivery_claims_nothing(self, log: Log) -> None:
        assert claim(log, delivery()) is Refusal.MISSING
        given = accepted(log)
        assert claim(log, given.model_copy(update={"event_id": str(uuid.uuid4())})) is Refusal.MISSING
        assert stored(log, given) == given

    # -- attempts ------------------------------------------------------------------------------------------------------

    def test_a_claim_that_names_no_provider_begins_no_attempt(self, log: Log) -> None:
        given = accepted(log)
        leased = unattempted(log, given)
        assert (leased.status, leased.attempts) == (Status.PENDING, ())
        assert claim(log, given) is Refusal.LEASED

    def test_an_attempt_is_begun_once_the_provider_is_known(self, log: Log) -> None:
        given = accepted(log)
        begun = log.begin(unattempted(log, given), provider="fcm", now=NOW + SECOND)
        assert begun == stored(log, given)
        assert [(a.attempt, a.at, a.provider, a.outcome) for a in begun.attempts] == [
            (1, NOW + SECOND, "fcm", Outcome.STARTED)
        ]
        log.conclude(begun, SENT)
        assert (stored(log, given).status, stored(log, given).provider) == (Status.SENT, "fcm")

    def test_the_next_attempt_is_begun_as_the_last_one_is_told(self, log: Log) -> None:
        given = accepted(log)
        begun = log.begin(claimed(log, given), provider="sendgrid", now=NOW + SECOND, after=UNAVAILABLE)
        assert begun == stored(log, given)
        assert [(a.provider, a.outcome, a.error) for a in begun.attempts] == [
            ("ses", Outcome.UNAVAILABLE, "503"),
            ("sendgrid", Outcome.STARTED, None),
        ]
        assert claim(log, given) is Refusal.LEASED
        log.conclude(begun, SENT)
        kept = stored(log, given)
        assert (kept.status, kept.provider) == (Status.SENT, "sendgrid")
        assert [step.status for step in kept.timeline] == [Status.CREATED, Status.PENDING, Status.SENT]

    def test_of_two_who_begin_the_next_attempt_exactly_one_may_send(self, log: Log) -> None:
        """The first outlived its lease, the second took the delivery over: neither has begun."""
        given = accepted(log)
        slow = unattempted(log, given)
        quick = unattempted(log, given, NOW + LEASE + 2 * SECOND)
        with ThreadPoolExecutor(2) as threads:
            begun = list(threads.map(lambda each: log.begin(each, provider="fcm", now=NOW), (slow, quick)))
        assert begun.count(None) == 1
        assert len(stored(log, given).attempts) == 1

    def test_who_was_taken_over_begins_nothing_and_may_still_tell_its_outcome(self, log: Log) -> None:
        given = accepted(log)
        slow = claimed(log, given)
        quick = claimed(log, given, NOW + LEASE + 2 * SECOND)
        assert log.begin(slow, provider="sendgrid", now=NOW, after=UNAVAILABLE) is None
        log.conclude(slow, UNAVAILABLE)
        log.conclude(quick, SENT)
        kept = stored(log, given)
        assert [attempt.outcome for attempt in kept.attempts] == [Outcome.UNAVAILABLE, Outcome.ACCEPTED]

    def test_nothing_is_begun_on_a_delivery_that_was_sent(self, log: Log) -> None:
        given = accepted(log)
        taken = claimed(log, given)
        log.conclude(taken, SENT)
        assert log.begin(taken, provider="sendgrid", now=NOW, after=UNAVAILABLE) is None
        assert [attempt.outcome for attempt in stored(log, given).attempts] == [Outcome.ACCEPTED]

    def test_a_released_delivery_can_be_claimed_at_once_and_stays_watched(self, log: Log) -> None:
        given = accepted(log)
        log.release(unattempted(log, given), NOW)
        assert due_of(log, given, NOW + AFTER_FAILURE - SECOND) == []
        assert len(due_of(log, given, NOW + AFTER_FAILURE)) == 1
        taken = claimed(log, given, NOW + SECOND)
        assert [attempt.outcome for attempt in taken.attempts] == [Outcome.STARTED]

    def test_a_lease_under_which_an_attempt_was_begun_is_not_released(self, log: Log) -> None:
        given = accepted(log)
        slow = unattempted(log, given)
        claimed(log, given, NOW + LEASE + 2 * SECOND)
        log.release(slow, NOW)
        assert claim(log, given, NOW + LEASE + 3 * SECOND) is Refusal.LEASED

    def test_of_many_attempts_the_first_and_the_latest_are_kept_and_the_others_counted(self, log: Log) -> None:
        given, now = accepted(log), NOW
        for _ in range(40):
            held = claimed(log, given, now)
            log.conclude(held, UNAVAILABLE.model_copy(update={"error": f"failed {held.attempts_begun}"}))
            now += SECOND
        kept = stored(log, given)
        assert kept.attempts_begun == 40
        assert kept.attempts_omitted == 40 - FIRST_ATTEMPTS - LATEST_ATTEMPTS
        assert [(each.attempt, each.error) for each in kept.attempts] == [
            (number, f"failed {number}") for number in (*range(1, 6), *range(26, 41))
        ]

    def test_attempts_that_are_begun_in_one_invocation_are_bounded_alike(self, log: Log) -> None:
        failing = accepted(log)
        held: Delivery | None = claimed(log, failing)
        for _ in range(40):
            assert held is not None
            held = log.begin(held, provider="sendgrid", now=NOW, after=UNAVAILABLE)
        kept = stored(log, failing)
        assert kept.attempts_begun == 41
        assert len(kept.attempts) == FIRST_ATTEMPTS + LATEST_ATTEMPTS
        assert kept.attempts[-1].outcome is Outcome.STARTED

    # -- unknown outcomes ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("retries", [0, 1, 2])
    def test_a_delivery_of_which_an_outcome_is_unknown_is_claimed_as_often_as_is_said(
        self, log: Log, retries: int
    ) -> None:
        given, now = accepted(log), NOW
        for _ in range(retries + 1):
            assert isinstance(claim(log, given, now, retries), Claimed | Undecided)
            if now > NOW:  # whose turn it is depends on the attempts before
                assert log.begin(stored(log, given), provider="ses", now=now) is not None
            now += LEASE + 2 * SECOND
        undecided = claim(log, given, now, retries)
        assert isinstance(undecided, Undecided)
        assert undecided.delivery.attempts_begun == retries + 1
        assert isinstance(claim(log, given, now, retries + 1), Claimed)

    def test_an_unknown_outcome_is_kept_however_many_attempts_follow(self, log: Log) -> None:
        given, now = accepted(log), NOW
        for number in range(40):
            outcome = Outcome.UNKNOWN if number == 6 else Outcome.UNAVAILABLE
            log.conclude(claimed(log, given, now), UNAVAILABLE.model_copy(update={"outcome": outcome}))
            now += SECOND
        assert isinstance(claim(log, given, now, retries=0), Undecided)

    def test_a_delivery_that_is_held_is_due_when_it_is_to_be_decided_and_says_why(self, log: Log) -> None:
        given, until = accepted(log), NOW + timedelta(days=1)
        held = {"outcome": Outcome.UNKNOWN, "reason": Reason.OUTCOME_UNKNOWN, "held_until": until}
        log.conclude(claimed(log, given), UNAVAILABLE.model_copy(update=held))
        kept = stored(log, given)
        assert (kept.status, kept.reason) == (Status.PENDING, Reason.OUTCOME_UNKNOWN)
        assert (due_of(log, given, until - SECOND), len(due_of(log, given, until))) == ([], 1)
        assert log.observe(link_to(given), Status.OPENED, NOW + LEASE).is_news  # type: ignore[union-attr]
        assert due_of(log, given, until) == []

    def test_one_whose_worker_died_is_held_alike_unless_somebody_has_it_again(self, log: Log) -> None:
        given, until, later = accepted(log), NOW + timedelta(days=1), NOW + LEASE + 2 * SECOND
        died = claimed(log, given)
        log.hold(died, until, NOW + SECOND)
        assert claim(log, given, NOW + SECOND) is Refusal.LEASED
        log.hold(died, until, later)
        assert stored(log, given).reason is Reason.OUTCOME_UNKNOWN
        assert (due_of(log, given, until - SECOND), len(due_of(log, given, until))) == ([], 1)
        again = claimed(log, given, later)
        log.hold(died, until, later + LEASE + 2 * SECOND)
        assert stored(log, given) == again
        log.conclude(again, SENT)
        log.hold(again, until, later + LEASE)
        assert stored(log, given).status is Status.SENT

    # -- the way back from a dead-letter queue -------------------------------------------------------------------------

    def test_a_round_is_noted_once_and_the_delivery_waits_apart_until_it_is_published(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), UNAVAILABLE)
        seen = waiting(log, given)
        assert (seen.outcome, seen.error, seen.attempts_begun, seen.redrives) == ("unavailable", "503", 1, ())
        first = Redrive(1, "503", NOW, NOW + timedelta(hours=1))
        assert log.wait(given.event(), seen, first, is_new=True)
        assert not log.wait(given.event(), seen, first, is_new=True), "the same message, met a second time"
        assert waiting(log, given).redrives == (first,)
        assert due_of(log, given, first.due_at - SECOND) == []
        [due_again] = due_of(log, given, first.due_at)
        assert [each for page in log.redriven("email", NOW) for each in page if each.event == given.event()] == [
            due_again
        ]
        log.postpone(due_again, first.due_at + LEASE)
        assert not [each for page in log.redriven("email", NOW) for each in page if each.event == given.event()]
        assert len(due_of(log, given, first.due_at + LEASE)) == 1

    def test_what_is_tried_or_redriven_counts_as_unsent_and_neither_what_is_planned_nor_what_was_sent(
        self, log: Log
    ) -> None:
        before = log.unsent("email", NOW + SECOND)
        log.conclude(claimed(log, accepted(log)), SENT)
        accepted(log, send_at=NOW + timedelta(days=1), reason=Reason.SCHEDULED)
        log.conclude(claimed(log, accepted(log)), UNAVAILABLE)
        given = accepted(log)
        due_at = NOW + timedelta(days=1)
        assert log.wait(given.event(), waiting(log, given), Redrive(1, "503", NOW, due_at), is_new=True)
        assert log.unsent("email", NOW + SECOND) - before == 2

    def test_a_round_is_not_noted_of_a_delivery_that_has_moved_on(self, log: Log) -> None:
        given = accepted(log)
        seen = waiting(log, given)
        log.conclude(claimed(log, given), SENT)
        redrive = Redrive(1, "503", NOW, NOW + LEASE)
        assert not log.wait(given.event(), seen, redrive, is_new=True)
        assert not log.give_up(given.event(), seen, Reason.UNAVAILABLE, NOW)
        assert stored(log, given).status is Status.SENT

    def test_a_round_is_over_when_the_delivery_expires(self, log: Log) -> None:
        given = accepted(log, expires_at=NOW + LEASE)
        assert log.wait(
            given.event(), waiting(log, given), Redrive(1, "503", NOW, NOW + timedelta(hours=1)), is_new=True
        )
        assert len(due_of(log, given, NOW + LEASE)) == 1

    def test_a_delivery_that_is_given_up_ends_with_its_last_reason_and_is_looked_after_no_more(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), UNAVAILABLE)
        assert log.give_up(given.event(), waiting(log, given), Reason.UNAVAILABLE, NOW + LEASE)
        kept = stored(log, given)
        assert (kept.status, kept.reason, kept.timeline[-1].reason) == (
            Status.ERROR,
            Reason.UNAVAILABLE,
            Reason.UNAVAILABLE,
        )
        assert due_of(log, given, NOW + timedelta(days=365)) == []

    def test_who_may_send_is_settled_however_many_attempts_there_were(self, log: Log) -> None:
        """Once attempts are dropped, as many are kept before as after one was begun."""
        given, now = accepted(log), NOW
        for _ in range(30):
            log.conclude(claimed(log, given, now), UNAVAILABLE)
            now += SECOND
        slow = unattempted(log, given, now)
        quick = unattempted(log, given, now + LEASE + 2 * SECOND)
        begun = log.begin(quick, provider="fcm", now=now)
        assert begun is not None
        assert log.begin(slow, provider="fcm", now=now) is None
        log.release(slow, now)
        assert claim(log, given, now + LEASE + 2 * SECOND) is Refusal.LEASED
        log.conclude(begun, SENT)
        assert (stored(log, given).status, stored(log, given).attempts[-1].outcome) == (Status.SENT, Outcome.ACCEPTED)

    def test_a_late_outcome_is_told_of_its_own_attempt_or_of_none(self, log: Log) -> None:
        given, now = accepted(log), NOW
        late: list[Delivery] = []
        for _ in range(30):
            late.append(claimed(log, given, now))
            now += LEASE + 2 * SECOND
        for each in late:
            log.conclude(each, UNAVAILABLE.model_copy(update={"error": f"failed {each.attempts_begun}"}))
        assert [each.error for each in stored(log, given).attempts] == [f"failed {number}" for number in range(1, 31)]

    def test_the_timeline_has_no_status_twice_whatever_happens(self, log: Log) -> None:
        given = accepted(log)
        for place in range(30):
            log.conclude(claimed(log, given, NOW + place * SECOND), UNAVAILABLE)
            log.defer(given.event(), NOW, NOW + place * SECOND)
        log.conclude(claimed(log, given, NOW + 30 * SECOND), SENT)
        for status in (Status.OPENED, Status.OPENED, Status.CLICKED, Status.CLICKED, Status.UNSUBSCRIBED):
            log.observe(link_to(given), status, NOW)
        moves = [step.status for step in stored(log, given).timeline]
        assert len(set(moves)) == len(moves) == 6

    def test_a_word_of_a_providers_is_kept_as_far_as_it_is_worth(self, log: Log) -> None:
        given = accepted(log)
        told = SENT.model_dump() | {"error": "e" * 5000, "provider_message_id": "m" * 5000}
        log.conclude(claimed(log, given), Conclusion.model_validate(told))
        kept = stored(log, given)
        assert (kept.attempts[0].error, kept.provider_message_id) == ("e" * 256, "m" * 256)

    # -- conclusions ---------------------------------------------------------------------------------------------------

    def test_a_sent_delivery_tells_by_whom_and_when(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), SENT)
        kept = stored(log, given)
        assert (kept.status, kept.provider, kept.provider_message_id) == (Status.SENT, "ses", "m-1")
        assert [(step.status, step.at) for step in kept.timeline][1:] == [
            (Status.PENDING, NOW),
            (Status.SENT, NOW + SECOND),
        ]
        assert [attempt.outcome for attempt in kept.attempts] == [Outcome.ACCEPTED]

    def test_a_refused_delivery_tells_why(self, log: Log) -> None:
        given = accepted(log)
        refused = Conclusion(
            outcome=Outcome.REFUSED,
            at=NOW,
            error="MessageRejected",
            status=Status.ERROR,
            reason=Reason.MESSAGE_REFUSED,
        )
        log.conclude(claimed(log, given), refused)
        kept = stored(log, given)
        assert (kept.status, kept.reason) == (Status.ERROR, Reason.MESSAGE_REFUSED)
        assert kept.timeline[-1].reason is Reason.MESSAGE_REFUSED
        assert [(a.outcome, a.error) for a in kept.attempts] == [(Outcome.REFUSED, "MessageRejected")]

    def test_an_attempt_tells_how_many_messages_it_takes(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), SENT.model_copy(update={"segments": 2}))
        assert [attempt.segments for attempt in stored(log, given).attempts] == [2]

    def test_after_a_failed_attempt_the_delivery_can_be_claimed_at_once(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), UNAVAILABLE)
        assert stored(log, given).status is Status.PENDING
        taken = claimed(log, given, NOW + SECOND)
        assert [(a.outcome, a.error) for a in taken.attempts] == [
            (Outcome.UNAVAILABLE, "503"),
            (Outcome.STARTED, None),
        ]

    def test_a_conclusion_written_twice_counts_once(self, log: Log) -> None:
        given = accepted(log)
        taken = claimed(log, given)
        log.conclude(taken, SENT)
        before = stored(log, given)
        log.conclude(taken, SENT)
        assert stored(log, given) == before

    def test_a_late_conclusion_tells_its_outcome_and_moves_no_status_backwards(self, log: Log) -> None:
        given = accepted(log)
        late = claimed(log, given)
        log.conclude(claimed(log, given, NOW + LEASE + 2 * SECOND), SENT)
        before = stored(log, given)
        log.conclude(
            late, Conclusion(outcome=Outcome.REFUSED, at=NOW, status=Status.ERROR, reason=Reason.MESSAGE_REFUSED)
        )
        kept = stored(log, given)
        assert (kept.status, kept.reason, kept.timeline) == (Status.SENT, None, before.timeline)
        assert [attempt.outcome for attempt in kept.attempts] == [Outcome.REFUSED, Outcome.ACCEPTED]

    def test_whoever_was_taken_over_does_not_end_the_lease_of_its_successor(self, log: Log) -> None:
        given = accepted(log)
        slow = claimed(log, given)
        claimed(log, given, NOW + LEASE + 2 * SECOND)
        log.conclude(slow, UNAVAILABLE)
        assert claim(log, given, NOW + LEASE + 3 * SECOND) is Refusal.LEASED
        assert [each.outcome for each in stored(log, given).attempts] == [Outcome.UNAVAILABLE, Outcome.STARTED]

    def test_of_two_workers_who_both_sent_both_outcomes_are_told_and_the_status_moves_once(self, log: Log) -> None:
        given = accepted(log)
        slow = claimed(log, given)
        quick = claimed(log, given, NOW + LEASE + 2 * SECOND)
        log.conclude(slow, SENT)
        log.conclude(quick, SENT)
        kept = stored(log, given)
        assert [attempt.outcome for attempt in kept.attempts] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
        assert [step.status for step in kept.timeline] == [Status.CREATED, Status.PENDING, Status.SENT]

    # -- closing -------------------------------------------------------------------------------------------------------

    def test_a_delivery_that_nobody_holds_can_be_closed(self, log: Log) -> None:
        given = accepted(log)
        assert log.close(given.event(), Status.UNSUBSCRIBED, Reason.OPTED_OUT, NOW) is None
        kept = stored(log, given)
        assert (kept.status, kept.reason, kept.attempts) == (Status.UNSUBSCRIBED, Reason.OPTED_OUT, ())
        assert kept.timeline[-1].reason is Reason.OPTED_OUT
        assert claim(log, given) is Refusal.SETTLED

    def test_a_delivery_that_somebody_holds_is_not_closed(self, log: Log) -> None:
        given = accepted(log)
        claimed(log, given)
        for now in (NOW, NOW + LEASE + SECOND):
            assert log.close(given.event(), Status.UNSUBSCRIBED, Reason.OPTED_OUT, now) is Refusal.LEASED
        later = NOW + LEASE + 2 * SECOND
        assert log.close(given.event(), Status.UNSUBSCRIBED, Reason.OPTED_OUT, later) is None

    def test_what_has_not_expired_is_not_closed_as_expired(self, log: Log) -> None:
        never, later = accepted(log), accepted(log, expires_at=NOW + MILLISECOND)
        for given in (never, later):
            assert log.close(given.event(), Status.ERROR, Reason.EXPIRED, NOW) is Refusal.CONTENDED
            assert stored(log, given) == given
        assert log.close(later.event(), Status.ERROR, Reason.EXPIRED, NOW + MILLISECOND) is None

    def test_a_settled_or_unknown_delivery_is_not_closed(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), SENT)
        assert log.close(given.event(), Status.ERROR, Reason.EXPIRED, NOW) is Refusal.SETTLED
        assert log.close(delivery().event(), Status.ERROR, Reason.EXPIRED, NOW) is Refusal.MISSING

    # -- waiting -------------------------------------------------------------------------------------------------------

    def test_what_is_to_wait_is_due_when_that_is_over(self, log: Log) -> None:
        later = NOW + timedelta(hours=8)
        given = accepted(log, send_at=later, reason=Reason.SCHEDULED)
        assert due_of(log, given, later - SECOND) == []
        assert due_of(log, given, later) == [DueDelivery(given.event(), later, 0)]

    def test_what_expires_while_it_waits_is_due_then(self, log: Log) -> None:
        given = accepted(log, send_at=NOW + timedelta(hours=8), expires_at=NOW + LEASE)
        assert due_of(log, given, NOW + LEASE - SECOND) == []
        assert len(due_of(log, given, NOW + LEASE)) == 1

    def test_a_deferred_delivery_keeps_its_status_and_is_due_when_the_quiet_hours_end(self, log: Log) -> None:
        created, failed = accepted(log), accepted(log)
        log.conclude(claimed(log, failed), UNAVAILABLE)
        end = NOW + timedelta(hours=8)
        for given in (created, failed):
            before = stored(log, given)
            assert log.defer(given.event(), end, NOW) is None
            kept = stored(log, given)
            assert kept == before.model_copy(update={"send_at": end, "reason": Reason.QUIET_HOURS})
            assert due_of(log, given, end - SECOND) == []
            assert due_of(log, given, end) == [DueDelivery(given.event(), end, 0)]
            assert claimed(log, given, end).reason is None

    def test_what_its_recipients_limits_put_off_keeps_its_time_until_quiet_hours_take_it(self, log: Log) -> None:
        given, slot, morning = accepted(log), NOW + timedelta(minutes=3), NOW + timedelta(hours=8)
        assert log.defer(given.event(), slot, NOW, Reason.RATE_LIMITED) is None
        kept = stored(log, given)
        assert (kept.status, kept.reason, kept.send_at) == (Status.CREATED, Reason.RATE_LIMITED, slot)
        [due] = due_of(log, given, slot)
        assert due.event == kept.event() == replace(given.event(), slot=rfc3339(slot))
        log.conclude(claimed(log, given, slot), UNAVAILABLE)
        assert stored(log, given).event().slot == rfc3339(slot)
        assert log.defer(due.event, morning, slot) is None
        assert stored(log, given).event() == given.event()

    def test_a_delivery_that_was_published_often_and_is_deferred_starts_anew(self, log: Log) -> None:
        given = accepted(log)
        [found] = due_of(log, given, NOW + AFTER_ACCEPTANCE)
        log.postpone(found, NOW + timedelta(hours=1))
        end = NOW + timedelta(hours=8)
        log.defer(given.event(), end, NOW)
        assert due_of(log, given, end) == [DueDelivery(given.event(), end, 0)]

    def test_a_delivery_that_expires_in_the_quiet_hours_is_due_when_it_does(self, log: Log) -> None:
        given = accepted(log, expires_at=NOW + LEASE)
        assert log.defer(given.event(), NOW + timedelta(hours=8), NOW) is None
        assert due_of(log, given, NOW + LEASE - SECOND) == []
        assert due_of(log, given, NOW + LEASE) == [DueDelivery(given.event(), NOW + LEASE, 0)]

    def test_what_is_expired_sent_held_or_unknown_is_not_deferred(self, log: Log) -> None:
        expired, sent, held = accepted(log, expires_at=NOW), accepted(log), accepted(log)
        log.conclude(claimed(log, sent), SENT)
        claimed(log, held)
        end = NOW + timedelta(hours=8)
        for given, why in (
            (expired, Refusal.EXPIRED),
            (sent, Refusal.SETTLED),
            (held, Refusal.LEASED),
            (delivery(), Refusal.MISSING),
        ):
            assert log.defer(given.event(), end, NOW) is why
        assert stored(log, sent).send_at is None

    # -- canceling -----------------------------------------------------------------------------------------------------

    def test_what_is_not_yet_sent_is_canceled_and_never_claimed_or_due(self, log: Log) -> None:
        created, failed = accepted(log), accepted(log)
        log.conclude(claimed(log, failed), UNAVAILABLE)
        for given in (created, failed):
            canceled = log.cancel(given, NOW)
            assert canceled == stored(log, given)
            assert (canceled.status, canceled.reason) == (Status.CANCELED, Reason.CANCELED)
            assert (canceled.timeline[-1].status, canceled.timeline[-1].at) == (Status.CANCELED, NOW)
            assert claim(log, given, NOW + timedelta(days=1)) is Refusal.SETTLED
            assert due_of(log, given, NOW + timedelta(days=365)) == []

    def test_what_somebody_is_sending_is_not_canceled(self, log: Log) -> None:
        given = accepted(log)
        taken = claimed(log, given)
        assert log.cancel(given, NOW) == taken
        log.conclude(taken, SENT)
        assert stored(log, given).status is Status.SENT

    def test_what_was_sent_or_canceled_before_stays_as_it_was(self, log: Log) -> None:
        sent, canceled = accepted(log), accepted(log)
        log.conclude(claimed(log, sent), SENT)
        log.cancel(canceled, NOW)
        for given in (sent, canceled):
            before = stored(log, given)
            assert log.cancel(given, NOW + SECOND) == before == stored(log, given)

    def test_of_a_claim_and_a_cancellation_at_once_exactly_one_gets_the_delivery(self, log: Log) -> None:
        for _ in range(5):
            given = accepted(log)
            with ThreadPoolExecutor(2) as threads:
                canceling = threads.submit(log.cancel, given, NOW)
                claiming = threads.submit(claim, log, given)
            was_canceled = canceling.result().status is Status.CANCELED
            assert isinstance(claiming.result(), Claimed) is not was_canceled
            assert len(stored(log, given).attempts) == (0 if was_canceled else 1)

    # -- the index -----------------------------------------------------------------------------------------------------

    def test_an_accepted_delivery_is_due_when_it_should_have_been_claimed(self, log: Log) -> None:
        given = accepted(log)
        assert due_of(log, given, NOW + AFTER_ACCEPTANCE - SECOND) == []
        assert due_of(log, given, NOW + AFTER_ACCEPTANCE) == [DueDelivery(given.event(), NOW + AFTER_ACCEPTANCE, 0)]

    def test_a_claim_leaves_when_it_is_due_and_a_failure_puts_that_off(self, log: Log) -> None:
        given = accepted(log)
        taken = claimed(log, given)
        assert due_of(log, given, NOW + AFTER_ACCEPTANCE) == [DueDelivery(given.event(), NOW + AFTER_ACCEPTANCE, 0)]
        log.conclude(taken, UNAVAILABLE)
        assert due_of(log, given, UNAVAILABLE.at + AFTER_FAILURE - SECOND) == []
        assert len(due_of(log, given, UNAVAILABLE.at + AFTER_FAILURE)) == 1

    def test_a_failure_puts_it_off_the_longer_the_more_often_it_was_published(self, log: Log) -> None:
        given, at = accepted(log), NOW + AFTER_ACCEPTANCE
        for doubled in (2, 4):
            [found] = due_of(log, given, at)
            log.postpone(found, at + SECOND)
            log.conclude(claimed(log, given, at), UNAVAILABLE.model_copy(update={"at": at}))
            assert due_of(log, given, at + doubled * AFTER_FAILURE - SECOND) == []
            at += doubled * AFTER_FAILURE
            assert len(due_of(log, given, at)) == 1

    def test_what_is_sent_or_final_is_never_due(self, log: Log) -> None:
        sent, closed = accepted(log), accepted(log, expires_at=NOW)
        final = accepted(log, status=Status.ERROR, reason=Reason.UNKNOWN_CONTACT)
        log.conclude(claimed(log, sent), SENT)
        log.close(closed.event(), Status.ERROR, Reason.EXPIRED, NOW)
        for given in (sent, closed, final):
            assert due_of(log, given, NOW + timedelta(days=365)) == []

    def test_a_postponed_delivery_is_due_later_and_counted(self, log: Log) -> None:
        given = accepted(log)
        [found] = due_of(log, given, NOW + AFTER_ACCEPTANCE)
        log.postpone(found, NOW + timedelta(hours=1))
        assert due_of(log, given, NOW + timedelta(minutes=59)) == []
        assert due_of(log, given, NOW + timedelta(hours=1)) == [DueDelivery(given.event(), NOW + timedelta(hours=1), 1)]

    def test_what_failed_since_it_was_found_is_not_postponed_but_counted(self, log: Log) -> None:
        """A worker may be quicker than the sweeper that has just published."""
        given = accepted(log)
        [found] = due_of(log, given, NOW + AFTER_ACCEPTANCE)
        log.conclude(claimed(log, given), UNAVAILABLE)
        later = UNAVAILABLE.at + AFTER_FAILURE
        for _ in range(2):
            log.postpone(found, NOW + timedelta(hours=1))
            assert due_of(log, given, later) == [DueDelivery(given.event(), later, 1)]

    def test_what_was_sent_since_it_was_found_is_not_due_again(self, log: Log) -> None:
        given = accepted(log)
        [found] = due_of(log, given, NOW + AFTER_ACCEPTANCE)
        log.conclude(claimed(log, given), SENT)
        log.postpone(found, NOW + timedelta(hours=1))
        assert due_of(log, given, NOW + timedelta(days=1)) == []

    def test_the_longest_waiting_come_first(self, log: Log) -> None:
        shard_of_all = "00000000-0000-0000-0000-00000000000"
        given: Sequence[Delivery] = [
            accepted(log, delivery_id=f"{shard_of_all}{8 * n:x}"[:36], created_at=NOW + n * SECOND) for n in (1, 0)
        ]
        found = [each.event for each in due(log, NOW + timedelta(days=1))]
        ours = [event for event in found if event in [each.event() for each in given]]
        assert ours == [given[1].event(), given[0].event()]

    # -- what recipients do --------------------------------------------------------------------------------------------

    def test_what_a_recipient_does_moves_the_delivery_once_and_in_order(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), SENT)
        seen = [
            log.observe(link_to(given), status, NOW + SECOND * (2 + place))
            for place, status in enumerate((Status.OPENED, Status.OPENED, Status.CLICKED, Status.OPENED))
        ]
        assert [each is not None and each.is_news for each in seen] == [True, False, True, False]
        kept = stored(log, given)
        assert [step.status for step in kept.timeline][2:] == [Status.SENT, Status.OPENED, Status.CLICKED]
        assert kept == log.look(link_to(given)) == (seen[-1] and seen[-1].delivery)

    def test_who_opens_before_sent_is_written_has_got_it(self, log: Log) -> None:
        given = accepted(log)
        attempt = claimed(log, given)
        observed = log.observe(link_to(given), Status.OPENED, NOW + SECOND)
        assert observed is not None
        assert observed.is_news
        assert claim(log, given, NOW + LEASE * 2) is Refusal.SETTLED
        log.conclude(attempt, SENT)
        kept = stored(log, given)
        assert (kept.status, kept.attempts[0].outcome) == (Status.OPENED, Outcome.ACCEPTED)
        assert due_of(log, given, NOW + timedelta(days=1)) == []

    def test_nothing_is_opened_that_was_not_begun_or_is_final(self, log: Log) -> None:
        unbegun, failed = accepted(log), accepted(log, expires_at=NOW)
        assert log.close(failed.event(), Status.ERROR, Reason.EXPIRED, NOW) is None
        for given in (unbegun, failed):
            observed = log.observe(link_to(given), Status.OPENED, NOW)
            assert observed is not None
            assert not observed.is_news
            assert stored(log, given) == observed.delivery

    @pytest.mark.parametrize("event", [Event.DELIVERED, Event.BOUNCED, Event.COMPLAINED, Event.OPENED])
    def test_a_receipt_before_sent_is_written_is_written_as_the_domain_has_it(self, log: Log, event: Event) -> None:
        given = accepted(log)
        attempt = claimed(log, given)
        seen = stored(log, given)
        told = change(seen, Receipt(event, attempt.attempts[-1].provider, "m-1"), NOW + SECOND)
        assert told is not None
        assert log.apply(seen, told)
        assert stored(log, given) == told.of(seen)
        assert not log.apply(seen, told), "written twice"
        assert claim(log, given, NOW + LEASE * 2) is Refusal.SETTLED
        assert due_of(log, given, NOW + timedelta(days=1)) == []
        log.conclude(attempt, SENT)
        assert stored(log, given).status is told.status

    def test_a_receipt_decides_an_outcome_that_nobody_knew(self, log: Log) -> None:
        given = accepted(log)
        attempt = claimed(log, given)
        held = Conclusion(
            outcome=Outcome.UNKNOWN, at=NOW, reason=Reason.OUTCOME_UNKNOWN, held_until=NOW + timedelta(days=1)
        )
        log.conclude(attempt, held)
        seen = stored(log, given)
        told = change(seen, Receipt(Event.DELIVERED, attempt.attempts[-1].provider, "m-1"), NOW + SECOND)
        assert told is not None
        assert log.apply(seen, told)
        kept = stored(log, given)
        assert (kept.status, kept.reason, kept.attempts[-1].outcome) == (Status.SENT, None, Outcome.ACCEPTED)
        assert kept == told.of(seen)

    def test_only_its_own_app_tells_of_a_delivery(self, log: Log) -> None:
        given = accepted(log)
        log.conclude(claimed(log, given), SENT)
        assert log.observe(link_to(given), Status.OPENED, NOW, "another") is None
        observed = log.observe(link_to(given), Status.OPENED, NOW, given.app_key)
        assert observed is not None
        assert observed.is_news

    def test_of_a_delivery_that_is_not_there_nothing_is_observed(self, log: Log) -> None:
        assert log.look(Link("no", "delivery")) is None
        assert log.observe(Link("no", "delivery"), Status.OPENED, NOW) is None
