"""The matrix: each call that a flow's function was seen to make, times each way in which it can fail."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.chaos.faults import EVERY, KILLS, PARTIAL, WHOLE, Fault, Kind, is_possible
from tests.chaos.flows import EVENTS, Flow, World
from tests.chaos.stage import Delivery, Stage

_EACH_UP_TO: Final = 3
"""Calls of one operation: of more, as a sweep makes, the first, one in the middle and all of them fail."""


@dataclass(frozen=True)
class Scenario:
    """A flow and what goes wrong in it."""

    flow: Flow
    fault: Fault | None = None

    @property
    def name(self) -> str:
        """`send email: killed before dynamodb:UpdateItem 2`."""
        if self.fault is None:
            return self.flow.name
        which = "every" if self.fault.occurrence == EVERY else self.fault.occurrence
        return f"{self.flow.name}: {self.fault.kind} {self.fault.operation} {which}"


@dataclass(frozen=True)
class Verdict:
    """What became of a scenario: `lost` says of what, and why it counts as lost."""

    scenario: Scenario
    deliveries: int
    lost: tuple[str, ...]
    duplicates: int
    windows: int
    unexplained: int
    """Duplicates beyond the attempts that the log itself has as of unknown outcome."""
    met: bool = True
    """Whether the fault came about."""

    @property
    def is_good(self) -> bool:
        """Say whether nothing is lost, and every duplicate is one that the platform knows of."""
        return not self.lost and not self.unexplained and self.met


class UnknownCallError(Exception):
    """A function makes a call of which nobody has said how it can fail: see `faults.PARTIAL` and `faults.WHOLE`."""


def recorded(world: World, flow: Flow) -> Counter[str]:
    """Return the calls that the flow's function makes in a new environment when nothing fails.

    Raises `UnknownCallError`.
    """
    _prepare(world.stage, flow)
    played = flow.play(world, None)
    if played.invocation.failed:
        raise RuntimeError(f"{flow.name} does not even work when nothing fails: {played.invocation}")
    world.stage.heal(played.ids, flow.channels)
    calls = Counter(played.invocation.calls)
    require_known(flow.name, calls)
    return calls


def require_known(name: str, calls: Counter[str]) -> None:
    """Raise `UnknownCallError` if there is a call of which nobody has said how it can fail."""
    if unknown := calls.keys() - PARTIAL.keys() - WHOLE:
        raise UnknownCallError(f"{name} makes calls without a scenario: {', '.join(sorted(unknown))}")


def scenarios(flow: Flow, calls: Counter[str], kinds: Iterable[Kind] = Kind) -> Iterator[Scenario]:
    """Yield what can go wrong with these calls."""
    for operation, times in sorted(calls.items()):
        for kind in kinds:
            if not is_possible(kind, operation):
                continue
            for occurrence in _occurrences(times, kind, all_deaths=flow.dies_at_all):
                yield Scenario(flow, Fault(kind, operation, occurrence))


def _occurrences(times: int, kind: Kind, *, all_deaths: bool) -> Sequence[int]:
    if times <= _EACH_UP_TO or (kind in KILLS and all_deaths):
        return range(1, times + 1)
    return (1, times // 2) if kind in KILLS else (1, EVERY)


def every(
    world: World, flows: Sequence[Flow], kinds: Sequence[Kind] = tuple(Kind), step: Callable[[str], None] = print
) -> list[Scenario]:
    """Record all of the flows and return all scenarios."""
    found: dict[tuple[str, Fault | None], Scenario] = {}
    for flow in flows:
        step(f"recording: {flow.name}")
        for each in scenarios(flow, recorded(world, flow), kinds):
            found.setdefault(_what(each), each)
    return list(found.values())


def _what(scenario: Scenario) -> tuple[str, Fault | None]:
    """Return what a scenario is about; of two about the same, one is enough.

    Every step of every flow is one to die at. What an error of a call comes to is shown by the first flow in which its
    function makes it; the channels' workers are one module, and the redrivers another.
    """
    flow, fault = scenario.flow, scenario.fault
    is_death = fault is not None and fault.kind in KILLS
    return (flow.name if is_death else flow.function.partition("-")[0]), fault


def others() -> list[Scenario]:
    """Return what goes wrong without a fault of AWS."""
    return [Scenario(flow) for flow in EVENTS]


def run(world: World, scenario: Scenario) -> Verdict:
    """Play a scenario, let it heal, and judge."""
    stage, flow, fault = world.stage, scenario.flow, scenario.fault
    _prepare(stage, flow)
    played = flow.play(world, fault)
    healed = stage.heal(played.ids, flow.channels)
    found = [delivery for each in played.ids for delivery in stage.deliveries(each)]
    parked = played.parked is not None
    verdict = judged(
        scenario,
        found,
        stage.inbox(),
        played.ends,
        parked=parked,
        healed=healed,
        met=fault is None or played.invocation.faults > 0,
    )
    more = []
    if played.ids and not found:
        more.append("accepted, and not in the log")
    if played.parked is not None and not stage.quarantined(played.parked):
        more.append("not in quarantine")
    if played.wrong is not None:
        more.append(played.wrong)
    return replace(verdict, lost=(*verdict.lost, *more))


def judged(
    scenario: Scenario,
    found: Sequence[Delivery],
    copies: Counter[str],
    ends: str,
    *,
    parked: bool,
    healed: bool,
    met: bool,
) -> Verdict:
    """Return the verdict on these deliveries, of which the providers have so many copies, and which are to end so."""
    more = {each.id: max(0, copies[each.id] - 1) for each in found}
    lost = [why for each in found if (why := lost_why(each, copies[each.id], ends))]
    return Verdict(
        scenario=scenario,
        deliveries=len(found) + parked,
        lost=tuple(lost if healed else [*lost, "not settled after all"]),
        duplicates=sum(more.values()),
        windows=sum(each.doubts for each in found),
        unexplained=sum(max(0, more[each.id] - each.doubts) for each in found),
        met=met,
    )


def lost_why(delivery: Delivery, copies: int, ends: str) -> str | None:
    """Return why a delivery counts as lost; None if it is not."""
    if delivery.is_held or delivery.reason == "outcome_unknown":
        return None  # it stands in an alarm, or did until its time was over
    if delivery.status != ends:
        return f"{delivery.status} ({delivery.reason}), not {ends}"
    if ends == "sent" and not copies:
        return "said to be sent, and nobody has it"
    return None


def _prepare(stage: Stage, flow: Flow) -> None:
    """Begin as a new environment does, on a platform on which nothing has failed before."""
    stage.begin_anew(flow.function)
    stage.forget_circuits()
