"""What whoever makes a digest relies on, of the ports in memory and on DynamoDB alike."""

import uuid
from datetime import timedelta
from typing import Any

from handlers.domain.notifications.deliveries import Conclusion, Delivery, Outcome, Reason
from handlers.domain.notifications.statuses import Status
from handlers.ports import Digests
from tests.unit.handlers.log_contract import SENT, Log, claimed, stored
from tests.unit.handlers.samples import NOW, delivery, notification, payload

LEASE = NOW + timedelta(seconds=30)
ACCEPTED = Conclusion(outcome=Outcome.ACCEPTED, at=NOW, status=Status.SENT, provider_message_id="m-1", segments=2)


def entry(log: Log, digest_id: str, **fields: Any) -> Delivery:
    """A delivery of a digest."""
    given = delivery(digest_id=digest_id, reason=Reason.DIGEST, send_at=NOW, **fields)
    assert log.accept(notification(given.notification_id), [given], payload())
    return given


class DigestContract:
    """Who has a digest, what was told of it, and what is in it."""

    def test_what_is_still_to_be_sent_is_found_and_nothing_else(self, log: Log, digests: Digests) -> None:
        mine, others = str(uuid.uuid4()), str(uuid.uuid4())
        kept, waiting, sent, canceled, failed = (entry(log, mine) for _ in range(5))
        entry(log, others)
        log.claim(waiting.event(), provider=None, lease_until=LEASE, now=NOW, unknown_retries=1)
        log.conclude(claimed(log, sent), SENT)
        log.cancel(canceled, NOW)
        log.close(failed.event(), Status.ERROR, Reason.NO_ENDPOINT, NOW)
        found = {each.delivery_id: each for each in digests.entries(mine)}
        assert found.keys() == {kept.delivery_id, waiting.delivery_id}
        assert found[kept.delivery_id] == stored(log, kept).event()

    def test_one_has_it_until_its_lease_ends(self, digests: Digests) -> None:
        digest_id = str(uuid.uuid4())
        assert digests.take(digest_id, LEASE, NOW) is not None
        assert digests.take(digest_id, LEASE, NOW + timedelta(seconds=29)) is None
        assert digests.take(digest_id, LEASE + timedelta(minutes=1), LEASE + timedelta(seconds=2)) is not None

    def test_what_is_let_go_can_be_taken_at_once_but_not_let_go_by_who_has_lost_it(self, digests: Digests) -> None:
        digest_id = str(uuid.uuid4())
        first = digests.take(digest_id, LEASE, NOW)
        assert first is not None
        digests.leave(digest_id, first)
        second = digests.take(digest_id, LEASE, NOW)
        assert second is not None
        digests.leave(digest_id, first)
        assert digests.take(digest_id, LEASE, NOW) is None

    def test_what_came_of_an_attempt_is_told_to_who_takes_it_next(self, log: Log, digests: Digests) -> None:
        digest_id = str(uuid.uuid4())
        lost, later = entry(log, digest_id), entry(log, digest_id)
        first = digests.take(digest_id, LEASE, NOW)
        assert first is not None
        lost = claimed(log, lost)
        digests.tell(digest_id, first, lost.attempts[-1].at, ACCEPTED)
        second = digests.take(digest_id, LEASE, NOW)
        assert second is not None
        assert second.of(lost) == ACCEPTED
        assert second.of(claimed(log, later, NOW + timedelta(seconds=1))) is None
        assert second.of(later) is None

    def test_who_lost_it_may_still_tell_and_takes_it_from_nobody(self, log: Log, digests: Digests) -> None:
        digest_id, lost = str(uuid.uuid4()), claimed(log, entry(log, str(uuid.uuid4())))
        first = digests.take(digest_id, LEASE, NOW)
        second = digests.take(digest_id, LEASE + timedelta(minutes=1), LEASE + timedelta(seconds=2))
        assert first is not None
        assert second is not None
        digests.tell(digest_id, first, lost.attempts[-1].at, ACCEPTED)
        assert digests.take(digest_id, LEASE, LEASE + timedelta(seconds=3)) is None
        digests.leave(digest_id, second)
        third = digests.take(digest_id, LEASE, LEASE + timedelta(seconds=3))
        assert third is not None
        assert third.of(lost) == ACCEPTED

    def test_of_many_attempts_the_latest_are_known(self, digests: Digests) -> None:
        digest_id = str(uuid.uuid4())
        for round_ in range(15):
            lease = digests.take(digest_id, LEASE, NOW)
            assert lease is not None
            at = NOW + timedelta(seconds=round_)
            digests.tell(digest_id, lease, at, ACCEPTED.model_copy(update={"at": at}))
        last = digests.take(digest_id, LEASE, NOW)
        assert last is not None
        assert last.told.keys() >= {f"2030-01-31T12:00:{second:02}.000Z" for second in range(6, 15)}
