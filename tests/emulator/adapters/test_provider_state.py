"""What workers share about providers, in a real table: who probes, what a message costs, when a switch is seen."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from handlers.adapters.aws import provider_state
from handlers.adapters.aws.provider_state import MAX_AGE_SECONDS, DynamoProviderState
from handlers.adapters.aws.recoveries import DynamoRecoveries
from handlers.adapters.aws.tallies import DynamoTallies
from handlers.domain.alerts import Cause, Rules, State, Watched, step
from handlers.domain.providers.routing import CLOSED, COOL_DOWN, FAILURES_TO_OPEN, Circuit, Event, Signal, Switches
from ops.providers import Providers
from tests.unit.handlers.samples import NOW

ANSWERED, FAILED, PROBE = Signal(Event.ANSWERED), Signal(Event.FAILED), Signal(Event.PROBE)
LATER = NOW + COOL_DOWN
RULES = Rules(timedelta(), timedelta(), (timedelta(hours=1),))


@dataclass
class Seconds:
    """The monotonic time of every worker."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    passing = Seconds()
    monkeypatch.setattr(provider_state, "monotonic", passing)
    return passing


@pytest.fixture
def table(aws: Callable[[str], Any]) -> str:
    """The table of limits, as `stacks.data.tables` has it, without items."""
    name = f"limits-{uuid.uuid4().hex[:8]}"
    aws("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def worker(table: str, aws: Callable[[str], Any], seconds: Seconds) -> Callable[[], DynamoProviderState]:
    """Makes the state as one more execution environment has it."""
    return lambda: DynamoProviderState(table, "sms", aws("dynamodb"))


@pytest.fixture
def operator(table: str, aws: Callable[[str], Any]) -> Providers:
    return Providers(aws("dynamodb"), table, ["sns", "twilio"], "sms")


@pytest.fixture
def calls(aws: Callable[[str], Any]) -> Iterator[list[str]]:
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    aws("dynamodb").meta.events.register("before-call.dynamodb", note)
    yield made
    aws("dynamodb").meta.events.unregister("before-call.dynamodb", note)


def opened(state: DynamoProviderState, provider: str = "twilio") -> Circuit:
    for _ in range(FAILURES_TO_OPEN):
        assert state.signal(provider, FAILED, NOW)
    return state.circuit(provider)


Workers = Callable[[], DynamoProviderState]


def test_without_an_item_everybody_is_on_and_well(worker: Workers) -> None:
    assert (worker().switches(), worker().circuit("twilio")) == (Switches(), CLOSED)


def test_a_thousand_messages_that_are_answered_cost_one_read(worker: Workers, calls: list[str]) -> None:
    state = worker()
    for _ in range(1000):
        state.switches()
        state.circuit("twilio")
        state.signal("twilio", ANSWERED, NOW)
    assert calls == ["GetItem"]


def test_messages_to_an_open_circuit_cost_no_write(worker: Workers, calls: list[str]) -> None:
    state = worker()
    opened(state)
    calls.clear()
    for _ in range(100):
        state.signal("twilio", FAILED, NOW)
        state.signal("twilio", PROBE, NOW)
    assert calls == []


def test_a_switch_is_in_effect_within_ten_seconds_without_a_call_in_between(
    worker: Workers, operator: Providers, seconds: Seconds, calls: list[str]
) -> None:
    state = worker()
    assert state.switches() == Switches()
    operator.turn_off("twilio")
    operator.reorder(["twilio", "sns"])
    calls.clear()
    seconds.now += MAX_AGE_SECONDS - 0.1
    assert state.switches() == Switches()
    assert calls == []
    seconds.now += 0.2
    assert state.switches() == Switches(("twilio", "sns"), frozenset({"twilio"}))
    assert calls == ["GetItem"]
    assert MAX_AGE_SECONDS < 10


def test_failures_of_all_the_workers_open_a_circuit_together(worker: Workers, seconds: Seconds) -> None:
    workers = [worker() for _ in range(FAILURES_TO_OPEN)]
    for each in workers:
        each.switches()  # all of them have read before the first failure
    assert all(each.signal("twilio", FAILED, NOW) for each in workers)
    assert workers[-1].circuit("twilio") == Circuit(FAILURES_TO_OPEN, NOW, NOW + COOL_DOWN)
    seconds.now += MAX_AGE_SECONDS
    assert {each.circuit("twilio") for each in workers} == {Circuit(FAILURES_TO_OPEN, NOW, NOW + COOL_DOWN)}


def test_the_circuits_of_two_providers_are_their_own(worker: Workers) -> None:
    state = worker()
    opened(state, "twilio")
    state.signal("sns", FAILED, NOW)
    assert state.circuit("sns") == Circuit(failures=1)
    state.signal("sns", ANSWERED, NOW)
    assert (state.circuit("sns"), state.circuit("twilio").failures) == (CLOSED, FAILURES_TO_OPEN)


def test_of_many_workers_at_a_half_open_circuit_exactly_one_probes(worker: Workers) -> None:
    opened(worker())
    for round_ in range(5):
        workers = [worker() for _ in range(8)]
        for each in workers:
            each.switches()
        now = LATER + round_ * timedelta(hours=1)
        with ThreadPoolExecutor(8) as threads:
            elected = list(threads.map(lambda each: each.signal("twilio", PROBE, now), workers))  # noqa: B023
        assert elected.count(True) == 1


def test_of_many_threads_of_one_worker_exactly_one_probes(worker: Workers) -> None:
    opened(worker())
    state = worker()
    with ThreadPoolExecutor(8) as threads:
        elected = list(threads.map(lambda _: state.signal("twilio", PROBE, LATER), range(8)))
    assert elected.count(True) == 1


def test_a_batch_that_finds_a_provider_well_again_writes_it_once(worker: Workers, calls: list[str]) -> None:
    state = worker()
    state.signal("twilio", FAILED, NOW)
    calls.clear()
    with ThreadPoolExecutor(10) as threads:
        moved = list(threads.map(lambda _: state.signal("twilio", ANSWERED, NOW), range(10)))
    assert moved.count(True) == 1
    assert calls == ["UpdateItem"]


def test_a_worker_that_still_believes_in_an_old_circuit_does_not_probe(worker: Workers) -> None:
    state = worker()
    opened(state)
    other = worker()
    other.switches()
    assert state.signal("twilio", PROBE, LATER)
    state.signal("twilio", Signal(Event.PROBE_ANSWERED), LATER)
    assert not other.signal("twilio", PROBE, LATER)
    assert other.circuit("twilio") == CLOSED


def test_an_operators_switches_and_the_workers_circuits_leave_each_other_alone(
    worker: Workers, operator: Providers, seconds: Seconds
) -> None:
    state = worker()
    circuit = opened(state)
    operator.turn_off("sns")
    operator.reorder(["twilio"])
    state.signal("sns", FAILED, NOW)
    seconds.now += MAX_AGE_SECONDS
    assert state.switches() == Switches(("twilio",), frozenset({"sns"}))
    assert (state.circuit("twilio"), state.circuit("sns")) == (circuit, Circuit(failures=1))


def test_a_table_that_cannot_be_reached_stops_nobody_and_is_not_asked_for_every_message(
    aws: Callable[[str], Any], seconds: Seconds, calls: list[str]
) -> None:
    state = DynamoProviderState("no-such-table", "sms", aws("dynamodb"))
    for _ in range(100):
        assert (state.switches(), state.circuit("twilio")) == (Switches(), CLOSED)
    assert calls == ["GetItem"]
    assert not state.signal("twilio", FAILED, NOW)


def test_what_was_known_is_kept_while_the_table_cannot_be_reached(
    worker: Workers, operator: Providers, aws: Callable[[str], Any], table: str, seconds: Seconds
) -> None:
    operator.turn_off("twilio")
    state = worker()
    assert state.switches().off == {"twilio"}
    aws("dynamodb").delete_table(TableName=table)
    seconds.now += MAX_AGE_SECONDS
    assert state.switches().off == {"twilio"}


def test_alerts_and_what_they_tell_of_are_kept_beside_the_circuits_and_move_once(
    table: str, aws: Callable[[str], Any], worker: Callable[[], DynamoProviderState]
) -> None:
    recoveries, tallies = DynamoRecoveries(table, aws("dynamodb")), DynamoTallies(table, "sms", aws("dynamodb"))

    def look() -> Watched:
        return recoveries.look(NOW)["sms"]

    out = Signal(Event.FAILED, why="503", others=("twilio",))
    for _ in range(FAILURES_TO_OPEN):
        worker().signal("sns", out, NOW)
        worker().signal("twilio", Signal(Event.FAILED, why="no_answer", others=("sns",)), NOW)
    tallies.add(Cause.HELD, 2, "no_answer", NOW)
    tallies.add(Cause.HELD, 1, "connection_lost", NOW)
    troubles = look().troubles
    assert troubles.keys() == {Cause.OUTAGE, Cause.HELD}
    assert (troubles[Cause.OUTAGE].since, troubles[Cause.OUTAGE].why) == (NOW, ("sns: 503", "twilio: no_answer"))
    assert (troubles[Cause.HELD].total, troubles[Cause.HELD].why) == (3, ("connection_lost",))

    alert = step(Cause.HELD, None, troubles[Cause.HELD], NOW, RULES)
    assert alert is not None
    assert (alert.state, alert.deliveries) == (State.OPEN, 3)
    moved = [recoveries.move("sms", Cause.HELD, None, alert) for _ in range(2)]
    assert (moved, look().alerts) == ([True, False], {Cause.HELD: alert})
    assert recoveries.move("sms", Cause.HELD, alert, None)
    assert look().alerts == {}
