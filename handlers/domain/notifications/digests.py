"""Digests: what a recipient gets of one category at one endpoint within a window is one message that lists it.

Windows are fixed by the clock, in UTC: one of an hour ends with each hour. Nobody has to remember when one began, and
two who accept at the same moment name the same digest without asking each other. A digest is named by its recipient,
endpoint and category, and by when it is due: at its window's end, or when the quiet hours end that this falls into. So
what waits through a night in several windows is one message in the morning.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.domain.notifications.outcomes import Outcome
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    # Not at run time: it has its settings from here, and that needs no pydantic models.
    from handlers.domain.notifications.deliveries import Conclusion, Delivery

MOST_ENTRIES: Final = 100
"""Of one message: each is claimed and concluded by itself, within one invocation. The others go in a further one."""

ITEMS: Final = "items"
COUNT: Final = "count"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_IDS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:carillon:digest")


@dataclass(frozen=True, slots=True)
class Digest:
    """How a category is gathered: for so long, into a message by the stored template of this name."""

    window: timedelta
    template: str


@dataclass(frozen=True, slots=True)
class DigestLease:
    """A digest that this invocation holds. `told` is what came of its earlier attempts, by when they were begun.

    It is told before its entries are. So whoever dies in between leaves entries whose last attempt has no outcome of
    its own and has one here.
    """

    holder: str
    told: "Mapping[str, Conclusion]"
    forgotten: tuple[str, ...] = ()
    """The holders whose attempts need not be kept any longer."""

    def of(self, delivery: "Delivery") -> "Conclusion | None":
        """Return what came of an entry's last attempt, if that was told of its digest and not of itself."""
        if not delivery.attempts or delivery.attempts[-1].outcome is not Outcome.STARTED:
            return None
        return self.told.get(rfc3339(delivery.attempts[-1].at))


def window_end(at: datetime, window: timedelta) -> datetime:
    """Return the end of the window that a time is in: after it, by the whole window at most."""
    return at + window - (at - _EPOCH) % window


def digest_id(recipient: str, channel: str, endpoint: tuple[str | None, str], category: str, due: datetime) -> str:
    """Return the id of a digest.

    `recipient` is a user's id or the key of a bare address; `endpoint` its platform, if it has one, and address.
    """
    parts = (recipient, channel, endpoint[0] or "", endpoint[1], category, rfc3339(due))
    # Lengths first, as any character may be in any part.
    return str(uuid.uuid5(_IDS, "\n".join((",".join(str(len(each)) for each in parts), *parts))))


def digest_data(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the digest's template is rendered with."""
    return {ITEMS: list(items), COUNT: len(items)}
