"""How many messages a recipient gets, or an app sends: the generic cell rate algorithm (GCRA), pure.

https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm. All that is kept of a limit is one time: until when it is
taken. Each message takes an interval more, `per` divided by `burst`, from that time on or from now, whichever is later.
It goes at once while no more than `burst` intervals are taken ahead of now; and else when that is so. So of many who
come at once, the first `burst` go at once and each other has a time of its own, an interval after the one before.

Times here are whole milliseconds since 1970, as DynamoDB can add them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

ALL: Final = "*"
"""The name of a channel's own limit, over all categories that are not critical; any other is of a category."""

REMEMBERED: Final = timedelta(minutes=30)
"""How long after its time a notification's place is remembered. A retry or another device does not count again, as the
queue's own retries end before; what has slept through its user's quiet hours does.
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

Taken = Mapping[str, int]
"""Until when each limit is taken, by its name; one that nobody has asked yet is not in it."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient on one channel: a user's id, or the key of a bare address (`domain.people.same_address`)."""

    channel: str
    key: str


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `burst` at once, and as many in each time of `per` that follows."""

    burst: int
    per: timedelta

    @property
    def interval(self) -> int:
        """What each message takes, in milliseconds, rounded up."""
        return -(-self.per // _MILLISECOND // self.burst)

    @property
    def tolerance(self) -> int:
        """How far ahead of now it may be taken already for one more to go at once, in milliseconds."""
        return (self.burst - 1) * self.interval


def millis(at: datetime) -> int:
    """Return a time in milliseconds."""
    return (at - _EPOCH) // _MILLISECOND


def moment(at: int) -> datetime:
    """Return the time of these milliseconds."""
    return _EPOCH + at * _MILLISECOND


def in_effect(configured: Mapping[str, Limit], changed: Mapping[str, Limit | None]) -> Mapping[str, Limit]:
    """Return the limits of a channel as the operator has changed them; None takes one away."""
    return {name: limit for name, limit in {**configured, **changed}.items() if limit is not None}


def of_category(limits: Mapping[str, Limit], category: str) -> Mapping[str, Limit]:
    """Return those limits of a channel that a message of this category is under: its own, and the channel's."""
    return {name: limits[name] for name in (ALL, category) if name in limits}


def earliest(limits: Mapping[str, Limit], taken: Taken, at: int) -> int:
    """Return when one more may go that comes at this time: the latest of what each limit says."""
    return max([at, *(taken[name] - limit.tolerance for name, limit in limits.items() if name in taken)])


def after(limits: Mapping[str, Limit], taken: Taken, slot: int) -> Taken:
    """Return what is taken once one more goes at this time, which `earliest` has told."""
    return {name: max(taken.get(name, slot), slot) + limit.interval for name, limit in limits.items()}
