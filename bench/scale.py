"""Scale: with 1, 10, 100, … deliveries in the log, the next one takes the same time, memory and calls."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from bench.account import Account, unswept, until, waiting
from bench.calls import BATCH, Traffic, count, prepared
from bench.cpu import largest_mb
from bench.environment import Running
from bench.floor import latency
from bench.pipelines import ours
from bench.producer import Producer
from bench.progress import Step
from bench.results import Line, Part, spread

SIZES: Final = (1, 10, 100, 1_000, 10_000)
FULL: Final = (*SIZES, 50_000)
_TOLERANCE: Final = 0.15
_PROBES: Final = 30
_MANY: Final = 100
_AHEAD: Final = 1_000
"""How many deliveries wait in the queue at most while the log is filled."""


@dataclass(frozen=True)
class Probe:
    """What one more delivery takes when the log holds so many."""

    deliveries: int
    sent: float
    """Milliseconds from POST to sent, median."""
    cpu: float
    """Milliseconds of the handlers' processor time."""
    memory: float
    """MB of the largest of the functions' processes."""
    calls: float
    """AWS calls in the emulator's record."""
    filled_per_second: float
    """Deliveries a second while the log was filled up to here, a hundred to a request. 0 if none was missing."""


def measure(running: Running, step: Step) -> Part:
    """Fill, probe, fill up, probe again. `FULL=1` in the environment goes to 50,000."""
    account = Account(running.emulator)
    found: list[Probe] = []
    with unswept(account), Producer(running.local) as producer, ours(running) as pipeline:
        step("scale: storing 100 users")
        many = prepared(producer, Traffic(recipients=_MANY))
        latency(running, pipeline, BATCH)  # all that there is to warm
        there = 0
        for size in FULL if os.environ.get("FULL") else SIZES:
            step(f"scale: {size} deliveries in the log")
            rate = _fill(account, producer, many, size - there)
            probed = latency(running, pipeline, _PROBES)
            calls = count(running, Traffic(posts=BATCH)).every()
            memory = largest_mb(running)
            sent, there = statistics.median(probed.sent), size
            found.append(Probe(size, sent, probed.cpu, memory, calls, rate))
    return Part("Scale", lines(found), [asdict(each) for each in found])


def lines(found: Sequence[Probe]) -> list[Line]:
    """How far each measure goes from what it was with one delivery in the log."""
    largest = found[-1].deliveries
    measures = {
        "Time, POST to sent": [each.sent for each in found],
        "CPU": [each.cpu for each in found],
        "Memory": [each.memory for each in found],
        "AWS calls": [each.calls for each in found],
    }
    return [
        *(
            Line(f"{name} per delivery, 1 to {largest:,}: change", spread(values), "", at_most=_TOLERANCE)
            for name, values in measures.items()
        ),
        Line("Filling, 100 to a request", found[-1].filled_per_second, "/s"),
    ]


def _fill(account: Account, producer: Producer, many: dict[str, object], missing: int) -> float:
    """Have so many more deliveries sent; how many that were a second. Raises `RuntimeError` if they do not end."""
    if missing <= 0:
        return 0.0
    begun, left = time.time(), missing
    recipients = many["to"]
    assert isinstance(recipients, list)  # noqa: S101 - as it was made
    while left:
        number = min(left, _MANY)
        producer.send({**many, "to": recipients[:number]})
        left -= number
        until(lambda: waiting(account, "email") < _AHEAD, "the queue is worked off")
    until(lambda: waiting(account, "email") == 0, "the queue is empty")
    return missing / (time.time() - begun)
