"""The books: for each delivery what it adds to the counters, so that nothing is added twice and nothing is missed.

A **posting** brings one delivery's entry up to date. It is written in one transaction with the counters that it moves,
on the condition that the entry is what the posting takes it to be. What that is, the stream says: the item before the
first change. So nothing has to be read, and if the condition does not hold, DynamoDB tells the entry as it is:

| the entry that was met         | what has happened                            | what is done                       |
|--------------------------------|----------------------------------------------|------------------------------------|
| has these changes, or later    | the batch, or a part of it, comes again      | only what is later than the entry  |
| has earlier ones, not expected | changes were never seen                      | it is moved from what it says      |
| is not there, but should be    | changes were never seen, or it is older than | the delivery is counted as it is   |
|                                | the books                                    |                                    |
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.stats.changes import Change
from handlers.domain.stats.counting import Counted, Group, counted
from handlers.domain.stats.listing import ListedDelivery

LISTED_FOR: Final = timedelta(days=90)
"""How long after its time has come (`is_due_from`) a delivery is listed, and what becomes of it is counted."""

COUNTED_FOR: Final = timedelta(days=500)
"""How long after the day counters are kept: longer than what is accepted on it, for a year ahead, is counted."""

FORGOTTEN_AFTER: Final = LISTED_FOR + timedelta(days=7)
"""When an entry may go: later than nothing is posted to it, or a late move would be taken for a new delivery."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the books have of a delivery: the last change that they have of it, and what it adds by that."""

    sequence: str
    added: str


def written(what: Counted) -> str:
    """Return, as text, what a delivery adds, but for what it has itself and never changes."""
    return json.dumps([what.group.provider, what.group.template, sorted(what.counters)], separators=(",", ":"))


def _read(added: str, delivery: Delivery) -> Counted:
    provider, template, counters = json.loads(added)
    return Counted(
        replace(counted(delivery).group, provider=provider, template=template),
        frozenset(counters),
    )


@dataclass(frozen=True, slots=True)
class Posting:
    """What one delivery's changes do to the books.

    `old` is what it has added so far, None if nothing; `new` what it adds now, None if it was erased. `met` is the
    entry that was found, if one was; otherwise the entry has to be as `old` says, and older than the first change.
    """

    changes: tuple[Change, ...]
    old: Counted | None
    new: Counted | None
    met: Entry | None = None

    @property
    def delivery(self) -> Delivery:
        """The delivery as it is now, or was last."""
        return self.changes[-1].delivery

    @property
    def groups(self) -> set[Group]:
        """The groups whose counters it moves."""
        return {each.group for each in (self.old, self.new) if each is not None}


def posting(changes: Sequence[Change]) -> Posting | None:
    """Return what these changes of one delivery, in their order, do; None if that is nothing."""
    before, after = changes[0].before, changes[-1].after
    # Not by the first and the last alone: what has led there and back may have been posted in part.
    if not any(map(_stirs, changes)):
        return None
    return Posting(tuple(changes), _added(before), _added(after))


def _added(delivery: Delivery | None) -> Counted | None:
    return None if delivery is None else counted(delivery)


def _stirs(change: Change) -> bool:
    """Say whether a change is one of what is counted or listed."""
    if change.before is None or change.after is None:
        return True
    return _looks(change.before) != _looks(change.after)


def _looks(delivery: Delivery) -> tuple[Counted, ListedDelivery]:
    return counted(delivery), ListedDelivery.of(delivery)


def corrected(refused: Posting, met: Entry | None) -> Posting | None:
    """Return what a posting still does that met another entry than it took for granted; None if that is nothing."""
    new = refused.new
    if met is None:
        return None if new is None else Posting(refused.changes[-1:], None, new)
    later = tuple(each for each in refused.changes if each.sequence > met.sequence)
    if not later:
        return None
    return Posting(later, _read(met.added, refused.delivery), new, met)


def is_due_from(delivery: Delivery) -> datetime:
    """Return when its time comes, or came: its acceptance, or later if it waits, or has waited, until then."""
    return delivery.created_at if delivery.send_at is None else max(delivery.created_at, delivery.send_at)


def is_current(delivery: Delivery, now: datetime) -> bool:
    """Say whether what becomes of it is still counted and listed."""
    return is_due_from(delivery) > now - LISTED_FOR


def moved(postings: Iterable[Posting]) -> dict[Group, Counter[str]]:
    """Return by how much the counters of each group move by these postings; none that stays as it is."""
    found: dict[Group, Counter[str]] = {}
    for each in postings:
        if each.old is not None:
            found.setdefault(each.old.group, Counter()).subtract(each.old.counters)
        if each.new is not None:
            found.setdefault(each.new.group, Counter()).update(each.new.counters)
    stirred = {group: Counter({name: n for name, n in some.items() if n}) for group, some in found.items()}
    return {group: some for group, some in stirred.items() if some}


def in_transactions(postings: Iterable[Posting], most: int) -> Iterator[list[Posting]]:
    """Yield the postings in parts of which each, with the counters that it moves, is at most so many writes.

    Those of the same group are together: so its counters are written in few of the parts.
    """
    part: list[Posting] = []
    groups: set[Group] = set()
    for each in sorted(postings, key=lambda each: sorted(each.groups)):
        if len(part) + 1 + len(groups | each.groups) > most:
            yield part
            part, groups = [], set()
        part.append(each)
        groups |= each.groups
    if part:
        yield part
