"""A notification accepted: logged before it is published, once however often it is asked for."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.domain.callers import Caller
from handlers.domain.content.rendering import Content
from handlers.domain.notifications.deliveries import Outcome, Reason
from handlers.domain.notifications.due import SHARDS
from handlers.domain.notifications.notification import Accepted, DryRun, NotificationState
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import Settings
from handlers.domain.problems import IdempotencyMismatch, InvalidRequest, NotFound, TooLarge
from handlers.domain.times import rfc3339
from handlers.services.accepting import (
    IDEMPOTENCY_WINDOW,
    SOONEST_SCHEDULE,
    Acceptance,
    NotificationService,
)
from handlers.services.sweeping import Sweeper
from tests.unit.handlers.log_contract import SENT, claimed
from tests.unit.handlers.memory import (
    Clock,
    MemoryBus,
    MemoryLog,
    MemoryPeople,
    MemoryProviderState,
    MemoryScheduler,
    MemoryTemplates,
)
from tests.unit.handlers.samples import DEMO, NOW, request

BUDGET = timedelta(seconds=13)
OTHER = Caller("other", frozenset({"*"}), frozenset({"*"}))


def person(locale: str | None = None, **settings: Any) -> Person:
    return Person(Reach({"email": (Endpoint("ada@example.com"),)}, locale), Settings.model_validate(settings))


@dataclass
class Desk:
    """The service with everything around it in memory."""

    people: MemoryPeople = field(default_factory=lambda: MemoryPeople({"ada": person("de-AT")}))
    templates: MemoryTemplates = field(default_factory=MemoryTemplates)
    log: MemoryLog = field(default_factory=MemoryLog)
    bus: MemoryBus = field(default_factory=MemoryBus)
    scheduler: MemoryScheduler = field(default_factory=MemoryScheduler)
    clock: Clock = field(default_factory=lambda: Clock(NOW))

    @property
    def service(self) -> NotificationService:
        categories = {"payment": ("email",)}
        return NotificationService(
            self.people,
            self.templates,
            self.log,
            self.bus,
            self.scheduler,
            categories,  # type: ignore[arg-type]
            ("email",),
            self.clock,
        )

    def accept(self, key: str | None = None, caller: Caller = DEMO, **fields: Any) -> Acceptance:
        return self.service.accept(request(**fields), caller, key, self.clock() + BUDGET)

    def cancel(self, notification_id: str, caller: Caller = DEMO) -> Accepted:
        return self.service.cancel(notification_id, caller, self.clock() + BUDGET)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def refused(desk: Desk, **fields: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as error:
        desk.accept(**fields)
    assert desk.log.notifications == {}
    assert (desk.bus.taken, desk.scheduler.made) == ([], {})
    return [each.field for each in error.value.errors]


def test_what_is_answered_is_in_the_log_and_on_the_bus(desk: Desk) -> None:
    accepted = desk.accept(to=[{"user_id": "ada"}, {"email": "bob@example.com"}, {"user_id": "nobody"}])
    found = desk.log.find(accepted.answer.notification_id)
    assert found is not None
    notification, deliveries = found
    assert (notification.app_key, notification.category, notification.created_at) == ("demo", "payment", NOW)
    assert [each.delivery_id for each in accepted.answer.deliveries] == [each.delivery_id for each in deliveries]
    assert [(each.user_id, each.status, each.reason) for each in accepted.answer.deliveries] == [
        ("ada", Status.CREATED, None),
        (None, Status.CREATED, None),
        ("nobody", Status.ERROR, Reason.UNKNOWN_CONTACT),
    ]
    assert desk.bus.taken == [deliveries[0].event(), deliveries[1].event()]
    assert accepted.logged == deliveries
    assert accepted.unpublished == 0


def test_a_delivery_holds_all_that_is_needed_to_send_it(desk: Desk) -> None:
    [given] = desk.accept(data={"name": "Ada", "amount": 1.5}, expires_at="2030-02-01T00:00:00Z").logged
    assert (given.endpoint, given.locale) == ("ada@example.com", "de-AT")
    assert desk.log.payloads[given.notification_id] == Payload(
        Content(subject="Hi {{ name }}", body="<b>{{ name }}</b>"), {"name": "Ada", "amount": 1.5}
    )
    assert given.expires_at is not None
    assert [(step.status, step.at) for step in given.timeline] == [(Status.CREATED, NOW)]


def test_a_delivery_that_is_never_sent_keeps_nothing_of_what_it_would_have_said(desk: Desk) -> None:
    [given] = desk.accept(to=[{"user_id": "nobody"}]).logged
    assert given.template is None
    assert desk.log.payloads == {}


class DyingBus(MemoryBus):
    """A bus during whose call the function is killed."""

    def publish(self, *args: Any) -> Any:
        raise KeyboardInterrupt


def test_a_service_that_dies_before_publishing_has_logged_already() -> None:
    desk = Desk(bus=DyingBus())
    with pytest.raises(KeyboardInterrupt):
        desk.accept()
    [record] = desk.log.records.values()
    assert record.delivery.status is Status.CREATED
    assert record.due_at is not None


def test_a_bus_that_takes_nothing_is_told_and_answered_all_the_same(desk: Desk) -> None:
    desk.bus.up = False
    accepted = desk.accept()
    assert accepted.unpublished == 1
    assert [each.status for each in accepted.answer.deliveries] == [Status.CREATED]


def test_what_is_known_of_all_recipients_is_read_in_one_call_and_of_users_addresses_in_one_more(desk: Desk) -> None:
    desk.accept(to=[{"user_id": "ada"}, {"user_id": "bob"}, {"email": "eve@example.com"}])
    eve, ada = address_key("eve@example.com"), address_key("ada@example.com")
    assert desk.people.asked == [{"ada", "bob", eve}, {ada}]


def test_of_whom_nothing_more_can_be_known_nothing_more_is_read(desk: Desk) -> None:
    desk.accept(to=[{"user_id": "bob"}, {"email": "eve@example.com"}])
    assert len(desk.people.asked) == 1


REFUSING: dict[str, Any] = {"categories": {"payment": {"email": False}}}
ASLEEP: dict[str, Any] = {"timezone": "UTC", "quiet_hours": {"start": "00:00", "end": "23:59"}}


@pytest.mark.parametrize(
    ("key", "stale", "more"),
    [
        ("ada", person(**REFUSING), {}),
        ("ada", person(**ASLEEP), {}),
        ("ada", person(**ASLEEP), {"expires_at": rfc3339(NOW + timedelta(minutes=1))}),
        (address_key("ada@example.com"), person(**REFUSING), {}),
        (address_key("ada@example.com"), Person(suppressed=True), {}),
        (address_key("eve@example.com"), Person(suppressed=True), {}),
    ],
)
def test_who_has_just_taken_back_what_kept_messages_away_is_sent_the_next_one(
    key: str, stale: Person, more: dict[str, Any], desk: Desk
) -> None:
    desk.people.stale[key] = stale
    accepted = desk.accept(to=[{"user_id": "ada"}, {"email": "eve@example.com"}], **more)
    assert [(each.status, each.reason) for each in accepted.logged] == [(Status.CREATED, None)] * 2
    *_, again = desk.people.asked
    assert key in again
    assert not {"ada", address_key("eve@example.com")} <= again


@pytest.mark.parametrize("is_lifted", [True, False])
def test_a_users_urls_are_asked_for_at_once_and_the_suppressed_one_again_to_be_certain(
    is_lifted: bool, desk: Desk
) -> None:
    first, second = (Endpoint(f"https://hooks.example.com/{name}", "webhook") for name in ("A", "B"))
    keys = [address_key(each.address) for each in (first, second)]
    desk.people.known["ada"] = Person(Reach({"chat": (first, second)}))
    desk.people.stale[keys[0]] = Person(suppressed=True)
    if not is_lifted:
        desk.people.known[keys[0]] = Person(suppressed=True)
    service = replace(desk.service, categories={"payment": ("chat",)}, served=("chat",))
    accepted = service.accept(request(), DEMO, None, desk.clock() + BUDGET)
    reasons = [None if is_lifted else Reason.SUPPRESSED, None]
    assert [(each.endpoint, each.reason) for each in accepted.logged] == [
        (each.address, reason) for each, reason in zip((first, second), reasons, strict=True)
    ]
    assert desk.people.asked == [{"ada"}, set(keys), {"ada", keys[0]}]
    assert len(desk.bus.taken) == 1 + is_lifted


def test_what_keeps_messages_away_still_does(desk: Desk) -> None:
    desk.people.known["ada"] = desk.people.stale["ada"] = person(**REFUSING)
    assert [each.status for each in desk.accept().logged] == [Status.UNSUBSCRIBED]


def test_an_address_that_opted_out_is_sent_nothing_however_it_is_named(desk: Desk) -> None:
    out = Person(settings=Settings(categories={"payment": {"email": False}}))
    desk.people.known[address_key("ada@example.com")] = out
    for to in ({"user_id": "ada"}, {"email": "Ada@EXAMPLE.com"}):
        [planned] = desk.accept(to=[to]).answer.deliveries
        assert (planned.status, planned.reason) == (Status.UNSUBSCRIBED, Reason.OPTED_OUT)


def test_what_could_only_be_sent_once_it_has_expired_is_answered_so_by_an_acceptance_and_a_dry_run(desk: Desk) -> None:
    desk.people.known["ada"] = person(quiet_hours={"start": "10:00", "end": "20:00"})
    given = request(expires_at=NOW + timedelta(hours=8))  # NOW is noon
    [planned] = desk.service.accept(given, DEMO, None, NOW + BUDGET).answer.deliveries
    [tried] = desk.service.dry_run(given, DEMO).deliveries
    assert (planned.status, planned.reason, planned.send_at) == (Status.ERROR, Reason.EXPIRED, None)
    assert (tried.status, tried.reason, tried.send_at) == (Status.ERROR, Reason.EXPIRED, None)
    assert desk.bus.taken == []


def test_data_cannot_take_the_names_of_a_messages_own_links(desk: Desk) -> None:
    with pytest.raises(InvalidRequest) as refused:
        desk.accept(data={"name": "Ada", "unsubscribe_url": "https://example.com"})
    assert [error.field for error in refused.value.errors] == ["data.unsubscribe_url"]


def test_a_link_that_cannot_be_tracked_is_refused_at_once(desk: Desk) -> None:
    content = {"subject": "Hi", "body": "{{ tracked(name) }}"}
    with pytest.raises(InvalidRequest) as refused:
        desk.accept(content=content, data={"name": "javascript:alert(1)"})
    assert [error.field for error in refused.value.errors] == ["content.body"]
    desk.accept(content=content, data={"name": "https://example.com"})


# -- dry runs ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_says_who_and_why_not_and_leaves_nothing_behind(desk: Desk) -> None:
    desk.people.known["out"] = person(categories={"payment": {"email": False}})
    to = [{"user_id": "ada"}, {"user_id": "out"}, {"user_id": "nobody"}]
    answer = desk.service.dry_run(request(to=to), DEMO)
    assert [each.model_dump(mode="json") for each in answer.deliveries] == [
        {"to": 0, "user_id": "ada", "channel": "email", "recipient": "a…@example.com", "status": "created"},
        {"to": 1, "user_id": "out", "channel": "email", "status": "unsubscribed", "reason": "opted_out"},
        {"to": 2, "user_id": "nobody", "channel": "email", "status": "error", "reason": "unknown_contact"},
    ]
    assert (desk.log.notifications, desk.bus.taken, desk.scheduler.made) == ({}, [], {})


def test_every_answer_says_which_recipient_of_the_request_each_delivery_is_for(desk: Desk) -> None:
    """Also where several name the same one, and an answer has fewer deliveries than the request has recipients."""
    given = request(to=[{"email": "bob@example.com"}] * 2 + [{"phone": "+442079460123"}, {"user_id": "ada"}])
    expected = [(0, "b…@example.com"), (2, "+44…0123"), (3, "a…@example.com")]

    def told(answer: DryRun | Accepted | NotificationState) -> list[tuple[int | None, str | None]]:
        return [(each.to, each.recipient) for each in answer.deliveries]

    accepted = desk.service.accept(given, DEMO, "key", NOW + BUDGET).answer
    assert told(accepted) == expected
    assert told(desk.service.accept(given, DEMO, "key", NOW + BUDGET).answer) == expected
    assert told(desk.service.dry_run(given, DEMO)) == expected
    assert told(desk.service.state(accepted.notification_id, DEMO)) == expected
    assert told(desk.service.cancel(accepted.notification_id, DEMO, NOW + BUDGET)) == expected


def test_a_dry_run_refuses_what_an_acceptance_would(desk: Desk) -> None:
    with pytest.raises(InvalidRequest):
        desk.service.dry_run(request(data={}), DEMO)


# -- what is to be sent ------------------------------------------------------------------------------------------------


def test_each_user_gets_the_template_in_the_language_nearest_to_theirs(desk: Desk) -> None:
    for locale in ("default", "de"):
        desk.templates.stored["receipt", "email", locale] = Content(subject="s", body=locale)
    desk.people.known["fred"] = person("fr")
    given = desk.accept(template="receipt", content=None, to=[{"user_id": "ada"}, {"user_id": "fred"}]).logged
    assert [each.template and (each.template.name, each.template.key, each.template.version_id) for each in given] == [
        ("receipt", "receipt/email/de", "v1"),
        ("receipt", "receipt/email/default", "v1"),
    ]
    assert desk.log.payloads[given[0].notification_id].content is None


def test_whose_languages_are_told_with_the_people_is_not_listed(desk: Desk) -> None:
    for locale in ("default", "de"):
        desk.templates.stored["receipt", "email", locale] = Content(subject="s", body=locale)
    asked: dict[str, Any] = {"template": "receipt", "content": None}
    desk.accept(**asked, to=[{"user_id": "ada"}, {"email": "bob@example.com"}])
    assert desk.templates.listed == [("receipt", "email")]
    desk.templates.listed.clear()
    desk.people.languages["templates/receipt/email/"] = {"default": "v1"}
    [given] = desk.accept(**asked).logged
    assert given.template is not None
    assert (given.template.key, desk.templates.listed) == ("receipt/email/default", [])


def test_a_template_that_is_not_stored_is_named(desk: Desk) -> None:
    assert refused(desk, template="receipt", content=None) == ["template"]


def test_a_template_without_the_users_language_or_a_default_is_named(desk: Desk) -> None:
    desk.templates.stored["receipt", "email", "fr"] = Content(subject="s", body="b")
    assert refused(desk, template="receipt", content=None) == ["template"]


def test_whose_language_a_template_is_not_in_fails_alone(desk: Desk) -> None:
    desk.people.known["fred"] = Person(Reach({"email": (Endpoint("fred@example.com"),)}, locale="fr"))
    desk.templates.stored["receipt", "email", "fr"] = Content(subject="s", body="b")
    to = [{"user_id": "ada"}, {"user_id": "fred"}]
    ada, fred = desk.accept(template="receipt", content=None, to=to).logged
    assert (ada.status, ada.reason, ada.template) == (Status.ERROR, Reason.NO_TEMPLATE, None)
    assert (fred.status, fred.reason) == (Status.CREATED, None)
    assert [event.delivery_id for event in desk.bus.taken] == [fred.delivery_id]
    planned = desk.service.dry_run(request(template="receipt", content=None, to=to), DEMO).deliveries
    assert [each.reason for each in planned] == [Reason.NO_TEMPLATE, None]


def test_the_data_that_a_template_needs_and_lacks_are_named(desk: Desk) -> None:
    desk.templates.stored["receipt", "email", "default"] = Content(subject="{{ number }}", body="{{ order.total }}")
    assert refused(desk, template="receipt", content=None, data={}) == ["data.number", "data.order"]


def test_a_template_that_fails_on_these_data_is_named(desk: Desk) -> None:
    desk.templates.stored["receipt", "email", "default"] = Content(subject="s", body="{{ order.total }}")
    assert refused(desk, template="receipt", content=None, data={"order": {}}) == ["template"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"body": "no subject"}, "content.subject"),
        ({"subject": "s", "body": "{{ unclosed"}, "content.body"),
        ({"subject": "s", "body": "b", "text": "{{ name.x.y }}"}, "content.text"),
    ],
)
def test_content_that_cannot_be_sent_is_named(desk: Desk, content: dict[str, str], field: str) -> None:
    assert refused(desk, content=content) == [field]


def test_much_to_say_is_said_to_as_many_as_one_may_ask_for(desk: Desk) -> None:
    to = [{"email": f"user-{number}@example.com"} for number in range(100)]
    content = {"subject": "s", "body": "x" * 200_000}
    assert len(desk.accept(to=to, content=content).logged) == 100


def test_one_delivery_with_little_to_say_is_its_notification_and_no_other_is(desk: Desk) -> None:
    little, two = desk.accept(), desk.accept(to=[{"user_id": "ada"}, {"email": "bob@example.com"}])
    much = desk.accept(data={"name": "".join(f"{n:x}" for n in range(300))})
    assert [each.is_only for each in little.logged] == [True]
    assert [each.is_only for each in (*two.logged, *much.logged)] == [False, False, False]


def test_more_than_an_item_takes_is_refused_even_for_one(desk: Desk) -> None:
    with pytest.raises(TooLarge):
        desk.accept(data={"name": "x" * 400_000})


# -- idempotency -------------------------------------------------------------------------------------------------------


def test_without_a_key_the_same_request_is_another_notification(desk: Desk) -> None:
    assert desk.accept().answer.notification_id != desk.accept().answer.notification_id


def test_with_a_key_the_same_request_gets_the_same_answer_and_is_logged_once(desk: Desk) -> None:
    first, second = desk.accept("key"), desk.accept("key")
    assert second.answer == first.answer
    assert (len(first.logged), len(second.logged)) == (1, 0)
    assert len(desk.log.notifications) == 1


def test_a_repeated_request_publishes_again_what_nobody_has_begun_and_nothing_else(desk: Desk) -> None:
    to = [{"user_id": "ada"}, {"email": "bob@example.com"}]
    desk.bus.up = False
    first, second = desk.accept("key", to=to).logged
    claimed(desk.log, first)
    desk.bus.up = True
    desk.accept("key", to=to)
    assert desk.bus.taken == [second.event()]


@pytest.mark.parametrize("quiet", [None, {"start": "10:00", "end": "20:00"}])
@pytest.mark.parametrize("send_at", [None, NOW + timedelta(hours=3)])
def test_a_repeated_request_gets_its_first_answer_whatever_has_become_of_it(
    desk: Desk, quiet: dict[str, str] | None, send_at: datetime | None
) -> None:
    desk.people.known["ada"] = person(quiet_hours=quiet)
    desk.people.known["out"] = person(categories={"payment": {"email": False}})
    to = [{"user_id": "ada"}, {"user_id": "out"}, {"user_id": "nobody"}, {"email": "bob@example.com"}]
    first = desk.accept("key", to=to, send_at=send_at)
    desk.log.conclude(claimed(desk.log, first.logged[0]), SENT)
    desk.cancel(first.answer.notification_id)
    before = dict(desk.log.records)
    assert desk.accept("key", to=to, send_at=send_at).answer == first.answer
    assert desk.log.records == before


def test_a_repeated_request_that_would_be_refused_by_now_gets_its_first_answer(desk: Desk) -> None:
    """As its answer was lost, and what was there then is not any more."""
    desk.templates.stored["receipt", "email", "default"] = Content(subject="s", body="b")
    fields: dict[str, Any] = {"template": "receipt", "content": None, "expires_at": NOW + timedelta(minutes=1)}
    first = desk.accept("key", **fields)
    desk.templates.stored.clear()
    desk.clock.advance(timedelta(minutes=2))
    assert desk.accept("key", **fields).answer == first.answer
    with pytest.raises(IdempotencyMismatch):
        desk.accept("key", **fields | {"priority": "high"})
    with pytest.raises(InvalidRequest):
        desk.accept("another key", **fields)
    desk.clock.advance(IDEMPOTENCY_WINDOW)
    with pytest.raises(InvalidRequest):
        desk.accept("key", **fields)


def test_of_a_request_that_is_sent_twice_at_once_both_get_the_same_answer(desk: Desk) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: desk.accept("key"), range(8)))
    assert len({each.answer.notification_id for each in answers}) == 1
    assert [each.answer for each in answers] == [answers[0].answer] * 8
    assert sum(len(each.logged) for each in answers) == 1


def test_another_request_with_the_same_key_is_refused(desk: Desk) -> None:
    desk.accept("key")
    with pytest.raises(IdempotencyMismatch):
        desk.accept("key", priority="high")
    assert len(desk.log.notifications) == 1


def test_keys_of_two_apps_are_two_keys(desk: Desk) -> None:
    assert desk.accept("key").answer.notification_id != desk.accept("key", OTHER).answer.notification_id


def test_after_a_day_a_key_stands_for_a_new_request(desk: Desk) -> None:
    first = desk.accept("key").answer.notification_id
    desk.clock.advance(IDEMPOTENCY_WINDOW)
    second = desk.accept("key", priority="high").answer.notification_id
    assert second != first
    # … and that one is remembered for a day in its turn.
    desk.clock.advance(IDEMPOTENCY_WINDOW - timedelta(seconds=1))
    assert desk.accept("key", priority="high").answer.notification_id == second
    assert len(desk.log.notifications) == 2


# -- state -------------------------------------------------------------------------------------------------------------


def test_a_notification_is_told_with_all_that_has_happened_to_it(desk: Desk) -> None:
    accepted = desk.accept()
    desk.log.conclude(claimed(desk.log, accepted.logged[0]), SENT)
    [told] = desk.service.state(accepted.answer.notification_id, DEMO).deliveries
    assert [step.status for step in told.timeline] == [Status.CREATED, Status.PENDING, Status.SENT]
    assert [attempt.outcome for attempt in told.attempts] == [Outcome.ACCEPTED]


def test_a_notification_is_told_to_the_app_alone_that_sent_it(desk: Desk) -> None:
    notification_id = desk.accept().answer.notification_id
    for unseen, caller in ((notification_id, OTHER), ("unheard-of", DEMO)):
        with pytest.raises(NotFound):
            desk.service.state(unseen, caller)


# -- cancellation ------------------------------------------------------------------------------------------------------


def test_a_cancellation_tells_of_each_delivery_whether_it_came_in_time(desk: Desk) -> None:
    recipients = [{"email": f"{name}@example.com"} for name in ("waiting", "sending", "sent")] + [{"user_id": "nobody"}]
    notification_id = desk.accept(to=recipients).answer.notification_id
    found = desk.log.find(notification_id)
    assert found is not None
    _, sending, sent, _ = found[1]
    claimed(desk.log, sending)
    desk.log.conclude(claimed(desk.log, sent), SENT)
    answer = desk.cancel(notification_id)
    assert [(each.status, each.reason) for each in answer.deliveries] == [
        (Status.CANCELED, Reason.CANCELED),
        (Status.PENDING, None),
        (Status.SENT, None),
        (Status.ERROR, Reason.UNKNOWN_CONTACT),
    ]
    assert desk.cancel(notification_id) == answer


def test_what_cannot_be_canceled_in_time_is_answered_as_it_is_and_canceled_when_it_is_asked_again(desk: Desk) -> None:
    notification_id = desk.accept(to=[{"email": f"{n}@example.com"} for n in range(30)]).answer.notification_id
    answer = desk.service.cancel(notification_id, DEMO, until=desk.clock())
    assert {each.status for each in answer.deliveries} == {Status.CREATED}
    assert {each.status for each in desk.cancel(notification_id).deliveries} == {Status.CANCELED}


def test_nobody_cancels_what_is_not_theirs_or_not_there(desk: Desk) -> None:
    notification_id = desk.accept().answer.notification_id
    for unknown, caller in ((notification_id, OTHER), ("none", DEMO)):
        with pytest.raises(NotFound):
            desk.cancel(unknown, caller)
    [record] = desk.log.records.values()
    assert record.delivery.status is Status.CREATED


# -- what waits --------------------------------------------------------------------------------------------------------

EVENING = NOW + timedelta(hours=8)
WAITING = (Status.CREATED, Reason.SCHEDULED, EVENING)


def test_what_is_to_wait_is_logged_and_answered_and_not_published(desk: Desk) -> None:
    [delivery] = desk.accept(send_at=EVENING).answer.deliveries
    assert (delivery.status, delivery.reason, delivery.send_at) == WAITING
    [planned] = desk.service.dry_run(request(send_at=EVENING), DEMO).deliveries
    assert (planned.status, planned.reason, planned.send_at) == WAITING
    [record] = desk.log.records.values()
    assert record.due_at == EVENING
    assert desk.bus.taken == []


def test_in_quiet_hours_a_critical_category_is_published_and_another_waits(desk: Desk) -> None:
    desk.people.known["ada"] = person(quiet_hours={"start": "10:00", "end": "20:00"})
    [delivery] = desk.accept().answer.deliveries
    assert (delivery.status, delivery.reason, delivery.send_at) == (Status.CREATED, Reason.QUIET_HOURS, EVENING)
    assert desk.bus.taken == []
    replace(desk.service, critical=frozenset({"payment"})).accept(request(), DEMO, None, NOW + BUDGET)
    assert len(desk.bus.taken) == 1


def test_a_request_that_is_repeated_publishes_nothing_that_still_waits(desk: Desk) -> None:
    first = desk.accept("key", send_at=EVENING).answer
    desk.clock.advance(timedelta(hours=1))
    assert desk.accept("key", send_at=EVENING).answer == first
    assert desk.bus.taken == []
    desk.clock.advance(timedelta(hours=7))
    assert desk.accept("key", send_at=EVENING).answer == first
    assert len(desk.bus.taken) == 1


def test_the_sweeper_publishes_what_waited_and_nothing_that_was_canceled(desk: Desk) -> None:
    desk.accept(send_at=EVENING)
    desk.cancel(desk.accept(send_at=EVENING).answer.notification_id)
    sweeper = Sweeper(desk.log, desk.bus, MemoryProviderState(), desk.clock)
    for at, published in ((EVENING - timedelta(seconds=1), 0), (EVENING, 1), (EVENING + timedelta(minutes=1), 1)):
        desk.clock.now = at
        for shard in SHARDS["email"]:
            sweeper.sweep(shard, at + timedelta(seconds=40))
        assert len(desk.bus.taken) == published


# -- what has its time -------------------------------------------------------------------------------------------------


def test_what_waits_for_its_time_is_scheduled_for_it_once_it_is_logged(desk: Desk) -> None:
    desk.people.known["out"] = person(categories={"payment": {"email": False}})
    to = [{"user_id": "ada"}, {"user_id": "out"}, {"email": "bob@example.com"}]
    accepted = desk.accept(to=to, send_at=EVENING)
    ada, _, bob = accepted.logged
    assert desk.scheduler.made == {accepted.answer.notification_id: (EVENING, (ada.event(), bob.event()))}
    assert accepted.unscheduled == 0


def test_what_waits_for_quiet_hours_to_end_is_left_to_the_sweeper(desk: Desk) -> None:
    desk.people.known["ada"] = person(quiet_hours={"start": "19:00", "end": "21:00"})
    accepted = desk.accept(to=[{"user_id": "ada"}, {"email": "bob@example.com"}], send_at=EVENING)
    assert [each.reason for each in accepted.logged] == [Reason.QUIET_HOURS, Reason.SCHEDULED]
    [(_, scheduled)] = desk.scheduler.made.values()
    assert scheduled == (accepted.logged[1].event(),)
    desk.people.known["ada"] = person(quiet_hours={"start": "10:00", "end": "20:00"})
    desk.accept()
    assert len(desk.scheduler.made) == 1


def test_what_is_sent_at_once_is_not_scheduled(desk: Desk) -> None:
    desk.accept()
    desk.accept(send_at=NOW - timedelta(hours=1))
    assert desk.scheduler.made == {}
    assert len(desk.bus.taken) == 2


def test_a_time_that_may_have_passed_before_a_schedule_is_made_is_left_to_the_sweeper(desk: Desk) -> None:
    almost = desk.accept(send_at=NOW + SOONEST_SCHEDULE - timedelta(milliseconds=1))
    assert (desk.scheduler.made, almost.unscheduled) == ({}, 0)
    assert [each.reason for each in almost.logged] == [Reason.SCHEDULED]
    desk.accept(send_at=NOW + SOONEST_SCHEDULE)
    assert len(desk.scheduler.made) == 1


def test_a_schedule_that_cannot_be_made_is_told_and_answered_all_the_same(desk: Desk) -> None:
    desk.scheduler.up = False
    accepted = desk.accept(to=[{"user_id": "ada"}, {"email": "bob@example.com"}], send_at=EVENING)
    assert (accepted.unscheduled, accepted.unpublished) == (2, 0)
    assert [(each.status, each.reason) for each in accepted.answer.deliveries] == [WAITING[:2]] * 2
    assert [record.due_at for record in desk.log.records.values()] == [EVENING, EVENING]


class DyingScheduler(MemoryScheduler):
    """A scheduler during whose call the function is killed."""

    def schedule(self, *args: Any) -> int:
        raise KeyboardInterrupt


def test_a_service_that_dies_before_scheduling_has_logged_already_and_schedules_when_it_is_asked_again() -> None:
    desk = Desk(scheduler=DyingScheduler())
    with pytest.raises(KeyboardInterrupt):
        desk.accept("key", send_at=EVENING)
    [record] = desk.log.records.values()
    assert record.due_at == EVENING
    desk.scheduler = MemoryScheduler()
    desk.accept("key", send_at=EVENING)
    assert list(desk.scheduler.made.values()) == [(EVENING, (record.delivery.event(),))]


def test_a_request_that_is_repeated_has_one_schedule_and_none_once_its_time_has_come(desk: Desk) -> None:
    first = desk.accept("key", send_at=EVENING)
    made = dict(desk.scheduler.made)
    desk.clock.advance(timedelta(hours=1))
    assert desk.accept("key", send_at=EVENING).unscheduled == 0
    assert desk.scheduler.made == made
    desk.scheduler.made.clear()
    desk.clock.now = EVENING
    desk.accept("key", send_at=EVENING)
    assert desk.scheduler.made == {}
    assert desk.bus.taken == [first.logged[0].event()]


def test_what_was_canceled_before_a_request_is_repeated_is_not_scheduled_again(desk: Desk) -> None:
    desk.scheduler.up = False
    notification_id = desk.accept("key", send_at=EVENING).answer.notification_id
    desk.cancel(notification_id)
    desk.scheduler.up = True
    desk.accept("key", send_at=EVENING)
    assert desk.scheduler.made == {}
