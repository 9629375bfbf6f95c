"""The soak of broadcasts: calls fail and processes die by chance while one is paused and resumed and one canceled."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from handlers.domain.broadcasts.broadcast import page_id
from ops.client import Client
from tests.chaos.faults import Chance
from tests.chaos.flows import World, begun
from tests.chaos.matrix import lost_why
from tests.chaos.soak import SHARE
from tests.chaos.stage import BROADCASTS, FAN_OUT, Delivery, Stage, dead, queues_of

_RATE: Final = 1000
_TURNS: Final = 2_000
"""More than any of it takes: then something stands still."""
_BOTH: Final = 2
_LOOKS: Final = 5
"""One answer counts the pages that it has time for, and they stay counted."""
_MANY: Final = 10_000
"""Of more recipients than these no more calls fail: each death is a cold start, and hundreds of them say enough. And it
is looked less often how far they are, which takes as many reads as there are pages.
"""
_PROVIDERS: Final = ("ses", "sendgrid")


@dataclass(frozen=True)
class Ended:
    """What became of a broadcast: its own counts, and what is wrong by the log and the providers' inbox."""

    state: Mapping[str, Any]
    lost: tuple[str, ...]
    held: int
    """Deliveries that stand in an alarm, as nobody knows whether they were sent: `pending` by its own counts."""
    duplicates: int
    windows: int
    unexplained: int

    @property
    def adds_up(self) -> bool:
        """Say whether each of its deliveries has ended, or is held, by its own counts."""
        ends = ("sent", "failed", "unsubscribed", "canceled", "pending")
        ended = sum(int(self.state[end]) for end in ends)
        return int(self.state["pending"]) == self.held and ended == int(self.state["planned"])


@dataclass(frozen=True)
class Broadcasted:
    """What became of both: the whole one, which was paused, and the one that was canceled."""

    whole: Ended
    canceled: Ended
    readers: int
    while_paused: int
    """Recipients that the paused one has released after its pause was answered."""
    stalls: int
    """How often a step failed as often as it is tried, so that somebody had to resume the broadcast."""
    peak_mb: float
    """Of the fan-out."""
    counted: Mapping[str, int]

    @property
    def unmet(self) -> list[str]:
        """What is not as it should be."""
        both = (self.whole, self.canceled)
        wrong = {
            "something was lost": any(each.lost for each in both),
            "duplicates that the platform does not know of": any(each.unexplained for each in both),
            "accepted is not sent": self.whole.state["planned"] != self.readers,
            "what was sent and what was canceled do not add up": not all(each.adds_up for each in both),
            "nothing was canceled": not self.canceled.state["canceled"],
            "it went on while it was paused": self.while_paused > 0,
        }
        return [what for what, is_so in wrong.items() if is_so]


@dataclass
class _Run:
    """Both broadcasts on their way."""

    stage: Stage
    client: Client
    turns: int
    """As many as there are between one look at how far it is and the next."""
    stalls: int = 0

    def state(self, broadcast_id: str) -> Mapping[str, Any]:
        """Return how far one is; resume it if it has stalled, as the runbook says."""
        state: Mapping[str, Any] = self.client.broadcast_state(broadcast_id)
        if state["status"] == "stalled":
            self.stalls += 1
            state = self.client.move_broadcast(broadcast_id, "resume")
        return state

    def until(self, broadcast_id: str, is_there: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        """Let all work until a broadcast is there. Raises `RuntimeError` if it never is."""
        for _ in range(_TURNS // self.turns):
            state = self.state(broadcast_id)
            if is_there(state):
                return state
            for _ in range(self.turns):
                self.turn()
        raise RuntimeError(f"the broadcast stands still: {state['status']}, {state['recipients']} read")

    def turn(self) -> None:
        """Let the workers take all that there is, and then the fan-out one step: what it releases waits for a turn."""
        for queue in queues_of("email"):
            self.stage.work(queue)
        self.fan_out()

    def fan_out(self) -> None:
        """Let the fan-out take a step, if there is one."""
        for queue in (BROADCASTS, dead(BROADCASTS)):
            for message in self.stage.receive(queue, wait=1 if queue == BROADCASTS else 0, most=1):
                self.stage.give_back(queue, self.stage.serve(queue, [message])[1])


def broadcasted(world: World, count: int, seed: int, step: Callable[[str, int], None]) -> Broadcasted:
    """Send to so many, pausing at a quarter; begin another one to as many, cancel it at a third; heal, and judge."""
    stage, mark = world.stage, uuid.uuid4().hex[:8]
    stage.begin_anew()
    readers, others = ([f"{name}-{mark}-{n}@example.com" for n in range(count)] for name in ("reader", "other"))
    share = SHARE * min(1.0, _MANY / count)
    with stage.client() as client, _by_chance(stage, share, seed):
        run = _Run(stage, client, turns=max(1, count // _MANY))
        whole = begun(world, readers, _RATE)
        step("to a quarter", 0)
        at = run.until(whole, lambda state: state["recipients"] >= count // 4)["recipients"]
        step("paused", at)
        at = client.move_broadcast(whole, "pause")["recipients"]
        for _ in range(5):
            run.turn()
        while_paused = run.state(whole)["recipients"] - at
        client.move_broadcast(whole, "resume")
        other = begun(world, others, _RATE)
        run.until(other, lambda state: state["recipients"] >= count // 3)
        client.move_broadcast(other, "cancel")
        step("canceling the other", 0)
        for _ in range(_BOTH):
            run.fan_out()  # before the workers, so that there is something to cancel
        run.until(other, lambda state: state["status"] == "canceled")
        step("to the end", 0)
        run.until(whole, lambda state: state["status"] == "finished")
    step("healing", 0)
    ids = [*_pages(stage, whole), *_pages(stage, other)]
    stage.heal(ids, ["email"])
    copies = stage.inbox()
    with stage.client() as client:
        first = _ended(stage, client, whole, copies, {"sent"})
        second = _ended(stage, client, other, copies, {"sent", "canceled"})
    step("healed", count - at)
    peak = max(stage.peaks.get(FAN_OUT, [0])) / 1024
    return Broadcasted(first, second, count, while_paused, run.stalls, peak, dict(stage.tallied))


@contextmanager
def _by_chance(stage: Stage, share: float, seed: int) -> Iterator[None]:
    """Let any call fail in any way, and providers too."""
    for provider in _PROVIDERS:
        stage.fail(provider, mode="outage", rate=share)
    stage.fault = Chance(share, str(seed))
    try:
        yield
    finally:
        stage.fault = None
        for provider in _PROVIDERS:
            stage.mend(provider)


def _pages(stage: Stage, broadcast_id: str) -> list[str]:
    """Return the notifications that the pages of a broadcast are, as far as there are any."""
    found: list[str] = []
    page = empty = 0
    while empty < 3:  # a page may have nobody to be sent to
        there = bool(stage.deliveries(page_id(broadcast_id, page)))
        found += [page_id(broadcast_id, page)] if there else []
        page, empty = page + 1, 0 if there else empty + 1
    return found


def _ended(stage: Stage, client: Client, broadcast_id: str, copies: Counter[str], ends: set[str]) -> Ended:
    found = [each for page in _pages(stage, broadcast_id) for each in stage.deliveries(page)]
    held = sum(each.is_held for each in found)
    for _ in range(_LOOKS):
        state = client.broadcast_state(broadcast_id)
        if state["pending"] == held:
            break
    lost = [f"{each.id}: {why}" for each in found if (why := _why(each, copies[each.id], ends))]
    more = {each.id: max(0, copies[each.id] - (each.status != "canceled")) for each in found}
    return Ended(
        state=state,
        lost=(*lost, *["planned, and not in the log"] * (state["planned"] - len(found))),
        held=held,
        duplicates=sum(max(0, copies[each.id] - 1) for each in found),
        windows=sum(each.doubts for each in found),
        unexplained=sum(max(0, more[each.id] - each.doubts) for each in found),
    )


def _why(delivery: Delivery, copies: int, ends: set[str]) -> str | None:
    if delivery.status in ends - {"sent"}:
        return None
    return lost_why(delivery, copies, "sent")
