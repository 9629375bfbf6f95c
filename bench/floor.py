"""Ours against the floor, round by round in one run: latency one at a time, then throughput from eight threads."""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Final

from bench.account import Account, unswept
from bench.cpu import cpu_seconds, used
from bench.environment import Running
from bench.pipelines import Pipeline, floor, ours
from bench.progress import Step
from bench.results import Line, Part, p95, ratio

ROUNDS: Final = 3
_POSTS: Final = 40
_POSTS_AT_ONCE: Final = 200
_THREADS: Final = 8
_GAP_SECONDS: Final = 0.15
"""From one answer to the next post: what was posted is sent by then, and nobody has to ask whether it is."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds of a round of single posts, and what the functions used for each."""

    accepted: Sequence[float]
    sent: Sequence[float]
    cpu: float


@dataclass(frozen=True)
class Throughput:
    """A round from eight threads: how many a second, and what the functions used for each, in milliseconds."""

    accepted: float
    sent: float
    cpu: float


@dataclass(frozen=True)
class Rounds:
    """All rounds of one pipeline."""

    latency: Sequence[Latency]
    throughput: Sequence[Throughput]

    def each(self, of: Callable[[Latency], float]) -> list[float]:
        """One number for each round of latency."""
        return [of(one) for one in self.latency]


def measure(running: Running, step: Step) -> Part:
    """Alternate, after a round of both that is not counted and starts all the processes that there will be."""
    with unswept(Account(running.emulator)), ours(running) as our_pipeline, floor(running) as no_op:
        both = (our_pipeline, no_op)
        for pipeline in both:
            step(f"floor: warming {pipeline.functions}")
            _throughput(running, pipeline, _POSTS_AT_ONCE)
        latencies, throughputs = [], []
        for number in range(ROUNDS):
            step(f"floor: latency, round {number + 1} of {ROUNDS}")
            latencies.append([latency(running, pipeline, _POSTS) for pipeline in both])
            step(f"floor: throughput, round {number + 1} of {ROUNDS}")
            throughputs.append([_throughput(running, pipeline, _POSTS_AT_ONCE) for pipeline in both])
    of_ours, of_floor = (
        Rounds([each[which] for each in latencies], [each[which] for each in throughputs]) for which in (0, 1)
    )
    return Part("Ours ÷ the floor", lines(of_ours, of_floor), {"ours": asdict(of_ours), "floor": asdict(of_floor)})


def lines(of_ours: Rounds, of_floor: Rounds) -> list[Line]:
    """Each ratio with its target, and the times that it comes from."""

    def times(what: str, of: Callable[[Latency], float], unit: str, at_most: float | None) -> list[Line]:
        a, b = of_ours.each(of), of_floor.each(of)
        return [
            Line(what, ratio(a, b), "×", at_most=at_most),
            Line(f"{what}: ours", statistics.median(a), unit),
            Line(f"{what}: floor", statistics.median(b), unit),
        ]

    def rate(what: str, of: Callable[[Throughput], float], at_least: float | None) -> list[Line]:
        a, b = ([of(one) for one in rounds.throughput] for rounds in (of_ours, of_floor))
        return [
            Line(what, ratio(a, b), "×", at_least=at_least),
            Line(f"{what}: ours", statistics.median(a), "/s"),
            Line(f"{what}: floor", statistics.median(b), "/s"),
        ]

    at_once = ([one.cpu for one in rounds.throughput] for rounds in (of_ours, of_floor))
    return [
        *times("POST → 202, p50", lambda one: statistics.median(one.accepted), "ms", 1.6),
        *times("POST → 202, p95", lambda one: p95(one.accepted), "ms", None),
        *times("POST → sent, p50", lambda one: statistics.median(one.sent), "ms", 2.5),
        *times("POST → sent, p95", lambda one: p95(one.sent), "ms", None),
        *times("CPU of handlers", lambda one: one.cpu, "ms", 2.2),
        Line("CPU of handlers, 8 threads", ratio(*at_once), "×"),
        *rate("Throughput to sent, 8 threads", lambda one: one.sent, 0.55),
        *rate("Throughput of 202, 8 threads", lambda one: one.accepted, None),
    ]


def latency(running: Running, pipeline: Pipeline, posts: int) -> Latency:
    """Post one at a time, and ask for nothing until all are posted. The sweeper should be off."""
    before = cpu_seconds(running, pipeline.functions)
    begun, accepted, ids = [], [], []
    for _ in range(posts):
        begun.append(time.time())
        at = time.perf_counter()
        ids.append(pipeline.post())
        accepted.append(1000 * (time.perf_counter() - at))
        time.sleep(_GAP_SECONDS)
    after = cpu_seconds(running, pipeline.functions)  # before anybody asks for what became of them
    sent = [1000 * (at - start) for start, at in zip(begun, pipeline.sent_at(ids), strict=True)]
    return Latency(accepted, sent, 1000 * used(before, after) / posts)


def _throughput(running: Running, pipeline: Pipeline, posts: int) -> Throughput:
    before, begun = cpu_seconds(running, pipeline.functions), time.time()
    with ThreadPoolExecutor(_THREADS) as threads:
        ids = list(threads.map(lambda _: pipeline.post(), range(posts)))
    accepted = time.time()
    pipeline.sent_at(ids[-1:])
    time.sleep(1)  # those before it are sent by then, nearly always; whoever is not is waited for below
    after = cpu_seconds(running, pipeline.functions)
    sent = max(pipeline.sent_at(ids))
    return Throughput(posts / (accepted - begun), posts / (sent - begun), 1000 * used(before, after) / posts)
