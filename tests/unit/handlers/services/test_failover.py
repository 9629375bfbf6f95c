"""One delivery and several providers: who is asked, in which order, what is recorded when, and when nobody is asked."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from handlers.domain.content.messages import Message
from handlers.domain.notifications.deliveries import Delivery, Outcome, Reason
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.providers.errors import (
    AuthenticationError,
    CredentialsMissingError,
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.domain.providers.retries import AFTER_UNKNOWN
from handlers.domain.providers.routing import COOL_DOWN, FAILURES_TO_OPEN, LONGEST_COOL_DOWN, PROBE_LEASE, Phase
from handlers.services.delivering import FOR_ONE_CALL, NO_PROVIDER, Report, Result, Worker
from handlers.services.failover import Chain, Turn
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryDeadEndpoints,
    MemoryLog,
    MemoryProvider,
    MemoryProviderState,
    MemoryTemplates,
)
from tests.unit.handlers.samples import NOW, delivery, notification, reached, said

LEASE = timedelta(seconds=30)
TOKEN = "a" * 64
SERVICE_REFUSALS = [
    UnavailableError("503"),
    ThrottledError("429", retry_after=7),
    AuthenticationError("401"),
    CredentialsMissingError("credentials_missing"),
]


@dataclass
class Seen(MemoryProvider):
    """A provider that looks at the log when it is asked."""

    look: Callable[[], Delivery] | None = None
    asked: int = 0
    attempts: list[tuple[str, Outcome]] = field(default_factory=list)

    def send(self, message: Message) -> str:
        self.asked += 1
        if self.look is not None:
            self.attempts = [(attempt.provider, attempt.outcome) for attempt in self.look().attempts]
        return super().send(message)


@dataclass
class Bench:
    """The worker of a channel with two providers, everything around it in memory."""

    first: Seen = field(default_factory=lambda: Seen("first"))
    second: Seen = field(default_factory=lambda: Seen("second"))
    log: MemoryLog = field(default_factory=MemoryLog)
    state: MemoryProviderState = field(default_factory=MemoryProviderState)
    dead: MemoryDeadEndpoints = field(default_factory=MemoryDeadEndpoints)
    clock: Clock = field(default_factory=lambda: Clock(NOW))

    def accept(self, **fields: Any) -> Delivery:
        says, given = said(fields), delivery(**fields)
        assert self.log.accept(notification(given.notification_id), [given], says)
        return given

    def deliver(self, given: Delivery, lease: timedelta = LEASE) -> Report:
        return self.serve(given.event(), reached(given), lease)

    def serve(self, event: DeliveryRequested, people: Mapping[str, Person], lease: timedelta = LEASE) -> Report:
        chain = Chain((self.first, self.second), self.state, self.clock)
        worker = Worker(self.log, MemoryTemplates(), LINKS, chain, self.clock, self.dead)
        return worker.deliver(event, people, self.clock() + lease)

    def kept(self, given: Delivery) -> Delivery:
        found = self.log.find(given.notification_id)
        assert found is not None
        return found[1][0]

    def outcomes(self, given: Delivery) -> list[tuple[str, Outcome, str | None]]:
        return [(attempt.provider, attempt.outcome, attempt.error) for attempt in self.kept(given).attempts]

    def break_first(self) -> None:
        """Let the first provider fail until its circuit is open."""
        self.first.raises = UnavailableError("503")
        for _ in range(FAILURES_TO_OPEN):
            assert self.deliver(self.accept()).result is Result.SENT
        assert self.state.circuit("first").phase(self.clock()) is Phase.OPEN


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- failover ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", SERVICE_REFUSALS, ids=lambda error: type(error).__name__)
def test_a_refusal_of_service_goes_to_the_next_provider_each_attempt_recorded_before_its_call(
    bench: Bench, error: UnavailableError
) -> None:
    given = bench.accept()
    bench.first.look = bench.second.look = lambda: bench.kept(given)
    bench.first.raises = error
    assert bench.deliver(given) == Report(Result.SENT)
    assert bench.first.attempts == [("first", Outcome.STARTED)]
    assert bench.second.attempts == [("first", Outcome.UNAVAILABLE), ("second", Outcome.STARTED)]
    assert bench.outcomes(given) == [
        ("first", Outcome.UNAVAILABLE, error.code),
        ("second", Outcome.ACCEPTED, None),
    ]
    kept = bench.kept(given)
    assert (kept.status, kept.provider) == (Status.SENT, "second")
    assert [step.status for step in kept.timeline] == [Status.CREATED, Status.PENDING, Status.SENT]


def test_an_address_that_has_had_enough_is_left_alone_by_all_and_tells_nothing_of_the_provider(bench: Bench) -> None:
    given = bench.accept()
    bench.first.raises = ThrottledError("TooManyRequests", retry_after=40, of_endpoint=True)
    for _ in range(FAILURES_TO_OPEN):
        assert bench.deliver(given) == Report(Result.RETRY, "TooManyRequests", patience=timedelta(seconds=40))
    assert (bench.second.asked, bench.state.circuits) == (0, {})

    bench.first.raises = None
    assert bench.deliver(bench.accept()).result is Result.SENT, "the other addresses are served meanwhile"
    assert bench.second.asked == 0


def test_what_fails_for_one_kind_of_addresses_goes_to_the_next_provider_and_opens_nothing(bench: Bench) -> None:
    bench.first.raises = UnavailableError("21408", of_endpoint=True)
    for _ in range(FAILURES_TO_OPEN + 1):
        assert bench.deliver(bench.accept()).result is Result.SENT
    assert (bench.first.asked, bench.second.asked) == (FAILURES_TO_OPEN + 1, FAILURES_TO_OPEN + 1)
    assert bench.state.circuit("first").phase(bench.clock()) is Phase.CLOSED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RecipientRefusedError("21211"), Reason.RECIPIENT_REFUSED),
        (MessageRefusedError("too_long"), Reason.MESSAGE_REFUSED),
        (EndpointGoneError("UNREGISTERED"), Reason.RECIPIENT_REFUSED),
    ],
)
def test_a_refusal_of_the_recipient_or_the_message_goes_to_nobody_else(
    bench: Bench, error: Exception, reason: Reason
) -> None:
    given = bench.accept()
    bench.first.raises = error
    assert bench.deliver(given).result is Result.FAILED
    assert (bench.kept(given).status, bench.kept(given).reason) == (Status.ERROR, reason)
    assert bench.second.asked == 0


@pytest.mark.parametrize("error", [OutcomeUnknownError("no_answer"), ZeroDivisionError("a mistake of ours")])
def test_what_may_have_been_sent_is_given_to_nobody_else_at_once_and_tried_again_later(
    bench: Bench, error: Exception
) -> None:
    given = bench.accept()
    bench.first.raises = error
    assert bench.deliver(given).result is Result.RETRY
    assert bench.second.asked == 0
    assert [outcome for _, outcome, _ in bench.outcomes(given)] == [Outcome.UNKNOWN]
    assert bench.kept(given).status is Status.PENDING

    bench.first.raises = None
    assert bench.deliver(given).result is Result.SENT
    assert [outcome for _, outcome, _ in bench.outcomes(given)] == [Outcome.UNKNOWN, Outcome.ACCEPTED]


def test_with_all_providers_down_the_delivery_waits_in_the_queue_and_is_sent_when_one_is_back(bench: Bench) -> None:
    given = bench.accept()
    bench.first.raises = bench.second.raises = UnavailableError("503")
    assert bench.deliver(given) == Report(Result.RETRY, "503")
    assert [name for name, *_ in bench.outcomes(given)] == ["first", "second"]
    bench.second.raises = None
    assert bench.deliver(given).result is Result.SENT


def test_a_provider_is_asked_once_in_an_invocation_however_its_circuit_stands(bench: Bench) -> None:
    bench.first.raises = bench.second.raises = UnavailableError("503")
    bench.deliver(bench.accept())
    assert (bench.first.asked, bench.second.asked) == (1, 1)


def test_no_attempt_is_begun_that_the_invocation_might_not_live_to_conclude(bench: Bench) -> None:
    given = bench.accept()
    bench.first.raises = UnavailableError("503")
    assert bench.deliver(given, lease=FOR_ONE_CALL - timedelta(seconds=1)) == Report(Result.RETRY, "503")
    assert bench.second.asked == 0
    assert bench.deliver(given, lease=FOR_ONE_CALL).result is Result.SENT


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        (ThrottledError("429", 60), ThrottledError("429", 40), 40),
        (ThrottledError("429", 60), ThrottledError("429"), 0),
        (ThrottledError("429", 60), UnavailableError("503"), 0),
        (UnavailableError("503"), ThrottledError("429", 60), 0),
        (UnavailableError("503"), OutcomeUnknownError("no_answer"), AFTER_UNKNOWN.total_seconds()),
    ],
)
def test_an_event_comes_back_as_soon_as_one_of_those_that_were_asked_may_be_asked_again(
    bench: Bench, first: Exception, second: Exception, seconds: float
) -> None:
    bench.first.raises, bench.second.raises = first, second
    report = bench.deliver(bench.accept())
    assert (report.result, report.patience) == (Result.RETRY, timedelta(seconds=seconds))


def test_who_was_taken_over_while_its_provider_failed_asks_nobody_else(bench: Bench) -> None:
    given = bench.accept()
    bench.first.raises = UnavailableError("503")

    def taken_over() -> Delivery:
        later = NOW + LEASE + timedelta(seconds=2)
        bench.log.claim(given.event(), provider="other", lease_until=later + LEASE, now=later, unknown_retries=1)
        bench.log.begin(bench.kept(given), provider="other", now=later)
        return bench.kept(given)

    bench.first.look = taken_over
    assert bench.deliver(given).result is Result.RETRY
    assert bench.second.asked == 0
    assert bench.outcomes(given) == [("first", Outcome.UNAVAILABLE, "503"), ("other", Outcome.STARTED, None)]


# -- circuits ----------------------------------------------------------------------------------------------------------


def test_an_open_circuit_is_not_asked_and_leaves_no_attempt(bench: Bench) -> None:
    bench.break_first()
    asked = bench.first.asked
    given = bench.accept()
    assert bench.deliver(given) == Report(Result.SENT)
    assert bench.first.asked == asked
    assert bench.outcomes(given) == [("second", Outcome.ACCEPTED, None)]


def test_an_open_circuit_says_why_and_who_else_could_serve(bench: Bench) -> None:
    bench.break_first()
    circuit = bench.state.circuits["first"]
    assert (circuit.why, circuit.others) == ("503", ("second",))
    bench.second.has_credentials = False
    bench.clock.advance(COOL_DOWN)
    bench.deliver(bench.accept())
    assert bench.state.circuits["first"].others == ()


def test_after_the_cool_down_one_message_tries_the_first_and_traffic_returns_to_it(bench: Bench) -> None:
    bench.break_first()
    bench.clock.advance(COOL_DOWN)
    bench.first.raises = None
    sent = [bench.accept() for _ in range(3)]
    for given in sent:
        bench.deliver(given)
    assert {bench.kept(given).provider for given in sent} == {"first"}


def test_a_probe_that_fails_is_delivered_by_the_second_and_keeps_the_circuit_open(bench: Bench) -> None:
    bench.break_first()
    bench.clock.advance(COOL_DOWN)
    asked = bench.first.asked
    given, after = bench.accept(), bench.accept()
    assert bench.deliver(given).result is bench.deliver(after).result is Result.SENT
    assert [name for name, *_ in bench.outcomes(given)] == ["first", "second"]
    assert [name for name, *_ in bench.outcomes(after)] == ["second"]
    assert bench.first.asked == asked + 1


def test_of_many_messages_at_a_half_open_circuit_exactly_one_asks(bench: Bench) -> None:
    bench.break_first()
    bench.clock.advance(COOL_DOWN)
    asked = bench.first.asked
    with ThreadPoolExecutor(8) as threads:
        reports = list(threads.map(lambda given: bench.deliver(given), [bench.accept() for _ in range(16)]))
    assert {report.result for report in reports} == {Result.SENT}
    assert bench.first.asked == asked + 1


def test_a_prober_that_dies_is_followed_by_another(bench: Bench) -> None:
    bench.break_first()
    bench.clock.advance(COOL_DOWN)
    chain = Chain((bench.first, bench.second), bench.state, bench.clock)
    turns = [chain.next(None), chain.next(None)]
    assert [(turn.provider.name, turn.probing) for turn in turns if turn] == [("first", True), ("second", False)]
    bench.clock.advance(PROBE_LEASE)
    turn = chain.next(None)
    assert turn is not None
    assert (turn.provider.name, turn.probing) == ("first", True)


@pytest.mark.parametrize("error", [OutcomeUnknownError("no_answer"), UnavailableError("503")])
def test_silence_opens_a_circuit_as_refusals_do(bench: Bench, error: Exception) -> None:
    bench.first.raises = error
    for _ in range(FAILURES_TO_OPEN):
        bench.deliver(bench.accept())
    given = bench.accept()
    assert bench.deliver(given).result is Result.SENT
    assert bench.kept(given).provider == "second"


@pytest.mark.parametrize(
    "error",
    [
        RecipientRefusedError("21211"),
        CredentialsMissingError("credentials_missing"),
        UnavailableError("503", of_endpoint=True),
        OutcomeUnknownError("x", of_endpoint=True),
    ],
)
def test_what_fails_for_its_address_or_was_never_asked_opens_no_circuit(bench: Bench, error: Exception) -> None:
    bench.first.raises = error
    for _ in range(2 * FAILURES_TO_OPEN):
        bench.deliver(bench.accept())
    assert bench.state.circuit("first").phase(bench.clock()) is Phase.CLOSED


def test_a_refusal_of_a_recipient_shows_that_the_provider_serves_us_again(bench: Bench) -> None:
    bench.break_first()
    bench.clock.advance(COOL_DOWN)
    bench.first.raises = RecipientRefusedError("21211")
    assert bench.deliver(bench.accept()).result is Result.FAILED
    assert bench.state.circuit("first").phase(bench.clock()) is Phase.CLOSED


def test_while_every_circuit_is_open_nobody_is_asked_and_nothing_is_lost(bench: Bench) -> None:
    bench.first.raises = bench.second.raises = UnavailableError("503")
    for _ in range(FAILURES_TO_OPEN):
        bench.deliver(bench.accept())
    asked = (bench.first.asked, bench.second.asked)
    given = bench.accept()
    for _ in range(3):
        assert bench.deliver(given) == Report(Result.RETRY, NO_PROVIDER)
    assert (bench.first.asked, bench.second.asked) == asked
    assert bench.kept(given).attempts == ()
    assert bench.log.records[given.notification_id, given.delivery_id].due_at is not None  # the sweeper looks after it

    bench.first.raises = bench.second.raises = None
    bench.clock.advance(COOL_DOWN)
    assert bench.deliver(given).result is Result.SENT


# -- switches ----------------------------------------------------------------------------------------------------------


def test_a_provider_that_is_off_is_not_asked_from_the_next_message_on(bench: Bench) -> None:
    bench.deliver(bench.accept())
    bench.state.now_off.add("first")
    bench.deliver(bench.accept())
    bench.state.now_off.clear()
    bench.deliver(bench.accept())
    assert (bench.first.asked, bench.second.asked) == (2, 1)


def test_the_operators_order_is_followed(bench: Bench) -> None:
    bench.state.order = ("second",)
    bench.second.raises = UnavailableError("503")
    given = bench.accept()
    assert bench.deliver(given).result is Result.SENT
    assert [name for name, *_ in bench.outcomes(given)] == ["second", "first"]


def test_a_provider_without_credentials_is_skipped_without_an_attempt(bench: Bench) -> None:
    bench.first.has_credentials = False
    given = bench.accept()
    assert bench.deliver(given).result is Result.SENT
    assert bench.outcomes(given) == [("second", Outcome.ACCEPTED, None)]


def test_with_everybody_off_a_duplicate_is_still_dropped_and_what_expired_still_ends(bench: Bench) -> None:
    sent, expiring, waiting = bench.accept(), bench.accept(expires_at=NOW + LEASE), bench.accept()
    bench.deliver(sent)
    bench.state.now_off |= {"first", "second"}
    bench.clock.advance(LEASE)
    assert bench.deliver(sent).result is Result.DROPPED
    assert bench.deliver(expiring) == Report(Result.FAILED, Reason.EXPIRED)
    assert bench.deliver(waiting) == Report(Result.RETRY, NO_PROVIDER)
    bench.state.now_off.clear()
    assert bench.deliver(waiting).result is Result.SENT


# -- platforms ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def push() -> Bench:
    """A channel whose first provider serves Apple's devices alone, and whose second serves all."""
    both = frozenset({"apns", "fcm"})
    return Bench(Seen("apns", platforms=frozenset({"apns"})), Seen("sns-push", platforms=both))


def a_push(bench: Bench, platform: str = "apns") -> Delivery:
    return bench.accept(channel="push", platform=platform, endpoint=TOKEN, content={"subject": "Hi", "body": "there"})


@pytest.mark.parametrize(("platform", "provider"), [("apns", "apns"), ("fcm", "sns-push")])
def test_a_device_is_served_by_its_platforms_provider_in_an_attempt_recorded_before_the_call(
    push: Bench, platform: str, provider: str
) -> None:
    given = a_push(push, platform)
    push.first.look = push.second.look = lambda: push.kept(given)
    assert push.deliver(given) == Report(Result.SENT)
    asked = push.first if provider == "apns" else push.second
    assert asked.attempts == [(provider, Outcome.STARTED)]
    assert push.outcomes(given) == [(provider, Outcome.ACCEPTED, None)]


def test_an_attempt_at_a_device_is_begun_by_the_claim_itself(push: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event tells the platform: a write for the claim and one for its outcome, as on every channel."""
    given = a_push(push)
    monkeypatch.delattr(MemoryLog, "begin")
    assert push.deliver(given) == Report(Result.SENT)


@pytest.mark.parametrize(("platform", "provider"), [("apns", "apns"), ("fcm", "sns-push")])
def test_an_event_that_tells_no_platform_is_served_as_well(push: Bench, platform: str, provider: str) -> None:
    """The sweeper's, and those that were on their way before events told it."""
    given = a_push(push, platform)
    assert push.serve(replace(given.event(), platform=None), reached(given)) == Report(Result.SENT)
    assert push.outcomes(given) == [(provider, Outcome.ACCEPTED, None)]


def test_an_attempt_at_a_device_that_is_gone_ends_before_anybody_is_asked(push: Bench) -> None:
    given = a_push(push)
    others = {"ada": Person(Reach({"push": (Endpoint("b" * 64, "apns"),)}))}
    assert push.serve(given.event(), others) == Report(Result.FAILED, Reason.NO_ENDPOINT)
    assert (push.first.asked, push.second.asked) == (0, 0)
    assert (push.kept(given).status, push.kept(given).reason) == (Status.ERROR, Reason.NO_ENDPOINT)
    assert push.outcomes(given) == [("apns", Outcome.REFUSED, None)]
    assert push.log.records[given.notification_id, given.delivery_id].due_at is None


def test_a_device_is_served_by_the_alternative_when_its_own_provider_does_not(push: Bench) -> None:
    given = a_push(push)
    push.first.raises = UnavailableError("503")
    assert push.deliver(given).result is Result.SENT
    assert [name for name, *_ in push.outcomes(given)] == ["apns", "sns-push"]


def test_a_platform_that_nobody_serves_waits(push: Bench) -> None:
    given = a_push(push, "huawei")
    assert push.deliver(given) == Report(Result.RETRY, NO_PROVIDER)
    assert push.kept(given).attempts == ()


# -- dead devices ------------------------------------------------------------------------------------------------------


def test_a_dead_token_is_removed_from_its_user(push: Bench) -> None:
    given = a_push(push)
    push.first.raises = EndpointGoneError("Unregistered")
    assert push.deliver(given) == Report(Result.FAILED, "Unregistered")
    assert push.dead.put == [("ada", TOKEN, "apns")]
    assert (push.kept(given).status, push.kept(given).reason) == (Status.ERROR, Reason.RECIPIENT_REFUSED)


@pytest.mark.parametrize("error", [RecipientRefusedError("BadDeviceToken"), UnavailableError("503"), None])
def test_a_token_that_is_not_dead_is_kept(push: Bench, error: Exception | None) -> None:
    push.first.raises = error
    push.deliver(a_push(push))
    assert push.dead.put == []


@pytest.mark.parametrize(
    ("channel", "platform", "endpoint"),
    [("sms", None, "+442079460123"), ("chat", "slack", "https://hooks.slack.com/A")],
)
def test_a_number_or_url_that_is_dead_is_put_aside(
    channel: str, platform: str | None, endpoint: str, bench: Bench
) -> None:
    bench.first.raises = EndpointGoneError("gone")
    given = bench.accept(channel=channel, platform=platform, endpoint=endpoint)
    assert bench.deliver(given) == Report(Result.FAILED, "gone")
    assert bench.dead.put == [("ada", endpoint, bench.first.name)]
    assert bench.second.asked == 0


def test_a_contact_that_cannot_be_written_is_told_and_settles_the_delivery_all_the_same(push: Bench) -> None:
    push.first.raises, push.dead.raises = EndpointGoneError("Unregistered"), ConnectionError("no table")
    given = a_push(push)
    assert push.deliver(given) == Report(Result.FAILED, "Unregistered", push.dead.raises)
    assert push.kept(given).status is Status.ERROR


# -- pace --------------------------------------------------------------------------------------------------------------


def test_who_says_when_to_come_back_is_left_alone_until_then(bench: Bench) -> None:
    chain = Chain((bench.first, bench.second), bench.state, bench.clock)

    def asked() -> str | None:
        turn = chain.next(None)
        return None if turn is None else turn.provider.name

    turn = chain.next(None)
    assert turn is not None
    chain.tell(turn, ThrottledError("429", retry_after=7))
    assert asked() == "second"
    bench.clock.advance(timedelta(seconds=6.9))
    assert asked() == "second"
    bench.clock.advance(timedelta(seconds=0.1))
    assert asked() == "first"


def test_a_provider_that_asks_for_a_day_is_asked_again_after_a_quarter_of_an_hour(bench: Bench) -> None:
    chain = Chain((bench.first,), bench.state, bench.clock)
    chain.tell(Turn(bench.first), ThrottledError("429", retry_after=24 * 3600))
    assert chain.next(None) is None
    bench.clock.advance(LONGEST_COOL_DOWN)
    assert chain.next(None) is not None


@pytest.mark.parametrize(
    "error",
    [ThrottledError("429"), ThrottledError("429", retry_after=7, of_endpoint=True), UnavailableError("503")],
)
def test_whoever_names_no_time_or_means_one_address_alone_is_asked_for_the_next_message(
    error: UnavailableError, bench: Bench
) -> None:
    chain = Chain((bench.first,), bench.state, bench.clock)
    chain.tell(Turn(bench.first), error)
    assert chain.next(None) is not None
