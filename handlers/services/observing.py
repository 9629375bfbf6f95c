"""Follows the log into the books: counters and lists of what has become of deliveries."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from handlers.domain.stats.changes import Change, by_delivery
from handlers.domain.stats.ledger import Entry, Posting, corrected, in_transactions, is_current, posting
from handlers.observability import describe, logger

_CORRECTIONS: Final = 5
"""How often a transaction is put right. Once is enough unless somebody else posts the same deliveries at that moment,
as when Lambda takes an invocation for dead that is still running.
"""


class Books(Protocol):
    """Where entries and counters are kept."""

    @property
    def MOST_WRITES(self) -> int:  # noqa: N802 - a constant
        """How many entries and counters can be written together."""
        ...

    def post(self, postings: Sequence[Posting]) -> Mapping[int, Entry | None]:
        """Write all, or nothing and return the entries that were met at these places."""
        ...


class NeverRightError(Exception):
    """Others kept posting the same deliveries."""


class Bookkeeper:
    """Counts and lists what has become of deliveries, each once however often its changes come."""

    def __init__(self, books: Books, clock: Callable[[], datetime]) -> None:
        self._books = books
        self._clock = clock

    def follow(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Post what these changes do; return those of which that failed."""
        now = self._clock()
        current = (some for some in by_delivery(changes) if is_current(some[-1].delivery, now))
        postings = [each for some in current if (each := posting(some)) is not None]
        failed: list[Change] = []
        for part in in_transactions(postings, self._books.MOST_WRITES):
            try:
                self._post(part)
            except Exception as error:
                logger.error("not counted", deliveries=len(part), **describe(error))
                failed += [change for each in part for change in each.changes]
        return failed

    def _post(self, part: list[Posting]) -> None:
        """Post it whole, put right as often as it meets other entries than the stream has told of."""
        for _ in range(_CORRECTIONS):
            met = self._books.post(part)
            if not met:
                return
            right = [corrected(each, met[place]) if place in met else each for place, each in enumerate(part)]
            part = [each for each in right if each is not None]
            if not part:
                return
        raise NeverRightError
