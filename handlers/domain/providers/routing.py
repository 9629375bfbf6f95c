"""Which provider is asked next: the operator's switches and order, and a circuit for each provider.

A circuit keeps a dead provider from being asked for every message. All the workers of a channel share it:

| circuit \\ signal         | ANSWERED | FAILED                | PROBE        | PROBE_ANSWERED | PROBE_FAILED |
|--------------------------|----------|-----------------------|--------------|----------------|--------------|
| closed, n failures       | closed   | n + 1; at last: open  | a            | closed         | a            |
| open until `probe_at`    | b        | b                     | b            | closed         | open, again  |
| half-open: that is past  | b        | b                     | open until c | closed         | open, again  |

A closed circuit opens with the last of `FAILURES_TO_OPEN` failures in a row, and is closed without failures.

a  nothing to change: somebody closed it meanwhile.
b  nothing to change: a call that began before the circuit opened proves nothing of now.
c  the end of the prober's lease. Whoever makes this move is the prober and asks the provider once; all the others see
   an open circuit. A prober that dies is followed by another one when its lease has ended.

A refusal of the recipient or the message is an answer: the provider serves us. What failed for its address alone is no
signal at all.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeVar

FAILURES_TO_OPEN: Final = 5
"""Failures in a row, over all the workers: an answer in between begins the count anew."""

COOL_DOWN: Final = timedelta(seconds=30)
"""How long an open circuit stays open before one message tries the provider again."""

PROBE_LEASE: Final = timedelta(seconds=30)
"""How long a prober may take: longer than any call to a provider."""

LONGEST_COOL_DOWN: Final = timedelta(minutes=15)
"""As far as a provider's own `Retry-After` is followed."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What the operator says: providers in `order` come first, then all others as they are registered; none is `off`.

    Either may name providers that there are not.
    """

    order: tuple[str, ...] = ()
    off: frozenset[str] = frozenset()


class Phase(StrEnum):
    """What a circuit means to who wants to ask the provider."""

    CLOSED = "closed"
    """Ask."""
    OPEN = "open"
    """Do not ask."""
    HALF_OPEN = "half-open"
    """Ask if you are the one whose PROBE moves the circuit."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """A provider's health. `opened_at` and `probe_at` are there together, while it is not closed.

    Then `why` is the code of its last failure, and `others` are who could take its deliveries; None if nobody has said.
    """

    failures: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    why: str | None = None
    others: tuple[str, ...] | None = None

    def phase(self, now: datetime) -> Phase:
        """Return what the circuit means now."""
        if self.probe_at is None:
            return Phase.CLOSED
        return Phase.OPEN if now < self.probe_at else Phase.HALF_OPEN


CLOSED: Final = Circuit()


class Event(StrEnum):
    """What happened between a worker and a provider."""

    ANSWERED = "answered"
    """It accepted the message, or refused it for what it is."""
    FAILED = "failed"
    """It did not serve us, or did not answer."""
    PROBE = "probe"
    """A worker wants to be the one to ask a half-open circuit's provider."""
    PROBE_ANSWERED = "probe_answered"
    PROBE_FAILED = "probe_failed"


@dataclass(frozen=True, slots=True)
class Signal:
    """An event, and for how long the provider itself asked for patience, if it did.

    Of a failure also its code, and who could take the provider's deliveries.
    """

    event: Event
    patience: timedelta = field(default=timedelta())
    why: str | None = None
    others: tuple[str, ...] | None = None


def moved(circuit: Circuit, signal: Signal, now: datetime) -> Circuit:
    """Return the circuit after a signal: the table above. The same circuit when there is nothing to change."""
    match signal.event, circuit.phase(now):
        case (Event.PROBE_ANSWERED, _) | (Event.ANSWERED, Phase.CLOSED):
            return CLOSED
        case Event.FAILED, Phase.CLOSED:
            return _failed(circuit, signal, now)
        case Event.PROBE, Phase.HALF_OPEN:
            return replace(circuit, probe_at=now + PROBE_LEASE)
        case Event.PROBE_FAILED, Phase.OPEN | Phase.HALF_OPEN:
            return _open(circuit.failures + 1, circuit.opened_at, signal, now)
        case _:
            return circuit


def _failed(circuit: Circuit, signal: Signal, now: datetime) -> Circuit:
    failures = circuit.failures + 1
    return Circuit(failures) if failures < FAILURES_TO_OPEN else _open(failures, now, signal, now)


def _open(failures: int, since: datetime | None, signal: Signal, now: datetime) -> Circuit:
    return Circuit(failures, since, now + _cool_down(signal), signal.why, signal.others)


def _cool_down(signal: Signal) -> timedelta:
    return min(max(COOL_DOWN, signal.patience), LONGEST_COOL_DOWN)


NOBODY_TRIES: Final = timedelta(minutes=5)
"""After how long an open circuit that might be tried has nobody to try it: what still is in the queue comes sooner."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the sweeper does for a channel whose deliveries wait in the log.

    `closed_at` is when one of its circuits closed: all that waits is due at once. `is_untried` says that a circuit
    might be tried, and there was nobody to do it: one delivery is due, to be the probe.
    """

    closed_at: datetime | None = None
    is_untried: bool = False


def recovery(
    circuits: Mapping[str, Circuit], off: Collection[str], closed_at: datetime | None, now: datetime
) -> Recovery:
    """Return what to do for a channel, by the circuits of its providers and by which of these are off."""
    probes = [each.probe_at for name, each in circuits.items() if name not in off and each.probe_at is not None]
    return Recovery(closed_at, any(probe_at + NOBODY_TRIES <= now for probe_at in probes))


class Serving(Protocol):
    """As much of a provider as its choice depends on."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def platforms(self) -> frozenset[str] | None:
        """The platforms it serves; None for any."""


S = TypeVar("S", bound=Serving)


def candidates(
    providers: Iterable[S], switches: Switches, platform: str | None, asked: Collection[str] = ()
) -> tuple[S, ...]:
    """Return the providers that may be asked for an endpoint of this platform, in the order in which to ask them.

    `providers` are in their registered order; those in `asked` have had their turn.
    """
    able = [each for each in providers if each.platforms is None or platform in each.platforms]
    able = [each for each in able if each.name not in switches.off and each.name not in asked]
    places = {name: place for place, name in reversed(tuple(enumerate(switches.order)))}
    return tuple(sorted(able, key=lambda each: places.get(each.name, len(places))))  # sorting keeps equals in order
