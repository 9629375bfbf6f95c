"""What an urgent notification waits behind a broadcast: a simulation of a channel's queue, its workers, its provider.

`python -m bench.queueing` writes docs/scale/waits.md and docs/scale/waits.svg. It measures nothing here and needs no
platform: what it is told of (`Channel`) are settings, AWS's quotas, and what the benchmarks have measured.

The model: messages come to a first-in-first-out queue. So many workers take batches from it; each message of a batch
waits for its slot by the provider's rate, as workers do (docs/decisions/0010-limits.md), and is then sent, all of a
batch side by side.
The fan-out sees how long the queue is only as it was a while ago, as SQS's counts are approximate.
"""

import math
import random
import statistics
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import simpy

from handlers.domain.broadcasts.broadcast import page_size
from handlers.services.fanning_out import ROOM, WHILE_CROWDED

DIRECTORY: Final = Path(__file__).parents[1] / "docs" / "scale"
READERS: Final = 50_000
_SEED: Final = 13


class Policy(StrEnum):
    """How a broadcast comes to the queue."""

    AT_ONCE = "all at once"
    BY_RATE = "by its rate alone"
    HELD_BACK = "by its rate, while the queue is short"
    LANES = "the same, and urgent ones have a queue of their own"


@dataclass(frozen=True)
class Channel:
    """A channel: `rate` is the provider's, in messages a second; the others are in seconds."""

    workers: int = 10
    batch: int = 10
    rate: float = 200.0
    latency: float = 0.08
    """Of the provider, median; its logarithm is spread by `sigma`."""
    sigma: float = 0.5
    overhead: float = 0.03
    """Of an invocation."""
    counts_lag: float = 1.0
    """How old the queue's length is when it is told."""
    page: float = 0.3
    """What a page of a broadcast takes the fan-out."""


@dataclass
class Found:
    """What came of a run: the urgent ones' waits from acceptance to the provider's answer, and the broadcast's end."""

    waits: list[float] = field(default_factory=list)
    left: int = 0
    ended: float = 0.0
    longest_queue: int = 0

    def percentile(self, part: float) -> float:
        """Return the wait that this part of the urgent ones does not exceed."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)]


@dataclass
class _Queue:
    """A queue, and how many are in it or being sent, at each time that this has changed."""

    environment: simpy.Environment
    waiting: deque[tuple[bool, float]] = field(default_factory=deque)
    under_way: int = 0
    seen: deque[tuple[float, int]] = field(default_factory=deque)
    wake: list[simpy.Event] = field(default_factory=list)

    def put(self, *, urgent: bool, many: int = 1) -> None:
        self.waiting.extend([(urgent, self.environment.now)] * many)
        self._note()
        for each in self.wake:
            each.succeed()
        self.wake.clear()

    def take(self, most: int) -> list[tuple[bool, float]]:
        batch = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
        self.under_way += len(batch)
        return batch

    def done(self, many: int) -> None:
        self.under_way -= many
        self._note()

    def _note(self) -> None:
        self.seen.append((self.environment.now, len(self.waiting) + self.under_way))

    def length(self, lag: float) -> int:
        """Return how many there were so long ago."""
        while len(self.seen) > 1 and self.seen[1][0] <= self.environment.now - lag:
            self.seen.popleft()
        return self.seen[0][1] if self.seen and self.seen[0][0] <= self.environment.now - lag else 0


def simulate(
    policy: Policy, channel: Channel, *, readers: int = READERS, asked: float = 1000.0, urgent: float = 5.0
) -> Found:
    """Let urgent ones come at random, so many a second, while a broadcast that asks for this rate is sent."""
    chance = random.Random(_SEED)  # noqa: S311 - no secret
    environment = simpy.Environment()
    queue, found = _Queue(environment), Found(left=readers)
    lanes = [queue, _Queue(environment)] if policy is Policy.LANES else [queue]
    slot = [0.0]  # the provider's rate is everybody's
    for lane in lanes:
        for _ in range(channel.workers):
            environment.process(_worker(environment, lane, channel, chance, slot, found))
    environment.process(_urgent(environment, lanes[-1], chance, urgent, found))
    environment.process(_broadcast(environment, queue, policy, channel, readers, asked))
    while found.left or not found.waits:
        environment.step()
        found.longest_queue = max(found.longest_queue, len(queue.waiting))
    found.ended = environment.now
    return found


def _worker(
    environment: simpy.Environment,
    queue: _Queue,
    channel: Channel,
    chance: random.Random,
    slot: list[float],
    found: Found,
) -> Generator[simpy.Event, None, None]:
    while True:
        batch = queue.take(channel.batch)
        if not batch:
            woken = environment.event()
            queue.wake.append(woken)
            yield woken
            continue
        ends = []
        for is_urgent, since in batch:
            slot[0] = max(slot[0], environment.now) + 1 / channel.rate
            ends.append(slot[0] + channel.overhead + chance.lognormvariate(math.log(channel.latency), channel.sigma))
            if is_urgent:
                found.waits.append(ends[-1] - since)
        yield environment.timeout(max(ends) - environment.now)
        queue.done(len(batch))
        found.left -= sum(not is_urgent for is_urgent, _ in batch)


def _urgent(
    environment: simpy.Environment, queue: _Queue, chance: random.Random, rate: float, found: Found
) -> Generator[simpy.Event, None, None]:
    while found.left:
        yield environment.timeout(chance.expovariate(rate))
        queue.put(urgent=True)


def _broadcast(
    environment: simpy.Environment, queue: _Queue, policy: Policy, channel: Channel, readers: int, asked: float
) -> Generator[simpy.Event, None, None]:
    if policy is Policy.AT_ONCE:
        queue.put(urgent=False, many=readers)
        return
    due = 0.0
    while readers:
        if due > environment.now:
            yield environment.timeout(due - environment.now)
        if policy in (Policy.HELD_BACK, Policy.LANES) and queue.length(channel.counts_lag) >= ROOM:
            yield environment.timeout(WHILE_CROWDED.total_seconds())
            continue
        yield environment.timeout(channel.page)
        page = min(page_size(int(asked)), readers)
        queue.put(urgent=False, many=page)
        readers -= page
        due = max(due, environment.now - 1) + page / asked


SCENES: Final[Mapping[str, tuple[Channel, float]]] = {
    "200/s": (Channel(), 1000),
    "200/s, its queue's length known after 10 s": (Channel(counts_lag=10), 1000),
    "1,000/s, 100 workers": (Channel(workers=100, rate=1000), 1000),
    "1,000/s, but 2 s each": (Channel(rate=1000, latency=2.0), 1000),
    "14/s, as of a new account of SES": (Channel(rate=14), 1000),
    "14/s, and the broadcast asks for 10/s": (Channel(rate=14), 10),
}
"""By the provider's rate: the channel, and what the broadcast asks for."""


def run(readers: int = READERS) -> dict[str, dict[Policy, Found]]:
    """Simulate each scene with each policy."""
    return {
        name: {policy: simulate(policy, channel, readers=readers, asked=asked) for policy in Policy}
        for name, (channel, asked) in SCENES.items()
    }


def table(found: Mapping[str, Mapping[Policy, Found]]) -> str:
    """Return the page."""
    lines = [
        "# What an urgent notification waits",
        "",
        "Written by `python -m bench.queueing`: a broadcast to 50,000 recipients asks for 1,000 a second (10 in the",
        "last picture), while 5 urgent notifications a second come to the same channel of 10 workers. Seconds, from",
        "acceptance to the provider's answer.",
        "",
        "| provider | broadcast | median | 99 of 100 | longest | broadcast is sent after |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, of_scene in found.items():
        for policy, each in of_scene.items():
            waits = (statistics.median(each.waits), each.percentile(0.99), max(each.waits), each.ended)
            lines.append(f"| {name} | {policy} | " + " | ".join(f"{wait:,.1f}" for wait in waits) + " |")
    return "\n".join(lines) + "\n"


def draw(found: Mapping[str, Mapping[Policy, Found]], path: Path) -> None:
    """Draw which part of the urgent ones waits how long, a picture for each scene."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "carillon", "axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(10, 8))
    colours: dict[Policy, str] = dict(zip(Policy, ("#9e9e9e", "#ef6c00", "#3f51b5", "#2e7d32"), strict=True))
    for place, (name, of_scene) in enumerate(found.items(), 1):
        axes: Any = figure.add_subplot(3, 2, place)
        for policy, each in of_scene.items():
            axes.ecdf(each.waits, color=colours[policy], label=policy.value)
        axes.set(title=name, xlabel="seconds", ylabel="part of the urgent", xscale="log")
        if place == 1:
            axes.legend(frameon=False, fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    results = run()
    (DIRECTORY / "waits.md").write_text(table(results))
    draw(results, DIRECTORY / "waits.svg")
