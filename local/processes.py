"""Child processes of the platform: they die with their parent, say why they died, and answer when they are ready."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local.errors import PortTakenError, ProcessError
from local.lifeline import DETACH

HOST = "127.0.0.1"
LIFELINE = Path(__file__).with_name("lifeline.py")
_GRACE_SECONDS = 5.0
_LAST_LINES = 8


@dataclass(frozen=True)
class Child:
    """A running process and the file that has what it printed."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def obituary(self) -> str:
        """How it ended and the last lines it printed; waits for its end."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        code = self.popen.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return "\n".join([f"{self.name} {how}; the end of {self.log}:", *lines])

    def detach(self) -> None:
        """Let it live on when this process ends."""
        if self.popen.stdin:
            with self.popen.stdin as lifeline:
                lifeline.write(DETACH)

    def stop(self) -> None:
        """End it and every process it started: asked first, killed after 5 seconds."""
        self.popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(_GRACE_SECONDS)
        with suppress(ProcessLookupError):  # the whole group has ended already
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


def spawn(
    name: str,
    module: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    python: str = sys.executable,
    inherited: Sequence[int] = (),
) -> Child:
    """Run `python -m module …` in a process group of its own until this process ends, whichever way that happens.

    The first word may be a file instead of a module. The file descriptors `inherited` are open in it, under the same
    numbers.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        popen = subprocess.Popen(
            [python, "-P", str(LIFELINE), *module],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            pass_fds=inherited,
        )
    return Child(name, popen, log)


def wait_until_ready(child: Child, ready: Callable[[], bool], seconds: float = 120.0) -> None:
    """Return as soon as `ready()` is true; `ProcessError` when the process ends first or the time is over."""
    deadline = time.monotonic() + seconds
    pause = 0.01
    while not (answered := ready()):
        if time.monotonic() > deadline:
            raise ProcessError(f"{child.name} was not ready within {seconds:.0f} s; see {child.log}")
        try:
            child.popen.wait(pause)
        except subprocess.TimeoutExpired:
            pause = min(pause * 1.5, 0.1)
        if not child.alive:
            break
    if not (answered and child.alive):
        raise ProcessError(child.obituary())


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, variable: str) -> None:
    """`PortTakenError`, naming the variable to change, unless `port` can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTakenError.of(port, error, variable) from error
