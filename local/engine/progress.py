"""What a deployment shows while it runs: a live line on a terminal, one line per event elsewhere."""

import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from local.engine.steps import Operation, Step, name_of

_SHOWN = 3


class Progress(AbstractContextManager["Progress", None], Protocol):
    """What an engine tells while it works, from many threads at once."""

    def started(self, urn: str) -> None:
        """The resource is being created."""

    def finished(self, step: Step) -> None:
        """The resource is what the program says."""

    def message(self, text: str) -> None:
        """The program, the policy pack or the engine has something to say to whoever waits."""


class ConsoleProgress(Progress):
    """One live line that counts resources and names those in the making; without a terminal, a line for each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._working: dict[str, None] = {}
        self._done = 0
        self._status: Status | None = None

    def __enter__(self) -> "ConsoleProgress":
        if self._console.is_terminal:
            self._status = self._console.status("starting the program")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def started(self, urn: str) -> None:
        """The resource is being created."""
        with self._lock:
            self._working[urn] = None
            self._show()

    def finished(self, step: Step) -> None:
        """The resource is what the program says."""
        with self._lock:
            self._working.pop(step.urn, None)
            self._done += 1
            if self._status is None and step.operation is not Operation.SAME:
                self._print(f"{step.operation} {step.type} {name_of(step.urn)}")
            self._show()

    def message(self, text: str) -> None:
        """Something to read now, above the live line."""
        with self._lock:
            self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def _show(self) -> None:
        if self._status is None:
            return
        names = [name_of(urn) for urn in self._working]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        working = f"; creating {', '.join(names[:_SHOWN])}{more}" if names else ""
        self._status.update(escape(f"{self._done} resources{working}"))
