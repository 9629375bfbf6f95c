"""What is urgent while a broadcast is under way, and on an idle platform, in turn: both feel the same machine.

The broadcast goes on in each second round and is paused in the others. One that sends ten a second leaves the processor
to others, so what is seen is the queues; one as fast as it can takes all of it, as the emulator is one process.
"""

import statistics
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from bench.account import Account, unswept, until, waiting
from bench.broadcast import begun
from bench.environment import Running
from bench.producer import Producer
from bench.progress import Step
from bench.results import Line, Part, ratio
from handlers.domain.broadcasts.requests import FASTEST

_GENTLE: Final = 10
_ROUNDS: Final = 6
_MAILS: Final = 5
_READERS: Final = 50_000
"""More than are sent to while this lasts."""
_TOLERANCE: Final = 1.3


@dataclass
class _Times:
    """Milliseconds from POST to sent: the median of each round."""

    idle: list[float] = field(default_factory=list)
    urgent: list[float] = field(default_factory=list)
    ordinary: list[float] = field(default_factory=list)


def measure(running: Running, step: Step) -> Part:
    """Broadcast gently, and as fast as can be, and post urgent and ordinary mail meanwhile and in between."""
    account, lines, details = Account(running.emulator), [], {}
    with unswept(account), Producer(running.local) as producer:
        for priority in ("high", "normal"):
            _median(producer, priority)  # all that there is to warm
        for rate, at_most in ((_GENTLE, _TOLERANCE), (FASTEST, None)):
            found = _in_turn(account, producer, rate, step)
            during = f"a broadcast of {rate:,} a second ÷ idle"
            lines += [
                Line(f"high, POST → sent, p50, {during}", ratio(found.urgent, found.idle), "×", at_most=at_most),
                Line(f"normal, POST → sent, p50, {during}", ratio(found.ordinary, found.idle), "×"),
                Line("high, POST → sent, p50, idle", statistics.median(found.idle), "ms"),
            ]
            details[rate] = vars(found)
    return Part("A lane of its own", lines, details)


def _in_turn(account: Account, producer: Producer, rate: int, step: Step) -> _Times:
    mark = uuid.uuid4().hex[:8]
    broadcast_id = begun(producer, ["email", *(f"lane-{mark}-{n}@example.com" for n in range(_READERS))], rate)
    found = _Times()
    for number in range(_ROUNDS):
        producer.move_broadcast(broadcast_id, "pause")
        until(lambda: waiting(account, "email") == 0, "the queue is empty")
        step(f"lane: {rate} a second, round {number + 1} of {_ROUNDS}, idle")
        found.idle.append(_median(producer, "high"))
        read = producer.move_broadcast(broadcast_id, "resume")["recipients"]
        until(partial(_goes_on, producer, broadcast_id, read), "it goes on")
        step(f"lane: {rate} a second, round {number + 1} of {_ROUNDS}, under way")
        found.urgent.append(_median(producer, "high"))
        found.ordinary.append(_median(producer, "normal"))
    producer.move_broadcast(broadcast_id, "cancel")
    until(lambda: producer.broadcast_state(broadcast_id)["status"] == "canceled", "it is canceled")
    return found


def _goes_on(producer: Producer, broadcast_id: str, read: int) -> bool:
    return int(producer.broadcast_state(broadcast_id)["recipients"]) > read


def _median(producer: Producer, priority: str) -> float:
    """Post one mail after the other; the median of how long each took to be sent, by the log's own time."""
    times = []
    for _ in range(_MAILS):
        at = time.time()
        body = {
            "category": "payment",
            "channels": ["email"],
            "content": {"subject": "Lane", "body": "<p>Lane</p>"},
            "to": [{"email": f"{uuid.uuid4().hex}@example.com"}],
            "priority": priority,
        }
        times.append(1000 * (_sent_at(producer.until_sent(producer.send(body)["notification_id"])) - at))
    return statistics.median(times)


def _sent_at(notification: Mapping[str, Any]) -> float:
    [delivery] = notification["deliveries"]
    [sent] = [step["at"] for step in delivery["timeline"] if step.get("status") == "sent"]
    return datetime.fromisoformat(sent).timestamp()
