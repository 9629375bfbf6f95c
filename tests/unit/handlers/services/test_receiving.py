"""Receipts as they are taken: the address, the status and the timeline."""

from datetime import timedelta

import pytest

from handlers.domain.content.links import Link
from handlers.domain.notifications.deliveries import Delivery, Event, Outcome, Reason
from handlers.domain.notifications.machines import Visit
from handlers.domain.notifications.receipts import Change, Receipt
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.suppressions import Cause
from handlers.domain.problems import Contended
from handlers.services.receiving import Receiver
from tests.unit.handlers.log_contract import SENT, claimed
from tests.unit.handlers.memory import Clock, MemoryLog, MemorySuppressions
from tests.unit.handlers.samples import NOW, delivery, notification, payload

SECOND = timedelta(seconds=1)
BOUNCED = Receipt(Event.BOUNCED, "ses")


class Desk:
    """A delivery that is under way, and who takes what is told of it."""

    def __init__(self, **fields: object) -> None:
        self.log, self.suppressions, self.clock = MemoryLog(), MemorySuppressions(), Clock(NOW)
        self.receiver = Receiver(self.log, self.clock, self.suppressions)
        self.given = delivery(**fields)  # type: ignore[arg-type]
        assert self.log.accept(notification(self.given.notification_id), [self.given], payload())
        self.claimed = claimed(self.log, self.given)
        self.link = Link(self.given.notification_id, self.given.delivery_id)

    def kept(self) -> Delivery:
        found = self.log.look(self.link)
        assert found is not None
        return found


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.log.conclude(desk.claimed, SENT)
    return desk


def test_a_hard_bounce_ends_the_delivery_and_suppresses_its_address_once(desk: Desk) -> None:
    provider = desk.kept().provider
    told = [desk.receiver.take(desk.link, Receipt(Event.BOUNCED, provider)) for _ in range(2)]
    assert [each is not None and each.is_news for each in told] == [True, False]
    assert (desk.kept().status, desk.kept().reason) == (Status.ERROR, Reason.BOUNCED)
    [kept] = desk.suppressions.kept.values()
    assert (kept.address, kept.reason, kept.delivery_id) == (
        desk.given.endpoint,
        Cause.HARD_BOUNCE,
        desk.given.delivery_id,
    )


def test_a_receipt_that_comes_again_does_not_suppress_what_was_lifted(desk: Desk) -> None:
    desk.receiver.take(desk.link, BOUNCED)
    desk.suppressions.kept.clear()
    desk.receiver.take(desk.link, BOUNCED)
    assert desk.suppressions.kept == {}


def test_who_dies_before_the_log_is_written_takes_the_receipt_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> bool:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(desk.log, "apply", die)
        with pytest.raises(ConnectionError):
            desk.receiver.take(desk.link, BOUNCED)
    assert len(desk.suppressions.kept) == 1
    assert desk.kept().status is Status.SENT
    assert desk.receiver.take(desk.link, BOUNCED)
    assert [step.event for step in desk.kept().timeline if step.event] == [Event.BOUNCED]


def test_a_receipt_before_sent_is_written_settles_it_and_the_worker_tells_its_attempt() -> None:
    desk = Desk()
    desk.receiver.take(desk.link, Receipt(Event.DELIVERED, desk.claimed.attempts[-1].provider, "m-7"))
    assert desk.kept().status is Status.SENT
    desk.log.conclude(desk.claimed, SENT)
    kept = desk.kept()
    assert (kept.status, kept.attempts[-1].outcome, kept.provider_message_id) == (Status.SENT, Outcome.ACCEPTED, "m-7")
    assert [step.status for step in kept.timeline].count(Status.SENT) == 1


def test_a_device_has_no_address_to_suppress() -> None:
    desk = Desk(channel="push", platform="fcm", endpoint="token")
    desk.receiver.take(desk.link, BOUNCED)
    assert desk.suppressions.kept == {}


def test_of_a_delivery_that_is_not_there_nothing_is_taken(desk: Desk) -> None:
    assert desk.receiver.take(Link("no", "such"), BOUNCED) is None


def test_when_others_write_it_each_time_the_receipt_is_to_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Change] = []

    def lose(_: Delivery, change: Change) -> bool:
        tried.append(change)
        return False

    monkeypatch.setattr(desk.log, "apply", lose)
    with pytest.raises(Contended):
        desk.receiver.take(desk.link, Receipt(Event.DELIVERED))
    assert len(tried) > 1


def test_a_quick_browser_is_a_machine_and_a_later_one_a_person(desk: Desk) -> None:
    sent_at = next(step.at for step in desk.kept().timeline if step.status is Status.SENT)
    for later, status in ((timedelta(milliseconds=300), Status.SENT), (timedelta(minutes=3), Status.OPENED)):
        desk.receiver.take(desk.link, Receipt(Event.OPENED), Visit("Mozilla/5.0 (X11) Firefox/130.0", sent_at + later))
        assert desk.kept().status is status
    assert [step.machine for step in desk.kept().timeline if step.event is Event.OPENED] == [True]
