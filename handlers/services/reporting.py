"""Answers about what was sent: an app's own figures, and pages of its own deliveries."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from handlers.domain.problems import InvalidRequest
from handlers.domain.stats.counting import Group
from handlers.domain.stats.ledger import LISTED_FOR
from handlers.domain.stats.listing import Cursors, Deliveries, Filter, InvalidCursorError, ListedDelivery, page
from handlers.domain.stats.report import Stats, Wanted, report
from handlers.domain.times import rfc3339

USUAL_DAYS: Final = 7
MOST_DAYS: Final = 92
"""A quarter: what is read for it grows with its days, and an answer must come in time."""

MOST_LOOKED_AT: Final = 2000
"""Of a list for one page: about half a megabyte."""


class Store(Protocol):
    """What was counted and listed. A place in a list starts with the time of acceptance, as text."""

    def counters(self, app_key: str, first: str, last: str) -> dict[Group, Counter[str]]:
        """Return an app's counters of these days, both included."""
        ...

    def of_app(
        self, app_key: str, since: str, before: str, portion: int
    ) -> Iterator[tuple[str, ListedDelivery | None]]:
        """Yield an app's deliveries from one place to before another, newest first."""
        ...

    def of_user(
        self, app_key: str, user_id: str, since: str, before: str, portion: int
    ) -> Iterator[tuple[str, ListedDelivery | None]]:
        """Yield those of them to a user."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for of a list: the deliveries that were accepted from `since` on and before `until`."""

    user_id: str | None = None
    wanted: Filter = field(default_factory=Filter)
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50


class Reports:
    """Answers of one app's own, whoever else has sent to the same users."""

    def __init__(self, store: Store, cursors: Cursors, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._cursors = cursors
        self._clock = clock

    def stats(
        self, app_key: str, wanted: Wanted, group_by: Sequence[str], first: date | None, last: date | None
    ) -> Stats:
        """Return the figures of these days: of the last seven if none are named."""
        last = last or (first + timedelta(days=USUAL_DAYS - 1) if first else self._clock().date())
        first = first or last - timedelta(days=USUAL_DAYS - 1)
        if first > last:
            raise InvalidRequest.field("from", "must not be after to")
        if (last - first).days >= MOST_DAYS:
            raise InvalidRequest.field("from", f"must be so that from and to are at most {MOST_DAYS} days")
        days = (first.isoformat(), last.isoformat())
        return report(self._store.counters(app_key, *days), wanted, group_by, days)

    def deliveries(self, app_key: str, what: str, question: Question, cursor: str | None) -> Deliveries:
        """Return a page of a list, `what` being its name. Raises `InvalidRequest` for a cursor that is not of it."""
        asked = _asked(app_key, what, question)
        since = rfc3339(question.since or self._clock() - LISTED_FOR)
        before = rfc3339(question.until or self._clock() + timedelta(days=1))
        if cursor is not None:
            try:
                before = self._cursors.opened(cursor, asked)
            except InvalidCursorError:
                raise InvalidRequest.field("cursor", "must be of the last answer to the same question") from None
        if since > before:
            return Deliveries(deliveries=())
        span = (since, before, question.limit)
        places = (
            self._store.of_app(app_key, *span)
            if question.user_id is None
            else self._store.of_user(app_key, question.user_id, *span)
        )
        found, place = page(places, question.wanted, question.limit, MOST_LOOKED_AT)
        return Deliveries(deliveries=tuple(found), cursor=None if place is None else self._cursors.sealed(place, asked))


def _asked(app_key: str, what: str, question: Question) -> dict[str, str | None]:
    """Return what a cursor is bound to: all of the question but how many are wanted at a time."""
    return {
        "app": app_key,
        "list": what,
        "user_id": question.user_id,
        "category": question.wanted.category,
        "status": question.wanted.status,
        "from": None if question.since is None else rfc3339(question.since),
        "to": None if question.until is None else rfc3339(question.until),
    }
