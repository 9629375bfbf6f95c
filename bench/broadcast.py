"""A broadcast to many on this machine: whether all get it once, and whether the fan-out's memory stays flat.

`COUNT=50000 python -m bench broadcast` is the whole of it; 2,000 if nothing is said. How long it takes follows from the
processor time for each recipient, nearly all of it the emulator's, which is one process.
"""

import os
import time
import uuid
from tempfile import TemporaryFile
from typing import Any, Final

import httpx

from bench.account import PREFIX, Account, unswept
from bench.cpu import largest_mb, services, used
from bench.environment import Running
from bench.producer import Producer
from bench.progress import Step
from bench.results import Line, Part
from handlers.domain.broadcasts.requests import FASTEST
from handlers.domain.notifications.ids import notification_of

USUAL: Final = 2_000
_EACH: Final = 100
"""Of so many lines one is bad, and one names a reader again, in other letters."""
_LOOK_AGAIN_SECONDS: Final = 5.0
_STANDS_STILL_SECONDS: Final = 600.0
_MEMORY_GROWTH: Final = 0.1


def measure(running: Running, step: Step) -> Part:
    """Send to a file, and look at what has come of it and at the fan-out's process meanwhile."""
    count = int(os.environ.get("COUNT", USUAL))
    account, mark = Account(running.emulator), uuid.uuid4().hex[:8]
    readers = [f"reader-{mark}-{number}@example.com" for number in range(count)]
    with unswept(account), Producer(running.local) as producer:
        before, started = services(running), time.monotonic()
        state, memory = _sent(running, producer, _lines(readers), step)
        seconds, after = time.monotonic() - started, services(running)
        got = _got(running, f"reader-{mark}-")
        twice = [copies for copies in got.values() if len(copies) > 1]
        in_the_window = sum(min(len(copies) - 1, _unknown(producer, copies[0])) for copies in twice)
    lines = [
        Line(f"Lost of {count:,}", sum(reader not in got for reader in readers), at_most=0),
        Line("Duplicates", sum(len(copies) - 1 for copies in twice)),
        Line(
            "Duplicates outside the counted window",
            sum(len(copies) - 1 for copies in twice) - in_the_window,
            at_most=0,
        ),
        Line("Accepted by its own count", state["planned"], at_least=count),
        Line("Sent by its own count", state["sent"], at_least=count),
        Line("Bad lines told", state["rejected"], at_least=count // _EACH),
        Line("Memory of the fan-out, last ÷ first page: growth", memory[-1] / memory[0] - 1, at_most=_MEMORY_GROWTH),
        Line("Memory of the fan-out", memory[-1], "MB"),
        *(Line(f"Memory of {name}", each.mb, "MB") for name, each in sorted(after.items())),
        *(
            Line(f"Processor for a recipient, {name}", 1000 * used(before[name].cpu, each.cpu) / count, "ms")
            for name, each in sorted(after.items())
        ),
        Line("Recipients a second", count / seconds, "/s"),
        Line("Duration", seconds, "s"),
    ]
    return Part("Broadcast", lines, {"readers": count, "memory": memory})


def _lines(readers: list[str]) -> list[str]:
    lines = ["email"]
    for number, reader in enumerate(readers, 1):
        lines.append(reader)
        if number % _EACH == 0:
            lines += ["no address", reader.upper()]
    return lines


def _sent(running: Running, producer: Producer, lines: list[str], step: Step) -> tuple[dict[str, Any], list[float]]:
    """Send to the file; how it ended, and the fan-out's memory after each look. Raises `RuntimeError` if it stops."""
    broadcast_id = begun(producer, lines, FASTEST)
    state = producer.broadcast_state(broadcast_id)
    memory: list[float] = []
    moved, seen = time.monotonic(), None
    while state["status"] != "finished" or state["pending"]:
        time.sleep(_LOOK_AGAIN_SECONDS)
        state = producer.broadcast_state(broadcast_id)
        step(f"broadcast: {state['recipients']:,} read, {state['sent']:,} sent")
        if state["recipients"]:
            memory.append(largest_mb(running, f"{PREFIX}fanout"))
        if (now := (state["recipients"], state["sent"])) != seen:
            moved, seen = time.monotonic(), now
        elif time.monotonic() - moved > _STANDS_STILL_SECONDS or state["status"] in ("failed", "stalled"):
            raise RuntimeError(f"the broadcast stands still: {state['status']}, {now}")
    return state, memory


def begun(producer: Producer, lines: list[str], rate: int) -> str:
    """Start a broadcast to a file of these lines; its id."""
    content = {"subject": "Broadcast", "body": "<p>Broadcast</p>"}
    asked = {"category": "payment", "channels": ["email"], "content": content, "rate": rate}
    state = producer.broadcast({**asked, "audience": {"upload": "csv"}})
    with TemporaryFile() as file:
        file.write("\n".join(lines).encode())
        file.seek(0)
        producer.upload(state["upload"]["url"], file)
    broadcast_id: str = producer.move_broadcast(state["broadcast_id"], "start")["broadcast_id"]
    return broadcast_id


def _got(running: Running, prefix: str) -> dict[str, list[str]]:
    """Return the deliveries of which each reader has a message, one for each message."""
    found = httpx.get(f"{running.local.inbox_url}/api/messages", timeout=300).raise_for_status().json()
    got: dict[str, list[str]] = {}
    for each in found:
        if each["to"].startswith(prefix):
            got.setdefault(each["to"], []).append(each["delivery_id"])
    return got


def _unknown(producer: Producer, delivery_id: str) -> int:
    """Return how many attempts of a delivery are of unknown outcome by the log."""
    state = producer.notification(str(notification_of(delivery_id)))
    [delivery] = [each for each in state["deliveries"] if each["delivery_id"] == delivery_id]
    return sum(each["outcome"] == "unknown" for each in delivery["attempts"])
