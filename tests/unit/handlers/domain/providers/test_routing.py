"""The circuit's table, every cell of it, and the order in which providers are asked."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.providers.routing import (
    CLOSED,
    COOL_DOWN,
    FAILURES_TO_OPEN,
    LONGEST_COOL_DOWN,
    PROBE_LEASE,
    Circuit,
    Event,
    Phase,
    Signal,
    Switches,
    candidates,
    moved,
)
from tests.unit.handlers.samples import NOW

SECOND = timedelta(seconds=1)
FAILING = Circuit(failures=2)
ABOUT_TO_OPEN = Circuit(failures=FAILURES_TO_OPEN - 1)
OPEN = Circuit(FAILURES_TO_OPEN, NOW - SECOND, NOW + SECOND)
HALF_OPEN = Circuit(FAILURES_TO_OPEN, NOW - COOL_DOWN, NOW)
REOPENED = Circuit(FAILURES_TO_OPEN + 1, OPEN.opened_at, NOW + COOL_DOWN)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        (CLOSED, Event.ANSWERED, CLOSED),
        (CLOSED, Event.FAILED, Circuit(failures=1)),
        (FAILING, Event.ANSWERED, CLOSED),
        (FAILING, Event.FAILED, Circuit(failures=3)),
        (ABOUT_TO_OPEN, Event.FAILED, Circuit(FAILURES_TO_OPEN, NOW, NOW + COOL_DOWN)),
        (FAILING, Event.PROBE, FAILING),
        (FAILING, Event.PROBE_ANSWERED, CLOSED),
        (FAILING, Event.PROBE_FAILED, FAILING),
        (OPEN, Event.ANSWERED, OPEN),
        (OPEN, Event.FAILED, OPEN),
        (OPEN, Event.PROBE, OPEN),
        (OPEN, Event.PROBE_ANSWERED, CLOSED),
        (OPEN, Event.PROBE_FAILED, REOPENED),
        (HALF_OPEN, Event.ANSWERED, HALF_OPEN),
        (HALF_OPEN, Event.FAILED, HALF_OPEN),
        (HALF_OPEN, Event.PROBE, Circuit(FAILURES_TO_OPEN, HALF_OPEN.opened_at, NOW + PROBE_LEASE)),
        (HALF_OPEN, Event.PROBE_ANSWERED, CLOSED),
        (HALF_OPEN, Event.PROBE_FAILED, Circuit(FAILURES_TO_OPEN + 1, HALF_OPEN.opened_at, NOW + COOL_DOWN)),
    ],
)
def test_every_cell_of_the_table(before: Circuit, event: Event, after: Circuit) -> None:
    assert moved(before, Signal(event), NOW) == after


@pytest.mark.parametrize(
    ("circuit", "phase"),
    [(CLOSED, Phase.CLOSED), (FAILING, Phase.CLOSED), (OPEN, Phase.OPEN), (HALF_OPEN, Phase.HALF_OPEN)],
)
def test_the_phase_follows_from_the_time_of_the_next_probe(circuit: Circuit, phase: Phase) -> None:
    assert circuit.phase(NOW) is phase


@pytest.mark.parametrize(
    ("asked_for", "given"),
    [(SECOND, COOL_DOWN), (2 * COOL_DOWN, 2 * COOL_DOWN), (timedelta(days=1), LONGEST_COOL_DOWN)],
)
@pytest.mark.parametrize(("before", "event"), [(ABOUT_TO_OPEN, Event.FAILED), (HALF_OPEN, Event.PROBE_FAILED)])
def test_a_circuit_stays_open_as_long_as_the_provider_asks_within_bounds(
    before: Circuit, event: Event, asked_for: timedelta, given: timedelta
) -> None:
    assert moved(before, Signal(event, asked_for), NOW).probe_at == NOW + given


@given(
    st.lists(
        st.tuples(st.sampled_from(Event), st.integers(0, 3600).map(lambda seconds: timedelta(seconds=seconds))),
        max_size=60,
    )
)
def test_whatever_happens_a_circuit_is_never_open_for_longer_than_the_bound_nor_half_open_without_a_failure(
    happenings: list[tuple[Event, timedelta]],
) -> None:
    circuit, now = CLOSED, NOW
    for event, passed in happenings:
        now += passed
        circuit = moved(circuit, Signal(event, passed), now)
        assert (circuit.opened_at is None) == (circuit.probe_at is None)
        if circuit.probe_at is not None:
            assert circuit.failures >= FAILURES_TO_OPEN
            assert circuit.probe_at <= now + LONGEST_COOL_DOWN
        else:
            assert circuit.failures < FAILURES_TO_OPEN


@dataclass(frozen=True)
class Named:
    name: str
    platforms: frozenset[str] | None = None


APNS, FCM = Named("apns", frozenset({"apns"})), Named("fcm", frozenset({"fcm"}))
SNS_PUSH = Named("sns-push", frozenset({"apns", "fcm"}))
ONE, TWO, THREE = Named("one"), Named("two"), Named("three")


@pytest.mark.parametrize(
    ("switches", "asked"),
    [
        (Switches(), (ONE, TWO, THREE)),
        (Switches(order=("three",)), (THREE, ONE, TWO)),
        (Switches(order=("three", "two", "three", "unknown")), (THREE, TWO, ONE)),
        (Switches(off=frozenset({"one", "unknown"})), (TWO, THREE)),
        (Switches(("two", "one"), frozenset({"one", "three"})), (TWO,)),
    ],
)
def test_the_operators_order_comes_first_and_who_is_off_not_at_all(
    switches: Switches, asked: tuple[Named, ...]
) -> None:
    assert candidates((ONE, TWO, THREE), switches, None) == asked


@pytest.mark.parametrize(
    ("platform", "asked"), [("apns", (APNS, SNS_PUSH)), ("fcm", (FCM, SNS_PUSH)), ("huawei", ()), (None, ())]
)
def test_an_endpoint_is_served_by_those_who_know_its_platform(platform: str | None, asked: tuple[Named, ...]) -> None:
    assert candidates((APNS, FCM, SNS_PUSH), Switches(), platform) == asked


def test_who_had_a_turn_gets_no_other() -> None:
    assert candidates((ONE, TWO, THREE), Switches(), None, asked=["one", "three"]) == (TWO,)
