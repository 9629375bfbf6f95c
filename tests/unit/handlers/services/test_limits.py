"""Nobody is flooded, and nothing is lost for it: what is over a limit goes when it is allowed, by moving the clock."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.domain.notifications.deliveries import Delivery, Reason
from handlers.domain.notifications.due import SHARDS
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.limits import ALL, Limit
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.quiet_hours import QuietHours
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings
from handlers.domain.providers.errors import UnavailableError
from handlers.services.accepting import NotificationService
from handlers.services.delivering import Report, Result, Worker
from handlers.services.failover import Chain
from handlers.services.sweeping import Sweeper
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryBus,
    MemoryLog,
    MemoryPeople,
    MemoryProvider,
    MemoryProviderState,
    MemoryRecipientLimits,
    MemoryScheduler,
    MemoryTemplates,
)
from tests.unit.handlers.samples import DEMO, NOW, delivery, notification, payload, reached, request

FIVE_A_MINUTE = Limit(5, timedelta(minutes=1))
MINUTE = timedelta(minutes=1)
NOTIFICATION = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


@dataclass
class Platform:
    """A worker, a sweeper and a clock; whoever is sent to, when is noted."""

    limits: MemoryRecipientLimits = field(default_factory=lambda: MemoryRecipientLimits({ALL: FIVE_A_MINUTE}))
    settings: Settings = DEFAULT_SETTINGS
    log: MemoryLog = field(default_factory=MemoryLog)
    bus: MemoryBus = field(default_factory=MemoryBus)
    provider: MemoryProvider = field(default_factory=MemoryProvider)
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    sent_at: list[datetime] = field(default_factory=list)

    def accept(self, **fields: Any) -> Delivery:
        given = delivery(**fields)
        self.log.accept(notification(given.notification_id), [given], payload())
        return given

    def deliver(self, event: DeliveryRequested) -> Report:
        chain = Chain((self.provider,), MemoryProviderState(), self.clock)
        worker = Worker(
            self.log,
            MemoryTemplates(),
            LINKS,
            chain,
            self.clock,
            critical=frozenset({"security"}),
            limits=self.limits,
        )
        record = self.log.records[event.notification_id, event.delivery_id]
        people = reached(record.delivery, self.settings)
        said = self.log.payloads[event.notification_id]
        report = worker.deliver(event, people, self.clock() + timedelta(seconds=30), said)
        if report.result is Result.SENT:
            self.sent_at.append(self.clock())
        return report

    def pass_time(self, minutes: int) -> None:
        """Sweep every minute, and deliver what is published."""
        for _ in range(minutes):
            self.clock.advance(MINUTE)
            for shard in (each for of_channel in SHARDS.values() for each in of_channel):
                Sweeper(self.log, self.bus, MemoryProviderState(), self.clock).sweep(shard, self.clock() + MINUTE)
            taken, self.bus.taken = self.bus.taken, []
            for event in taken:
                self.deliver(event)

    def kept(self, given: Delivery) -> Delivery:
        return self.log.records[given.notification_id, given.delivery_id].delivery


def test_of_a_hundred_to_one_user_five_go_at_once_and_the_rest_at_the_rate_and_none_is_lost_or_received_again() -> None:
    platform = Platform()
    given = [platform.accept() for _ in range(100)]
    reports = Counter(platform.deliver(each.event()).result for each in given)
    assert reports == {Result.SENT: 5, Result.DEFERRED: 95}  # nothing goes back to the queue, so nothing can die in it
    waiting = [platform.kept(each) for each in given[5:]]
    assert {(each.status, each.reason) for each in waiting} == {(Status.CREATED, Reason.RATE_LIMITED)}
    assert len({each.send_at for each in waiting}) == 95
    platform.pass_time(19)
    assert Counter(platform.sent_at) == {NOW: 5} | {NOW + minute * MINUTE: 5 for minute in range(1, 20)}
    assert {platform.kept(each).status for each in given} == {Status.SENT}
    assert all(len(platform.kept(each).attempts) == 1 for each in given)


def test_a_notification_counts_once_on_however_many_devices_and_however_often_it_is_tried() -> None:
    platform = Platform(MemoryRecipientLimits({"payment": Limit(1, MINUTE)}))
    first = [delivery(NOTIFICATION, channel="push", platform="apns", endpoint=f"token-{number}") for number in range(3)]
    platform.log.accept(notification(NOTIFICATION), first, payload())
    platform.provider.raises = UnavailableError("down")
    assert {platform.deliver(each.event()).result for each in first} == {Result.RETRY}
    platform.provider.raises = None
    platform.clock.advance(timedelta(seconds=30))
    assert [platform.deliver(each.event()) for each in first] == [Report(Result.SENT)] * 3
    second = platform.accept(channel="push", platform="apns")
    assert platform.deliver(second.event()) == Report(Result.DEFERRED, Reason.RATE_LIMITED)
    assert platform.kept(second).send_at == NOW + MINUTE


def test_what_is_critical_is_under_no_limit_and_counts_for_none() -> None:
    platform = Platform(MemoryRecipientLimits({ALL: Limit(1, MINUTE)}))
    critical = [platform.accept(category="security") for _ in range(3)]
    assert {platform.deliver(each.event()).result for each in critical} == {Result.SENT}
    assert platform.deliver(platform.accept().event()).result is Result.SENT


def test_what_cannot_go_before_it_expires_ends_in_error_and_is_never_sent() -> None:
    platform = Platform(MemoryRecipientLimits({ALL: Limit(1, timedelta(hours=1))}))
    platform.deliver(platform.accept().event())
    given = platform.accept(expires_at=NOW + timedelta(minutes=10))
    assert platform.deliver(given.event()).result is Result.DEFERRED
    platform.pass_time(10)
    assert (platform.kept(given).status, platform.kept(given).reason) == (Status.ERROR, Reason.EXPIRED)
    platform.pass_time(60)
    assert len(platform.provider.sent) == 1


def test_who_sleeps_when_it_would_be_allowed_is_not_flooded_in_the_morning() -> None:
    asleep = Settings(quiet_hours=QuietHours.model_validate({"start": "12:02", "end": "20:00"}))
    platform = Platform(settings=asleep)
    given = [platform.accept() for _ in range(30)]
    for each in given:
        platform.deliver(each.event())
    reasons = Counter(platform.kept(each).reason for each in given[5:])
    assert reasons == {Reason.RATE_LIMITED: 9, Reason.QUIET_HOURS: 16}
    platform.pass_time(490)
    awake = NOW + timedelta(hours=8)
    # The sweep at 12:02, which is quiet already, was to bring four of those that were put off.
    assert Counter(platform.sent_at) == {NOW: 5, NOW + MINUTE: 5, **{awake + each * MINUTE: 5 for each in range(4)}}
    assert {platform.kept(each).status for each in given} == {Status.SENT}


@pytest.mark.parametrize("to", [{"user_id": "ada"}, {"user_id": None}], ids=["user", "address"])
def test_each_recipient_has_limits_of_their_own(to: dict[str, Any]) -> None:
    platform = Platform(MemoryRecipientLimits({ALL: Limit(1, MINUTE)}))
    other = {"user_id": "bob"} if to["user_id"] else {"user_id": None, "endpoint": "bob@example.com"}
    results = [platform.deliver(platform.accept(**each).event()).result for each in (to, other, to)]
    assert results == [Result.SENT, Result.SENT, Result.DEFERRED]


# -- the dry run -------------------------------------------------------------------------------------------------------


def dry_run(limits: MemoryRecipientLimits, **fields: Any) -> list[tuple[Status, Reason | None, datetime | None]]:
    service = NotificationService(
        MemoryPeople({"ada": Person(Reach({"email": (Endpoint("ada@example.com"),)}))}),
        MemoryTemplates(),
        MemoryLog(),
        MemoryBus(),
        MemoryScheduler(),
        {"payment": ("email",), "security": ("email",)},
        ("email",),
        Clock(NOW),
        critical=frozenset({"security"}),
        limits=limits,
    )
    return [(each.status, each.reason, each.send_at) for each in service.dry_run(request(**fields), DEMO).deliveries]


def test_a_dry_run_tells_what_would_be_put_off_and_until_when_and_takes_no_place() -> None:
    platform = Platform(MemoryRecipientLimits({ALL: Limit(1, MINUTE)}))
    assert dry_run(platform.limits) == [(Status.CREATED, None, None)]
    platform.deliver(platform.accept(category="order").event())
    to = [{"user_id": "ada"}, {"email": "bob@example.com"}]
    late = (Status.CREATED, Reason.RATE_LIMITED, NOW + MINUTE)
    for _ in range(2):
        assert dry_run(platform.limits, to=to) == [late, (Status.CREATED, None, None)]
    assert dry_run(platform.limits, category="security") == [(Status.CREATED, None, None)]
    assert dry_run(platform.limits, expires_at=(NOW + MINUTE).isoformat()) == [(Status.ERROR, Reason.EXPIRED, None)]
