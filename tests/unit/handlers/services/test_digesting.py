"""One message of what several deliveries say, and everything that can get in the way of it or of one of them."""

import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from handlers.domain.content.rendering import Content
from handlers.domain.notifications.claims import Refusal
from handlers.domain.notifications.deliveries import Delivery, Outcome, Reason
from handlers.domain.notifications.digests import MOST_ENTRIES
from handlers.domain.notifications.due import SHARDS
from handlers.domain.notifications.limits import Limit
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.quiet_hours import QuietHours
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings
from handlers.domain.providers.errors import OutcomeUnknownError, RecipientRefusedError, UnavailableError
from handlers.services.delivering import NO_PROVIDER, Report, Result, Worker
from handlers.services.digesting import CONTINUES, Gatherer
from handlers.services.failover import Chain
from handlers.services.sweeping import Sweeper
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryBus,
    MemoryDigests,
    MemoryLog,
    MemoryProvider,
    MemoryProviderState,
    MemoryRecipientLimits,
    MemoryRecipients,
    MemoryTemplates,
)
from tests.unit.handlers.samples import NOW, delivery, notification, payload, reached

LEASE = timedelta(seconds=30)
DIGEST = "6f1c1f6e-6a45-4b12-8ed5-0c9a5a0c7d11"
NEWS = Content(
    subject="{{ count }} of Ada",
    body="<ul>{% for item in items %}<li>{{ item.subject }}: {{ item.body }} ({{ item.n }}) {{ item.delivery_id }}</li>"
    "{% endfor %}</ul>",
)
PINNED = {"name": "news", "key": "news/email/default", "version_id": "v1"}


@dataclass
class Bench:
    """A worker with everything around it in memory, and entries of one digest of Ada's."""

    log: MemoryLog = field(default_factory=MemoryLog)
    provider: MemoryProvider = field(default_factory=MemoryProvider)
    others: tuple[MemoryProvider, ...] = ()
    clock: Clock = field(default_factory=lambda: Clock(NOW + timedelta(hours=1)))
    limits: MemoryRecipientLimits = field(default_factory=MemoryRecipientLimits)
    templates: MemoryTemplates = field(default_factory=lambda: MemoryTemplates({("news", "email", "default"): NEWS}))
    accepted: int = 0

    def __post_init__(self) -> None:
        self.digests = MemoryDigests(self.log)
        self.state = MemoryProviderState()

    def accept(self, *, apart: bool = False, **fields: Any) -> Delivery:
        """An entry that says its number; `apart` from its notification, which has what it says."""
        self.accepted += 1
        usual: dict[str, Any] = {
            "reason": Reason.DIGEST,
            "digest_id": DIGEST,
            "digest_template": PINNED,
            "send_at": NOW + timedelta(hours=1),
            "created_at": NOW + timedelta(seconds=self.accepted),
        }
        given = delivery(**usual | fields)
        if apart:
            given = given.model_copy(update={"notification_id": delivery().notification_id})
        says = payload(data={"name": f"<{self.accepted}>", "n": self.accepted})
        assert self.log.accept(notification(given.notification_id), [given], says)
        return given

    def deliver(self, given: Delivery, settings: Settings = DEFAULT_SETTINGS) -> Report:
        return self.deliver_to(reached(given, settings), given)

    def deliver_to(self, people: Mapping[str, Person], given: Delivery) -> Report:
        """As it is now, with what is known now of whom it is for."""
        chain = Chain((self.provider, *self.others), self.state, self.clock)
        worker = Worker(self.log, self.templates, LINKS, chain, self.clock, limits=self.limits)
        recipients = MemoryRecipients(payloads=self.log.payloads)
        event = self.kept(given).event()
        return Gatherer(worker, self.digests, recipients).deliver(event, people, self.clock() + LEASE)

    def kept(self, given: Delivery) -> Delivery:
        found = self.log.find(given.notification_id)
        assert found is not None
        return found[1][0]

    def statuses(self, *given: Delivery) -> list[tuple[Status, Reason | None]]:
        return [(kept.status, kept.reason) for kept in map(self.kept, given)]

    def listed(self) -> list[list[str]]:
        """The deliveries that each message lists."""
        every = [self.provider, *self.others]
        bodies = [message.content.body for provider in every for message in provider.sent]
        return [re.findall(r"[0-9a-f-]{36}", body) for body in bodies]

    def copies(self) -> Counter[str]:
        return Counter(each for listed in self.listed() for each in listed)


@pytest.fixture
def bench() -> Bench:
    return Bench()


SENT = (Status.SENT, None)


def test_all_entries_are_one_message_that_lists_them_and_each_is_sent(bench: Bench) -> None:
    first, second, third = bench.accept(), bench.accept(apart=True), bench.accept()
    report = bench.deliver(second)
    [message] = bench.provider.sent
    assert message.content.subject == "3 of Ada"
    assert message.content.body.startswith("<ul><li>Hi &lt;1&gt;: <b>&lt;1&gt;</b> (1) ")
    assert message.content.text is not None
    assert bench.listed() == [[first.delivery_id, second.delivery_id, third.delivery_id]]
    assert (message.notification_id, message.delivery_id) == (first.notification_id, first.delivery_id)
    for each in (first, second, third):
        kept = bench.kept(each)
        assert [step.status for step in kept.timeline] == [Status.CREATED, Status.PENDING, Status.SENT]
        assert [attempt.outcome for attempt in kept.attempts] == [Outcome.ACCEPTED]
        assert (kept.digest_id, kept.provider, kept.provider_message_id) == (DIGEST, "memory", "id-1")
    assert report.result is Result.SENT
    others = {event.delivery_id: its_own.result for event, its_own in report.others}
    assert others == {first.delivery_id: Result.SENT, third.delivery_id: Result.SENT}


def test_what_was_sent_is_dropped_when_its_event_comes_again(bench: Bench) -> None:
    first, second = bench.accept(), bench.accept()
    bench.deliver(first)
    assert bench.deliver(second) == Report(Result.DROPPED, Refusal.SETTLED)
    assert len(bench.provider.sent) == 1


def test_cancel_and_expiry_hold_for_each_entry_also_for_the_one_that_is_asked_for(bench: Bench) -> None:
    kept, canceled, expired = bench.accept(), bench.accept(), bench.accept(expires_at=NOW + timedelta(minutes=30))
    bench.log.cancel(bench.kept(canceled), bench.clock())
    bench.deliver(canceled)
    assert bench.statuses(kept, canceled, expired) == [
        SENT,
        (Status.CANCELED, Reason.CANCELED),
        (Status.ERROR, Reason.EXPIRED),
    ]
    assert bench.listed() == [[kept.delivery_id]]


def test_who_opted_out_meanwhile_gets_none_of_them(bench: Bench) -> None:
    entries = [bench.accept() for _ in range(3)]
    bench.deliver(entries[0], Settings(categories={"payment": {"email": False}}))
    assert bench.statuses(*entries) == [(Status.UNSUBSCRIBED, Reason.OPTED_OUT)] * 3
    assert bench.provider.sent == []


def test_an_endpoint_that_is_gone_gets_none_of_them(bench: Bench) -> None:
    entries = [bench.accept() for _ in range(3)]
    bench.deliver_to({}, entries[0])
    assert bench.statuses(*entries) == [(Status.ERROR, Reason.NO_ENDPOINT)] * 3


def test_a_device_that_is_gone_gets_none_of_them_though_there_is_another(bench: Bench) -> None:
    own: dict[str, Any] = {"channel": "push", "platform": "apns", "endpoint": "gone"}
    entries = [bench.accept(**own) for _ in range(2)]
    bench.deliver_to(reached(entries[0].model_copy(update={"endpoint": "another"})), entries[0])
    assert bench.statuses(*entries) == [(Status.ERROR, Reason.NO_ENDPOINT)] * 2
    assert bench.provider.sent == []


def test_who_sleeps_by_then_gets_all_of_them_in_one_message_in_the_morning(bench: Bench) -> None:
    entries = [bench.accept() for _ in range(3)]
    asleep = Settings(quiet_hours=QuietHours.model_validate({"start": "12:00", "end": "20:00"}), timezone="UTC")
    assert bench.deliver(entries[0], asleep).result is Result.DEFERRED
    assert bench.statuses(*entries) == [(Status.CREATED, Reason.QUIET_HOURS)] * 3
    bench.clock.now = NOW.replace(hour=20)
    bench.deliver(entries[1], asleep)
    assert bench.statuses(*entries) == [SENT] * 3
    assert len(bench.provider.sent) == 1


def test_a_digest_counts_once_against_its_recipients_limit_and_waits_as_one(bench: Bench) -> None:
    bench.limits.limits = {"payment": Limit(1, timedelta(minutes=10))}
    digests = {name: [bench.accept(digest_id=name) for _ in range(3)] for name in (DIGEST, DIGEST.replace("6", "7"))}
    one, other = digests.values()
    assert [bench.deliver(each).result for each in one] == [Result.SENT, Result.DROPPED, Result.DROPPED]
    bench.deliver(other[0])
    assert bench.statuses(*other) == [(Status.CREATED, Reason.RATE_LIMITED)] * 3
    assert {bench.kept(each).send_at for each in other} == {bench.clock() + timedelta(minutes=10)}
    bench.clock.advance(timedelta(minutes=10))
    bench.deliver(other[2])
    assert bench.statuses(*other) == [SENT] * 3
    assert len(bench.provider.sent) == 2


def test_a_late_entry_is_in_a_further_message_of_the_same_digest(bench: Bench) -> None:
    early, late = bench.accept(), bench.accept()
    bench.digests.unseen = {late.delivery_id}
    bench.deliver(early)
    bench.deliver(late)
    assert bench.statuses(early, late) == [SENT, SENT]
    assert bench.listed() == [[early.delivery_id], [late.delivery_id]]


def test_an_entry_that_somebody_else_has_brings_the_event_back_and_keeps_no_other_from_being_sent(bench: Bench) -> None:
    free, leased = bench.accept(), bench.accept()
    bench.log.claim(
        leased.event(), provider=None, lease_until=bench.clock() + LEASE, now=bench.clock(), unknown_retries=1
    )
    report = bench.deliver(free)
    assert (report.result, report.why) == (Result.RETRY, Refusal.LEASED)
    assert [its_own.result for _, its_own in report.others] == [Result.SENT]
    bench.clock.advance(LEASE + timedelta(seconds=2))
    assert bench.deliver(leased).result is Result.SENT
    assert bench.listed() == [[free.delivery_id], [leased.delivery_id]]


def test_an_event_of_no_delivery_is_told_as_that(bench: Bench) -> None:
    given = bench.accept()
    event = replace(given.event(), event_id=str(uuid.uuid4()))
    chain = Chain((bench.provider,), bench.state, bench.clock)
    worker = Worker(bench.log, bench.templates, LINKS, chain, bench.clock)
    bench.log.cancel(given, bench.clock())
    gatherer = Gatherer(worker, bench.digests, MemoryRecipients())
    report = gatherer.deliver(event, reached(given), bench.clock() + LEASE)
    assert (report.result, report.why) == (Result.RETRY, Refusal.MISSING)


def test_while_one_makes_it_another_ones_event_goes_back(bench: Bench) -> None:
    first, second = bench.accept(), bench.accept()
    lease = bench.digests.take(DIGEST, bench.clock() + LEASE, bench.clock())
    assert lease is not None
    assert bench.deliver(first) == Report(Result.RETRY, Refusal.LEASED)
    assert bench.statuses(first, second) == [(Status.CREATED, Reason.DIGEST)] * 2
    bench.clock.advance(LEASE + timedelta(seconds=2))  # who held it is dead
    assert bench.deliver(first).result is Result.SENT
    assert bench.statuses(first, second) == [SENT, SENT]


# -- providers that do not take it -------------------------------------------------------------------------------------


def test_another_provider_takes_it_over_and_each_entry_knows_both(bench: Bench) -> None:
    bench.provider.raises, bench.others = UnavailableError("http_503"), (MemoryProvider("second"),)
    first, second = bench.accept(), bench.accept()
    assert bench.deliver(first).result is Result.SENT
    for each in (first, second):
        attempts = [(attempt.provider, attempt.outcome) for attempt in bench.kept(each).attempts]
        assert attempts == [("memory", Outcome.UNAVAILABLE), ("second", Outcome.ACCEPTED)]
    assert bench.copies() == Counter({first.delivery_id: 1, second.delivery_id: 1})


def test_while_nobody_serves_the_event_comes_back_once_and_all_are_sent_later(bench: Bench) -> None:
    bench.provider.raises = UnavailableError("http_503")
    entries = [bench.accept() for _ in range(3)]
    assert bench.deliver(entries[0]) == Report(Result.RETRY, "http_503")
    assert bench.statuses(*entries) == [(Status.PENDING, None)] * 3
    bench.state.now_off = {"memory"}
    assert bench.deliver(entries[0]) == Report(Result.RETRY, NO_PROVIDER)
    bench.provider.raises, bench.state.now_off = None, set()
    assert bench.deliver(entries[2]).result is Result.SENT
    assert bench.statuses(*entries) == [SENT] * 3


def test_a_refusal_ends_all_of_them(bench: Bench) -> None:
    bench.provider.raises = RecipientRefusedError("blocked")
    entries = [bench.accept() for _ in range(3)]
    report = bench.deliver(entries[0])
    assert (report.result, report.why, len(report.others)) == (Result.FAILED, "blocked", 2)
    assert bench.statuses(*entries) == [(Status.ERROR, Reason.RECIPIENT_REFUSED)] * 3


def test_an_unknown_outcome_is_one_of_every_entry_and_what_may_have_been_sent_is_sent_again_by_itself(
    bench: Bench,
) -> None:
    bench.provider.raises = OutcomeUnknownError("timeout")
    first, second = bench.accept(), bench.accept()
    assert bench.deliver(first).result is Result.RETRY
    late = bench.accept()
    bench.provider.raises = None
    report = bench.deliver(first)
    assert (report.result, report.why) == (Result.RETRY, CONTINUES)
    assert bench.statuses(first, second, late) == [SENT, SENT, (Status.PENDING, None)]
    assert bench.deliver(first).others[0][1].result is Result.SENT
    assert bench.listed() == [[first.delivery_id, second.delivery_id], [late.delivery_id]]


def test_too_many_unknown_outcomes_hold_every_entry(bench: Bench) -> None:
    bench.provider.raises = OutcomeUnknownError("timeout")
    entries = [bench.accept() for _ in range(2)]
    bench.deliver(entries[0])
    report = bench.deliver(entries[0])
    assert (report.result, [each.result for _, each in report.others]) == (Result.HELD, [Result.HELD])
    assert bench.statuses(*entries) == [(Status.PENDING, Reason.OUTCOME_UNKNOWN)] * 2
    bench.clock.advance(timedelta(hours=1))
    assert bench.deliver(entries[0]).result is Result.DROPPED
    bench.clock.advance(timedelta(days=1))
    bench.deliver(entries[0])
    assert bench.statuses(*entries) == [(Status.ERROR, Reason.OUTCOME_UNKNOWN)] * 2


# -- what cannot be written --------------------------------------------------------------------------------------------


def test_an_entry_that_cannot_be_written_ends_and_keeps_none_of_the_others(bench: Bench) -> None:
    gone = {"name": "gone", "key": "gone/email/de", "version_id": "v1"}
    kept, lost = bench.accept(), bench.accept(template=gone)
    bench.deliver(lost)
    assert bench.statuses(kept, lost) == [SENT, (Status.ERROR, Reason.TEMPLATE_GONE)]
    assert bench.listed() == [[kept.delivery_id]]


def test_what_a_message_has_no_room_for_is_in_the_next_ones(bench: Bench) -> None:
    bench.templates.stored["news", "email", "default"] = Content(
        subject="{% for item in items %}" + "x" * 400 + "{% endfor %}",
        body="{% for item in items %}{{ item.delivery_id }} {% endfor %}",
    )
    entries = [bench.accept() for _ in range(5)]
    results = [bench.deliver(entries[0]) for _ in range(3)]
    assert [(each.result, each.why) for each in results[:2]] == [(Result.RETRY, CONTINUES)] * 2
    assert bench.statuses(*entries) == [SENT] * 5
    assert bench.copies() == Counter(each.delivery_id for each in entries)
    assert max(map(len, bench.listed())) == 2


def test_a_message_lists_no_more_than_one_invocation_can_see_to(bench: Bench) -> None:
    entries = [bench.accept() for _ in range(MOST_ENTRIES + 3)]
    assert bench.deliver(entries[0]).result is Result.RETRY
    bench.deliver(entries[0])
    assert bench.statuses(*entries) == [SENT] * len(entries)
    assert sorted(map(len, bench.listed())) == [3, MOST_ENTRIES]


def test_a_digests_template_that_is_gone_ends_all_of_them_with_that_reason(bench: Bench) -> None:
    bench.templates.stored.clear()
    entries = [bench.accept() for _ in range(2)]
    bench.deliver(entries[0])
    assert bench.statuses(*entries) == [(Status.ERROR, Reason.TEMPLATE_GONE)] * 2


def test_while_templates_cannot_be_read_all_of_them_wait(bench: Bench) -> None:
    entries = [bench.accept() for _ in range(2)]
    load, calls = bench.templates.load, [OSError("S3")]

    def once_out(key: str, version_id: str, /) -> Content:
        if calls:
            raise calls.pop()
        return load(key, version_id)

    bench.templates.load = once_out  # type: ignore[method-assign]
    assert bench.deliver(entries[0]).result is Result.RETRY
    assert bench.deliver(entries[0]).result is Result.SENT
    assert bench.statuses(*entries) == [SENT] * 2
    assert [attempt.outcome for attempt in bench.kept(entries[0]).attempts] == [Outcome.ACCEPTED]


# -- who dies ----------------------------------------------------------------------------------------------------------


class _DeathError(BaseException):
    """The process is gone: nothing that catches exceptions gets it."""


def dying(operation: Callable[..., Any], at: int, *, after: bool) -> Callable[..., Any]:
    """The operation, until the process is gone before or after its call of this number."""
    calls = iter(range(1, 1000))

    def call(*args: Any, **kwargs: Any) -> Any:
        number = next(calls)
        if number == at and not after:
            raise _DeathError
        answer = operation(*args, **kwargs)
        if number >= at:
            raise _DeathError
        return answer

    return call


STEPS = [
    *(("log", "claim", at) for at in (1, 2, 3)),
    *(("log", "begin", at) for at in (1, 2, 3)),
    *(("log", "conclude", at) for at in (1, 2, 3)),
    ("digests", "entries", 1),
    ("digests", "take", 1),
    ("digests", "tell", 1),
    ("provider", "send", 1),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "name", "at"), STEPS, ids=lambda each: str(each))
def test_whoever_dies_loses_none_and_sends_twice_only_when_no_answer_was_written(
    port: str, name: str, at: int, after: bool, bench: Bench
) -> None:
    entries = [bench.accept() for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(getattr(bench, port), name, dying(getattr(getattr(bench, port), name), at, after=after))
        patch.setattr(bench.digests, "leave", dying(bench.digests.leave, 1, after=False))  # the dead tidy nothing up
        with pytest.raises(_DeathError):
            bench.deliver(entries[1])
    for _ in range(3):
        bench.clock.advance(timedelta(minutes=20))
        for each in entries:
            bench.deliver(each)
    assert bench.statuses(*entries) == [SENT] * 3
    is_window = (name, after) in {("send", True), ("tell", False)}
    assert set(bench.copies().values()) == {2 if is_window else 1}
    for each in entries:
        doubts = [attempt for attempt in bench.kept(each).attempts if attempt.outcome is Outcome.UNKNOWN]
        assert len(doubts) >= bench.copies()[each.delivery_id] - 1


def test_when_the_digest_cannot_be_told_its_entries_are(bench: Bench) -> None:
    entries = [bench.accept() for _ in range(2)]

    def out(*_: object) -> None:
        raise OSError("limits")

    bench.digests.tell = out  # type: ignore[method-assign,assignment]
    report = bench.deliver(entries[0])
    assert (report.result, type(report.cause)) == (Result.SENT, OSError)
    assert bench.statuses(*entries) == [SENT] * 2


# -- the sweeper -------------------------------------------------------------------------------------------------------


def test_one_event_is_published_for_all_entries_of_a_digest_and_all_are_postponed(bench: Bench) -> None:
    entries, alone = [bench.accept() for _ in range(5)], bench.accept(digest_id=None)
    bus = MemoryBus()
    sweeper = Sweeper(bench.log, bus, bench.state, bench.clock)
    for shard in SHARDS["email"]:
        sweeper.sweep(shard, bench.clock() + timedelta(minutes=1))
    assert sorted(str(event.digest_id) for event in bus.taken) == [DIGEST, "None"]
    assert {bench.kept(each).republished for each in (*entries, alone)} == {1}
    bench.deliver(next(each for each in entries if each.event() in bus.taken))
    assert bench.statuses(*entries) == [SENT] * 5
