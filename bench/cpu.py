"""What the functions of the platform use: processor time and memory of their processes."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from bench.account import PREFIX
from bench.environment import Running


def cpu_seconds(running: Running, prefix: str = PREFIX) -> dict[int, float]:
    """User and system time so far of each process that runs a function whose name begins so."""
    return {pid: times.user + times.system for pid, times in _of_each(running, prefix, psutil.Process.cpu_times)}


def used(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Seconds used in between. A process that was started meanwhile counts with its start; one that ended, not."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def largest_mb(running: Running, prefix: str = PREFIX) -> float:
    """Resident memory of the largest process of these functions, MB."""
    return max(float(memory.rss) / 1e6 for _, memory in _of_each(running, prefix, psutil.Process.memory_info))


@dataclass(frozen=True)
class Service:
    """What a part of the platform uses: seconds of processor time by process, and resident memory in MB."""

    cpu: Mapping[int, float]
    mb: float


def services(running: Running) -> dict[str, Service]:
    """Return what each part of the platform uses: the emulator, the sandbox, and all functions together."""
    parts: dict[str, list[psutil.Process]] = {"emulator": [], "functions": [], "sandbox": []}
    for process in psutil.Process(running.supervisor).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            part = next((part for part, mark in _MARKS.items() if mark in command), None)
            if part is not None:
                parts[part].append(process)
    return {part: _service(processes) for part, processes in parts.items()}


_MARKS = {"functions": "/ministack-lambda-", "sandbox": "local.sandbox", "emulator": "emulator_main"}


def _service(processes: list[psutil.Process]) -> Service:
    cpu, memory = {}, 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cpu[process.pid] = times.user + times.system
            memory += process.memory_info().rss
    return Service(cpu, memory / 1e6)


def _of_each(running: Running, prefix: str, ask: Any) -> Iterator[tuple[int, Any]]:
    mark = f"/ministack-lambda-{prefix}"
    for process in psutil.Process(running.supervisor).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended since
            if any(mark in word for word in process.cmdline()):
                yield process.pid, ask(process)
