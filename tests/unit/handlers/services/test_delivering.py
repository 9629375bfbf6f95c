"""One delivery made, and everything that can get in the way; the log in memory keeps what DynamoDB's keeps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from handlers.domain.content.links import Link, Links, Purpose, verify
from handlers.domain.content.messages import unsubscribe_headers
from handlers.domain.content.rendering import Content
from handlers.domain.notifications.claims import Refusal
from handlers.domain.notifications.deliveries import Delivery, Outcome, Reason
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings
from handlers.domain.problems import Contended
from handlers.domain.providers.errors import (
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.services.delivering import Report, Result, Worker
from handlers.services.failover import Chain
from tests.unit.handlers.memory import LINKS, Clock, MemoryLog, MemoryProvider, MemoryProviderState, MemoryTemplates
from tests.unit.handlers.samples import NOW, delivery, notification, reached, said

LEASE = timedelta(seconds=30)
OPTED_OUT = Settings(categories={"payment": {"email": False}})


@dataclass
class Bench:
    """A worker with everything around it in memory."""

    log: MemoryLog = field(default_factory=MemoryLog)
    templates: MemoryTemplates = field(default_factory=MemoryTemplates)
    provider: MemoryProvider = field(default_factory=MemoryProvider)
    clock: Clock = field(default_factory=lambda: Clock(NOW))

    def accept(self, **fields: Any) -> Delivery:
        says, given = said(fields), delivery(**fields)
        assert self.log.accept(notification(given.notification_id), [given], says)
        return given

    def deliver(self, given: Delivery, settings: Settings = DEFAULT_SETTINGS) -> Report:
        return self.deliver_to(reached(given, settings), given)

    def deliver_to(self, people: Mapping[str, Person], given: Delivery) -> Report:
        """With what is known now of whom it is for."""
        chain = Chain((self.provider,), MemoryProviderState(), self.clock)
        worker = Worker(self.log, self.templates, LINKS, chain, self.clock, critical=frozenset({"security"}))
        return worker.deliver(given.event(), people, self.clock() + LEASE)

    def kept(self, given: Delivery) -> Delivery:
        found = self.log.find(given.notification_id)
        assert found is not None
        return found[1][0]

    def is_watched(self, given: Delivery) -> bool:
        """Whether the sweeper looks after it."""
        return self.log.records[given.notification_id, given.delivery_id].due_at is not None


@pytest.fixture
def bench() -> Bench:
    return Bench()


def outcomes(given: Delivery) -> list[tuple[Outcome, str | None]]:
    return [(attempt.outcome, attempt.error) for attempt in given.attempts]


def statuses(given: Delivery) -> list[Status]:
    return [step.status for step in given.timeline if step.status is not None]


def test_a_delivery_is_rendered_sent_and_written_down(bench: Bench) -> None:
    given = bench.accept(data={"name": "<Ada>"})
    assert bench.deliver(given) == Report(Result.SENT)
    [message] = bench.provider.sent
    assert (message.content.subject, message.content.body) == ("Hi <Ada>", "<b>&lt;Ada&gt;</b>")
    assert (message.endpoint.address, message.delivery_id) == ("ada@example.com", given.delivery_id)
    kept = bench.kept(given)
    assert statuses(kept) == [Status.CREATED, Status.PENDING, Status.SENT]
    assert outcomes(kept) == [(Outcome.ACCEPTED, None)]
    assert (kept.provider, kept.provider_message_id) == ("memory", "id-1")
    assert not bench.is_watched(given)


def test_a_delivery_is_sent_as_its_template_was_when_it_was_accepted(bench: Bench) -> None:
    bench.templates.stored["receipt", "email", "de"] = Content(subject="Quittung", body="Danke, {{ name }}")
    pinned = {"name": "receipt", "key": "receipt/email/de", "version_id": "v1"}
    given = bench.accept(template=pinned, content=None)
    bench.deliver(given)
    assert [message.content.body for message in bench.provider.sent] == ["Danke, Ada"]


def test_a_delivery_whose_template_is_gone_ends_with_that_reason(bench: Bench) -> None:
    gone = {"name": "receipt", "key": "receipt/email/de", "version_id": "v1"}
    given = bench.accept(template=gone, content=None)
    assert bench.deliver(given) == Report(Result.FAILED, Reason.TEMPLATE_GONE)
    kept = bench.kept(given)
    assert (kept.status, kept.reason, bench.provider.sent) == (Status.ERROR, Reason.TEMPLATE_GONE, [])
    assert not bench.is_watched(given)


@pytest.mark.parametrize("write", ["claim", "conclude"])
def test_what_others_are_writing_goes_back_to_the_queue_and_is_no_surprise(write: str, bench: Bench) -> None:
    def contended(*args: object, **kwargs: object) -> None:
        raise Contended("others")

    given = bench.accept()
    setattr(bench.log, write, contended)
    assert bench.deliver(given) == Report(Result.RETRY, Refusal.CONTENDED)


def test_a_message_finds_its_own_links_beside_its_data_and_a_mail_says_how_to_unsubscribe(bench: Bench) -> None:
    content = Content(
        subject="Hi {{ name }}",
        body='<a href="{{ tracked("https://shop.example.com/a?b=1&c=2") }}">Shop</a> <img src="{{ open_url }}">',
        text="{{ unsubscribe_url }}",
    )
    given = bench.accept(content=content, data={"name": "Ada"})
    assert bench.deliver(given) == Report(Result.SENT)
    [message] = bench.provider.sent
    assert message.unsubscribe_url == message.content.text
    found = re.findall(
        r"https://api\.example\.com(/[tcou/]+/)([\w.-]+)", f"{message.content.body} {message.content.text}"
    )
    links = {path: verify(LINKS.secret(), Purpose(path), token) for path, token in found}
    of_this = (given.notification_id, given.delivery_id)
    assert links == {
        "/t/c/": Link(*of_this, "https://shop.example.com/a?b=1&c=2"),
        "/t/o/": Link(*of_this),
        "/u/": Link(*of_this),
    }


def test_without_the_key_of_links_nobody_is_asked_and_it_is_tried_again(bench: Bench) -> None:
    def no_key() -> bytes:
        raise ConnectionError

    given = bench.accept()
    chain = Chain((bench.provider,), MemoryProviderState(), bench.clock)
    worker = Worker(bench.log, bench.templates, Links("https://api.example.com", no_key), chain, bench.clock)
    report = worker.deliver(given.event(), reached(given), bench.clock() + LEASE)
    assert (report.result, report.why) == (Result.RETRY, "template_not_read")
    assert bench.provider.sent == []
    assert outcomes(bench.kept(given)) == [(Outcome.UNAVAILABLE, "template_not_read")]


def test_an_sms_tells_how_many_messages_it_takes_and_nothing_else_does(bench: Bench) -> None:
    for channel, segments in (("sms", 2), ("chat", None)):
        given = bench.accept(channel=channel, content=Content(body="{{ name }}"), data={"name": "a" * 161})
        bench.deliver(given)
        assert [attempt.segments for attempt in bench.kept(given).attempts] == [segments]


def test_the_same_event_again_is_dropped(bench: Bench) -> None:
    given = bench.accept()
    bench.deliver(given)
    before = bench.kept(given)
    assert bench.deliver(given) == Report(Result.DROPPED, Refusal.SETTLED)
    assert len(bench.provider.sent) == 1
    assert bench.kept(given) == before


def test_an_event_whose_delivery_somebody_holds_comes_back(bench: Bench) -> None:
    given = bench.accept()
    bench.log.claim(given.event(), provider="memory", lease_until=NOW + LEASE, now=NOW, unknown_retries=1)
    assert bench.deliver(given) == Report(Result.RETRY, Refusal.LEASED)
    assert bench.provider.sent == []


def test_a_delivery_whose_worker_died_is_sent_and_the_first_attempt_stays_unknown(bench: Bench) -> None:
    given = bench.accept()
    bench.log.claim(given.event(), provider="memory", lease_until=NOW + LEASE, now=NOW, unknown_retries=1)
    bench.clock.advance(LEASE + timedelta(seconds=2))
    assert bench.deliver(given).result is Result.SENT
    assert outcomes(bench.kept(given)) == [(Outcome.UNKNOWN, None), (Outcome.ACCEPTED, None)]


def test_an_event_that_is_not_in_the_log_comes_back_and_ends_in_the_dead_letter_queue(bench: Bench) -> None:
    assert bench.deliver(delivery()) == Report(Result.RETRY, Refusal.MISSING)


def test_who_opted_out_meanwhile_gets_nothing_and_no_attempt_is_made(bench: Bench) -> None:
    given = bench.accept()
    assert bench.deliver(given, OPTED_OUT) == Report(Result.UNSUBSCRIBED, Reason.OPTED_OUT)
    kept = bench.kept(given)
    assert (kept.status, kept.reason, kept.attempts) == (Status.UNSUBSCRIBED, Reason.OPTED_OUT, ())
    assert bench.provider.sent == []
    assert not bench.is_watched(given)


def test_who_opts_out_after_it_was_sent_changes_nothing(bench: Bench) -> None:
    given = bench.accept()
    bench.deliver(given)
    assert bench.deliver(given, OPTED_OUT) == Report(Result.DROPPED, Refusal.SETTLED)
    assert bench.kept(given).status is Status.SENT


def test_what_expired_is_not_sent(bench: Bench) -> None:
    given = bench.accept(expires_at=NOW + LEASE)
    bench.clock.advance(LEASE)
    assert bench.deliver(given) == Report(Result.FAILED, Reason.EXPIRED)
    kept = bench.kept(given)
    assert (kept.status, kept.reason, kept.attempts) == (Status.ERROR, Reason.EXPIRED, ())
    assert bench.provider.sent == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RecipientRefusedError("410"), Reason.RECIPIENT_REFUSED),
        (MessageRefusedError("MessageRejected"), Reason.MESSAGE_REFUSED),
    ],
)
def test_a_refusal_ends_the_delivery(bench: Bench, error: Exception, reason: Reason) -> None:
    given = bench.accept()
    bench.provider.raises = error
    assert bench.deliver(given) == Report(Result.FAILED, str(error))
    kept = bench.kept(given)
    assert (kept.status, kept.reason) == (Status.ERROR, reason)
    assert outcomes(kept) == [(Outcome.REFUSED, str(error))]
    assert not bench.is_watched(given)
    bench.provider.raises = None
    assert bench.deliver(given).result is Result.DROPPED


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (UnavailableError("503"), Outcome.UNAVAILABLE, "503"),
        (ThrottledError("429", retry_after=7), Outcome.UNAVAILABLE, "429"),
        (OutcomeUnknownError("no_answer"), Outcome.UNKNOWN, "no_answer"),
        (ZeroDivisionError("a mistake of ours"), Outcome.UNKNOWN, "unforeseen"),
    ],
)
def test_whatever_else_goes_wrong_is_tried_again_at_once_when_the_event_is_back(
    bench: Bench, error: Exception, outcome: Outcome, code: str
) -> None:
    given = bench.accept()
    bench.provider.raises = error
    report = bench.deliver(given)
    assert (report.result, report.why) == (Result.RETRY, code)
    kept = bench.kept(given)
    assert kept.status is Status.PENDING
    assert outcomes(kept) == [(outcome, code)]
    assert bench.is_watched(given)

    bench.provider.raises = None
    assert bench.deliver(given).result is Result.SENT
    assert outcomes(bench.kept(given)) == [(outcome, code), (Outcome.ACCEPTED, None)]
    assert statuses(bench.kept(given)) == [Status.CREATED, Status.PENDING, Status.SENT]


def test_only_what_nobody_foresaw_is_handed_on_to_be_told(bench: Bench) -> None:
    given = bench.accept()
    bench.provider.raises = UnavailableError("503")
    assert bench.deliver(given).cause is None
    bench.provider.raises = ZeroDivisionError("a mistake of ours")
    assert bench.deliver(given).cause is bench.provider.raises


def test_what_cannot_be_rendered_ends_the_delivery(bench: Bench) -> None:
    given = bench.accept(data={})
    assert bench.deliver(given) == Report(Result.FAILED, Reason.RENDERING_FAILED)
    kept = bench.kept(given)
    assert (kept.status, kept.reason) == (Status.ERROR, Reason.RENDERING_FAILED)
    assert outcomes(kept) == [(Outcome.REFUSED, None)]


def test_a_template_that_cannot_be_read_sends_nothing_and_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(key: str, version_id: str) -> Content:
        raise ConnectionError

    monkeypatch.setattr(bench.templates, "load", load)
    pinned = {"name": "receipt", "key": "receipt/email/de", "version_id": "v1"}
    given = bench.accept(template=pinned, content=None)
    assert bench.deliver(given).result is Result.RETRY
    assert outcomes(bench.kept(given)) == [(Outcome.UNAVAILABLE, "template_not_read")]
    monkeypatch.undo()
    bench.templates.stored["receipt", "email", "de"] = Content(subject="s", body="b")
    assert bench.deliver(given).result is Result.SENT


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"channel": "sms", "content": {"body": "{% if name == 1 %}Hi{% endif %}"}}, Reason.MESSAGE_EMPTY),
        ({"channel": "email", "content": {"subject": "{{ name[9:] }}", "body": "b"}}, Reason.MESSAGE_EMPTY),
        ({"channel": "push", "platform": "apns", "content": {"body": "x" * 4096}}, Reason.MESSAGE_TOO_LONG),
        ({"channel": "chat", "platform": "discord", "content": {"body": "x" * 2001}}, Reason.MESSAGE_TOO_LONG),
        ({"channel": "sms", "content": {"body": "x" * 1531}}, Reason.MESSAGE_TOO_LONG),
    ],
)
def test_what_is_empty_or_too_long_for_one_recipient_fails_alone_before_a_provider_is_asked(
    bench: Bench, fields: dict[str, Any], reason: Reason
) -> None:
    given, other = bench.accept(**fields), bench.accept()
    assert bench.deliver(given) == Report(Result.FAILED, reason)
    kept = bench.kept(given)
    assert (kept.status, kept.reason) == (Status.ERROR, reason)
    assert outcomes(kept) == [(Outcome.REFUSED, None)]
    assert bench.provider.sent == []
    assert not bench.is_watched(given)
    assert bench.deliver(other).result is Result.SENT


def test_a_worker_measures_a_text_message_by_what_it_is_configured_with(bench: Bench) -> None:
    given = bench.accept(channel="sms", content={"body": "x" * 161})
    chain = Chain((bench.provider,), MemoryProviderState(), bench.clock)
    worker = Worker(bench.log, bench.templates, LINKS, chain, bench.clock, max_segments=1)
    report = worker.deliver(given.event(), reached(given), bench.clock() + LEASE)
    assert report == Report(Result.FAILED, Reason.MESSAGE_TOO_LONG)


class DeadLog(MemoryLog):
    """A log that cannot be reached when an attempt is concluded."""

    def conclude(self, *args: Any) -> None:
        raise ConnectionError("no log")


def test_a_log_that_is_gone_after_the_send_makes_the_event_come_back_once_the_lease_has_ended() -> None:
    bench = Bench(log=DeadLog())
    given = bench.accept()
    report = bench.deliver(given)
    assert (report.result, report.why) == (Result.RETRY, "ConnectionError")
    assert bench.is_watched(given)

    bench.log = MemoryLog(bench.log.notifications, bench.log.records, bench.log.payloads)
    assert bench.deliver(given).why == Refusal.LEASED
    bench.clock.advance(LEASE + timedelta(seconds=2))
    assert bench.deliver(given).result is Result.SENT
    # The one window for a duplicate, and it can be seen.
    assert len(bench.provider.sent) == 2
    assert outcomes(bench.kept(given)) == [(Outcome.UNKNOWN, None), (Outcome.ACCEPTED, None)]


# -- quiet hours -------------------------------------------------------------------------------------------------------

QUIET = Settings.model_validate({"quiet_hours": {"start": "10:00", "end": "20:00"}})  # NOW is noon
THEIR_END = NOW + timedelta(hours=8)


def test_a_delivery_that_has_come_into_quiet_hours_is_put_off_and_sent_when_they_end(bench: Bench) -> None:
    given = bench.accept()
    assert bench.deliver(given, QUIET) == Report(Result.DEFERRED, Reason.QUIET_HOURS)
    kept = bench.kept(given)
    assert (kept.status, kept.reason, kept.send_at, kept.attempts) == (
        Status.CREATED,
        Reason.QUIET_HOURS,
        THEIR_END,
        (),
    )
    assert bench.log.records[given.notification_id, given.delivery_id].due_at == THEIR_END
    bench.clock.now = THEIR_END
    assert bench.deliver(given, QUIET) == Report(Result.SENT)
    assert (bench.kept(given).reason, statuses(bench.kept(given))) == (
        None,
        [Status.CREATED, Status.PENDING, Status.SENT],
    )


def test_an_attempt_that_failed_is_not_repeated_in_quiet_hours(bench: Bench) -> None:
    given = bench.accept()
    bench.provider.raises = UnavailableError("503")
    bench.deliver(given)
    assert bench.deliver(given, QUIET).result is Result.DEFERRED
    kept = bench.kept(given)
    assert (kept.status, kept.send_at, len(kept.attempts)) == (Status.PENDING, THEIR_END, 1)


@pytest.mark.parametrize("settings", [QUIET, Settings(categories={"security": {"email": False}})])
def test_a_critical_category_is_sent_whatever_its_reader_chose_and_offers_no_way_out(
    bench: Bench, settings: Settings
) -> None:
    given = bench.accept(category="security")
    people = reached(given, settings) | {str(given.event().address_key): Person(settings=settings)}
    assert bench.deliver_to(people, given) == Report(Result.SENT)
    [message] = bench.provider.sent
    assert unsubscribe_headers(message) == {}


def test_what_expires_in_quiet_hours_ends_when_it_does(bench: Bench) -> None:
    given = bench.accept(expires_at=NOW + LEASE)
    assert bench.deliver(given, QUIET).result is Result.DEFERRED
    bench.clock.advance(LEASE)
    assert bench.deliver(given, QUIET) == Report(Result.FAILED, Reason.EXPIRED)
    assert (bench.kept(given).status, bench.is_watched(given)) == (Status.ERROR, False)


def test_in_quiet_hours_a_duplicate_is_dropped_and_what_another_is_sending_comes_back(bench: Bench) -> None:
    sent, held = bench.accept(), bench.accept()
    bench.deliver(sent)
    bench.log.claim(held.event(), provider="ses", lease_until=NOW + LEASE, now=NOW, unknown_retries=1)
    assert bench.deliver(sent, QUIET) == Report(Result.DROPPED, Refusal.SETTLED)
    assert bench.deliver(held, QUIET) == Report(Result.RETRY, Refusal.LEASED)


def test_what_was_canceled_is_dropped(bench: Bench) -> None:
    given = bench.accept()
    bench.log.cancel(given, NOW)
    assert bench.deliver(given) == Report(Result.DROPPED, Refusal.SETTLED)
    assert bench.provider.sent == []


# -- where they are reached now ----------------------------------------------------------------------------------------

TOKEN = "ab" * 32
HOOK = "https://hooks.slack.com/services/T/B/x"
ENDPOINTS: dict[str, dict[str, str]] = {
    "email": {"endpoint": "ada@example.com"},
    "sms": {"endpoint": "+442079460123"},
    "push": {"endpoint": TOKEN, "platform": "apns"},
    "chat": {"endpoint": HOOK, "platform": "slack"},
}
ELSEWHERE: dict[str, tuple[Endpoint, ...]] = {
    "push": (Endpoint("cd" * 32, "apns"), Endpoint(TOKEN, "fcm")),
    "chat": (Endpoint(f"{HOOK}y", "slack"),),
}
CONTENT = Content(subject="Hi", body="Hi")


@pytest.mark.parametrize("reach", [None, Reach({})])
@pytest.mark.parametrize("channel", ENDPOINTS)
def test_nothing_is_sent_to_whom_is_not_reached_on_the_channel_any_more(
    bench: Bench, channel: str, reach: Reach | None
) -> None:
    given = bench.accept(channel=channel, content=CONTENT, **ENDPOINTS[channel])
    assert bench.deliver_to({"ada": Person(reach)}, given) == Report(Result.FAILED, Reason.NO_ENDPOINT)
    kept = bench.kept(given)
    assert (kept.status, kept.reason, kept.attempts) == (Status.ERROR, Reason.NO_ENDPOINT, ())
    assert bench.provider.sent == []
    assert not bench.is_watched(given)


@pytest.mark.parametrize("channel", ELSEWHERE)
def test_of_many_endpoints_the_one_that_it_was_for_must_still_be_there(bench: Bench, channel: str) -> None:
    given = bench.accept(channel=channel, content=CONTENT, **ENDPOINTS[channel])
    people = {"ada": Person(Reach({channel: ELSEWHERE[channel]}))}
    assert bench.deliver_to(people, given) == Report(Result.FAILED, Reason.NO_ENDPOINT)
    assert bench.provider.sent == []
    assert not bench.is_watched(given)


def test_a_device_is_the_same_however_its_token_is_written(bench: Bench) -> None:
    given = bench.accept(channel="push", content=CONTENT, **ENDPOINTS["push"])
    people = {"ada": Person(Reach({"push": (Endpoint(TOKEN.upper(), "apns"),)}))}
    assert bench.deliver_to(people, given) == Report(Result.SENT)


@pytest.mark.parametrize(("channel", "now"), [("email", "ada@new.example.com"), ("sms", "+442079460999")])
def test_what_is_for_a_user_goes_to_the_address_they_have_now_and_the_log_says_so(
    bench: Bench, channel: str, now: str
) -> None:
    given = bench.accept(channel=channel, content=CONTENT, **ENDPOINTS[channel])
    people = {"ada": Person(Reach({channel: (Endpoint(now),)}))}
    assert bench.deliver_to(people, given) == Report(Result.SENT)
    assert [message.endpoint.address for message in bench.provider.sent] == [now]
    assert bench.kept(given).endpoint == now


def test_what_failed_goes_to_the_address_of_the_time_when_it_is_tried_again(bench: Bench) -> None:
    given = bench.accept()
    bench.provider.raises = UnavailableError("503")
    for domain in ("one", "two"):
        bench.deliver_to({"ada": Person(Reach({"email": (Endpoint(f"ada@{domain}.example.com"),)}))}, given)
        bench.provider.raises = None
    assert [message.endpoint.address for message in bench.provider.sent] == ["ada@two.example.com"]


def test_an_address_that_is_written_otherwise_now_is_no_other(bench: Bench) -> None:
    given = bench.accept()
    bench.deliver_to({"ada": Person(Reach({"email": (Endpoint("Ada@example.com"),)}))}, given)
    assert bench.kept(given).endpoint == "ada@example.com"


def test_what_is_for_an_address_goes_there_whoever_has_it(bench: Bench) -> None:
    given = bench.accept(user_id=None)
    assert bench.deliver_to({}, given) == Report(Result.SENT)
    assert [message.endpoint.address for message in bench.provider.sent] == ["ada@example.com"]


@pytest.mark.parametrize("user_id", ["ada", None])
def test_nothing_is_sent_to_an_address_that_opted_out_meanwhile(bench: Bench, user_id: str | None) -> None:
    given = bench.accept(user_id=user_id)
    people = reached(given) | {address_key("ADA@example.com"): Person(settings=OPTED_OUT)}
    assert bench.deliver_to(people, given) == Report(Result.UNSUBSCRIBED, Reason.OPTED_OUT)
    assert bench.provider.sent == []


def test_it_is_asked_of_the_address_that_the_user_has_now(bench: Bench) -> None:
    given = bench.accept()
    moved = {"ada": Person(Reach({"email": (Endpoint("ada@new.example.com"),)}))}
    left = moved | {address_key("ada@example.com"): Person(settings=OPTED_OUT)}
    come_to = moved | {address_key("ada@new.example.com"): Person(settings=OPTED_OUT)}
    assert bench.deliver_to(left, given).result is Result.SENT
    assert bench.deliver_to(come_to, bench.accept()).result is Result.UNSUBSCRIBED


def test_a_mail_without_text_is_sent_with_one_made_from_its_html() -> None:
    bench = Bench()
    bench.deliver(bench.accept(content={"subject": "s", "body": "<p>Hi <b>{{ name }}</b></p>"}))
    [sent] = bench.provider.sent
    assert (sent.content.body, sent.content.text) == ("<p>Hi <b>Ada</b></p>", "Hi Ada")


def test_a_chat_message_is_rendered_for_the_platform_of_its_delivery() -> None:
    bench = Bench()
    given = {"channel": "chat", "platform": "discord", "endpoint": "https://discord.com/api/webhooks/1/x"}
    bench.deliver(bench.accept(content={"body": "*{{ name }}*"}, data={"name": "_a_"}, **given))
    [sent] = bench.provider.sent
    assert sent.content.body == r"*\_a\_*"
