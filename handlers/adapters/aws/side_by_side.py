"""Calls of one client that are made at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from handlers.adapters.aws.clients import CONNECTIONS

Given = TypeVar("Given")
Returned = TypeVar("Returned")


class SideBySide:
    """Makes as many calls at once as the client has connections, whoever asks for them; a single one without a thread.

    One for each adapter: those of one function mostly ask one after the other.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="call")

    def map(self, call: Callable[[Given], Returned], given: Sequence[Given]) -> list[Returned]:
        """Return what `call` returns for each, in their order; raise what the first of them raises."""
        return list(self._threads.map(call, given) if len(given) > 1 else map(call, given))
