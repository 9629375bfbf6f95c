"""The soak: many deliveries on all channels, while any call may fail in any way and any process may be killed.

The same seed gives the same faults to the same invocations; which messages a batch has is the queue's affair.
"""

import statistics
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from handlers.domain.channels import CHANNELS
from tests.chaos.faults import Chance
from tests.chaos.flows import World
from tests.chaos.matrix import lost_why
from tests.chaos.stage import A_WHILE, SWEEP, Stage, queues_of

SHARE: Final = 0.01
"""Of all calls, those that fail."""
_TOLERANCE: Final = 0.15
_WAVES: Final = 10
_PROVIDERS: Final = ("ses", "sendgrid", "sns", "twilio", "apns", "fcm", "webhook")
_URGENT: Final = 5
"""One in so many has priority high, and a lane of its own."""
_SMALLEST: Final = 250
"""Deliveries of a wave below which its time says nothing of a delivery's."""


@dataclass(frozen=True)
class Soaked:
    """What became of it all. Times are seconds of each delivery, peaks MB of each function, by wave."""

    deliveries: int
    lost: tuple[str, ...]
    duplicates: int
    windows: int
    unexplained: int
    seconds: tuple[float, ...]
    peaks: Mapping[str, tuple[float, ...]]
    counted: Mapping[str, int]

    @property
    def drift(self) -> float:
        """How much longer a delivery takes in the second half of the waves than in the first, as a share."""
        return _drift(self.seconds)

    @property
    def growth(self) -> float:
        """The same of the memory of the function that grew most."""
        return max((_drift(each) for each in self.peaks.values()), default=0.0)

    @property
    def unmet(self) -> list[str]:
        """What is not as it should be. Of a few deliveries, time and memory are told and not judged."""
        is_long = self.deliveries >= _WAVES * _SMALLEST
        wrong = {
            "something was lost": bool(self.lost),
            "duplicates that the platform does not know of": self.unexplained > 0,
            "time per delivery is not flat": is_long and self.drift > _TOLERANCE,
            "memory is not flat": is_long and self.growth > _TOLERANCE,
        }
        return [what for what, is_so in wrong.items() if is_so]


def soak(world: World, count: int, seed: int, step: Callable[[str, int], None]) -> Soaked:
    """Send so many on all channels, let all heal, and judge."""
    stage = world.stage
    stage.begin_anew()
    ids: list[str] = []
    seconds: list[float] = []
    peaks: dict[str, list[float]] = {}
    for provider in _PROVIDERS:
        stage.fail(provider, mode="outage", rate=SHARE)
    per_wave = max(1, count // (_WAVES * len(CHANNELS)))
    try:
        for wave in range(_WAVES):
            stage.fault = Chance(SHARE, str(seed))
            stage.peaks = {}
            begun = time.monotonic()
            ids += _wave(world, per_wave)
            seconds.append((time.monotonic() - begun) / (per_wave * len(CHANNELS)))
            # Whoever was just made has not grown yet: the largest of each function in this wave.
            for function, found in stage.peaks.items():
                peaks.setdefault(function, []).append(max(found) / 1024)
            step(f"wave {wave + 1} of {_WAVES}", per_wave * len(CHANNELS))
    finally:
        stage.fault = None
        for provider in _PROVIDERS:
            stage.mend(provider)
    step("healing", 0)
    stage.heal(sorted(set(stage.unsettled()) & set(ids)), sorted(CHANNELS))
    return _judged(stage, ids, tuple(seconds), {name: tuple(each) for name, each in peaks.items()})


def _wave(world: World, number: int) -> list[str]:
    """Accept this many on every channel, let what is in the queues be worked on as it comes, and in the end sweep."""
    stage = world.stage
    ids = []
    for place in range(number):
        for channel in sorted(CHANNELS):
            priority = "high" if place % _URGENT == 0 else "normal"
            ids.append(stage.accepted(world.body(channel, priority=priority), uuid.uuid4().hex))
        if place % 10 == 9 or place == number - 1:
            _work(stage)
    # Leases end, and what was not sent is due: nothing of a wave is left to slow down the next one.
    stage.let_pass(A_WHILE, sorted(set(stage.unsettled()) & set(ids)))
    stage.invoke(SWEEP, {})
    _work(stage)
    return ids


def _work(stage: Stage) -> None:
    for channel in sorted(CHANNELS):
        for queue in queues_of(channel):
            stage.work(queue)


def _judged(stage: Stage, ids: list[str], seconds: tuple[float, ...], peaks: Mapping[str, tuple[float, ...]]) -> Soaked:
    found = [delivery for each in ids for delivery in stage.deliveries(each)]
    copies = stage.inbox()
    more = {each.id: max(0, copies[each.id] - 1) for each in found}
    lost = [f"{each.channel} {each.id}: {why}" for each in found if (why := lost_why(each, copies[each.id], "sent"))]
    missing = len(set(ids) - {each.notification_id for each in found})
    return Soaked(
        deliveries=len(found) + missing,
        lost=(*lost, *["accepted, and not in the log"] * missing),
        duplicates=sum(more.values()),
        windows=sum(each.doubts for each in found),
        unexplained=sum(max(0, more[each.id] - each.doubts) for each in found),
        seconds=seconds,
        peaks=peaks,
        counted=dict(stage.tallied),
    )


def _drift(values: tuple[float, ...]) -> float:
    """Return by how much the median of the second half is above that of the first: what was there first is warm-up."""
    if len(values) < 4:
        return 0.0
    settled = values[1:]
    half = len(settled) // 2
    return statistics.median(settled[half:]) / statistics.median(settled[:half]) - 1
