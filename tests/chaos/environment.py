"""A function's execution environment: a process of its own, which faults kill and which is then made anew."""

import importlib
import io
import multiprocessing
import os
import resource
import signal
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Final

from bench.invocation import Context
from tests.chaos.faults import Chance, Fault, Interference

_FORKS: Final = multiprocessing.get_context("forkserver")
# What every function needs and nobody configures, loaded once. Nothing of ours: it reads its environment as it loads.
_FORKS.set_forkserver_preload(["aws_lambda_powertools", "boto3", "httpx", "jinja2"])


@dataclass(frozen=True)
class Invocation:
    """What came of one: `answer`, or `error`, or neither if the process was killed meanwhile."""

    answer: Any = None
    error: str | None = None
    killed: bool = False
    calls: tuple[str, ...] = ()
    faults: int = 0
    log: str = ""
    peak_kb: int = 0

    @property
    def failed(self) -> bool:
        """Say whether its caller got no answer."""
        return self.killed or self.error is not None


@dataclass(frozen=True)
class Configured:
    """A function as it is deployed: its name, handler and time limit, and its variables with those of Lambda."""

    name: str
    handler: str
    seconds: int
    variables: Mapping[str, str]


@dataclass(frozen=True)
class _WholeTime(Context):
    """The context of an invocation that has just begun, and stays so: what takes time is counted by others."""

    seconds: int = 0

    def get_remaining_time_in_millis(self) -> int:
        """All of it."""
        return self.seconds * 1000


class Environment:
    """Serves invocations of one function. Its process is a fork of one that has loaded the function, as a snapshot is.

    When a fault kills it, or it is to be made anew, the next invocation has another one.
    """

    def __init__(self, function: Configured) -> None:
        self._connection, theirs = _FORKS.Pipe()
        self._image = _FORKS.Process(target=_keep, args=(theirs, function))
        self._image.start()
        theirs.close()

    def invoke(self, event: Any, fault: Fault | Chance | None = None) -> Invocation:
        """Invoke the function, once; the process may be killed by the fault."""
        self._connection.send((event, fault))
        answered: Invocation = self._connection.recv()
        return answered

    def begin_anew(self) -> None:
        """Let the next invocation have a process that remembers nothing."""
        self._connection.send(None)

    def end(self) -> None:
        """End the processes."""
        self._connection.close()
        self._image.join()
        self._image.close()


def _keep(connection: Connection, function: Configured) -> None:
    """Load the function, and let a fork serve it whenever it is invoked. Ends with the connection."""
    os.environ.update(function.variables)
    # The pauses before another attempt take no time: they are counted by others, and waited for by nobody here.
    time.sleep = lambda _: None
    sys.stdout = io.StringIO()
    interference = Interference()
    handler = importlib.import_module(function.handler.rpartition(".")[0]).handler
    fork = _Fork(partial(_serve, function=function, handler=handler, interference=interference))
    with suppress(EOFError):
        while True:
            asked = connection.recv()
            if asked is None:
                fork.end()
            else:
                connection.send(fork.ask(asked))
    fork.end()


class _Fork:
    """A process that serves, if there is one. Forked here, as what it serves with is loaded here."""

    def __init__(self, serve: Callable[[Connection], None]) -> None:
        self._serve = serve
        self._process = 0
        self._connection: Connection | None = None

    def ask(self, asked: Any) -> Invocation:
        """Return its answer, or that it was killed."""
        connection = self._connection or self._begin()
        try:
            connection.send(asked)
            answered: Invocation = connection.recv()
        except (EOFError, OSError):
            self.end()
            return Invocation(killed=True, faults=1)
        return answered

    def end(self) -> None:
        """Kill it, whether it lives or not."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)

    def _begin(self) -> Connection:
        self._connection, theirs = multiprocessing.Pipe()
        self._process = os.fork()
        if self._process == 0:
            self._connection.close()
            self._serve(theirs)
            os._exit(0)
        theirs.close()
        return self._connection


def _serve(connection: Connection, function: Configured, handler: Any, interference: Interference) -> None:
    log = sys.stdout
    assert isinstance(log, io.StringIO)
    arn = f"arn:aws:lambda:{os.environ['AWS_REGION']}:123456789012:function:{function.name}:live"
    while True:
        try:
            event, fault = connection.recv()
        except EOFError:
            return
        log.seek(0)
        log.truncate()
        interference.begin(fault)
        answer = error = None
        try:
            answer = handler(event, _WholeTime(function.name, arn, str(uuid.uuid4()), seconds=function.seconds))
        except Exception as raised:
            error = repr(raised)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        calls = tuple(interference.calls)
        connection.send(Invocation(answer, error, False, calls, interference.faults, log.getvalue(), peak))
