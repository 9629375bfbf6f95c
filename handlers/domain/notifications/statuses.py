"""The statuses of a delivery, and the one table of the moves between them.

| from \\ to     | pending | sent | opened | clicked | error | unsubscribed | canceled |
|---------------|---------|------|--------|---------|-------|--------------|----------|
| created       | a       |      |        |         | b     | b            | c        |
| pending       |         | d    | e      | e       | b, d  | b            | c        |
| sent          |         |      | f      | f       | g     | h            |          |
| opened        |         |      |        | f       |       | h            |          |
| clicked       |         |      |        |         |       | h            |          |
| error         | o       |      |        |         |       |              |          |

a  a worker claims the delivery.
b  it will not be sent after all: it expired, or the user opted out before it was.
c  the producer cancels what is not yet sent.
d  the provider accepted it, or refused it for good.
e  the recipient was quicker than the write of `sent`: receipts arrive in whatever order.
f  the recipient opened it, or followed a link in it.
g  the provider took it and could not deliver it (a bounce).
h  the recipient unsubscribed by a link in it.
o  an operator redrives what has failed (`carillon redrive`), and nobody else: no receipt, worker or producer can.

Each move but the operator's leads to a greater `RANK`, so a status never moves backwards; `error`, `unsubscribed` and
`canceled` are final: nothing leaves them by itself. A delivery that cannot be sent when it is planned starts in `error`
or `unsubscribed`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Status(StrEnum):
    """Where a delivery is on its way."""

    CREATED = "created"
    PENDING = "pending"
    SENT = "sent"
    OPENED = "opened"
    CLICKED = "clicked"
    ERROR = "error"
    UNSUBSCRIBED = "unsubscribed"
    CANCELED = "canceled"


MOVES: Final[Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        Status.CREATED: frozenset({Status.PENDING, Status.ERROR, Status.UNSUBSCRIBED, Status.CANCELED}),
        Status.PENDING: frozenset(
            {Status.SENT, Status.OPENED, Status.CLICKED, Status.ERROR, Status.UNSUBSCRIBED, Status.CANCELED}
        ),
        Status.SENT: frozenset({Status.OPENED, Status.CLICKED, Status.ERROR, Status.UNSUBSCRIBED}),
        Status.OPENED: frozenset({Status.CLICKED, Status.UNSUBSCRIBED}),
        Status.CLICKED: frozenset({Status.UNSUBSCRIBED}),
        Status.ERROR: frozenset(),
        Status.UNSUBSCRIBED: frozenset(),
        Status.CANCELED: frozenset(),
    }
)
"""The table above: from each status, where it may go by itself."""

BY_OPERATOR: Final[Mapping[Status, Status]] = MappingProxyType({Status.ERROR: Status.PENDING})
"""The one move that an operator alone makes, of what was never sent (`domain.notifications.failures`)."""

INITIAL: Final = frozenset({Status.CREATED, Status.ERROR, Status.UNSUBSCRIBED})
"""What a delivery may be when it is planned."""

FINAL: Final = frozenset(status for status, onward in MOVES.items() if not onward)
"""What a delivery stays for ever."""

UNSENT: Final = frozenset({Status.CREATED, Status.PENDING})
"""What a delivery is while it is still to be sent, and the sweeper looks after it."""

RANK: Final[Mapping[Status, int]] = MappingProxyType(
    {
        Status.CREATED: 0,
        Status.PENDING: 1,
        Status.SENT: 2,
        Status.OPENED: 3,
        Status.CLICKED: 4,
        Status.ERROR: 5,
        Status.UNSUBSCRIBED: 5,
        Status.CANCELED: 5,
    }
)
"""How far along a status is."""


def may_move(current: Status, to: Status) -> bool:
    """Say whether the table allows this move."""
    return to in MOVES[current]


def before(to: Status) -> tuple[Status, ...]:
    """Return the statuses from which the table allows a move there."""
    return tuple(status for status in Status if may_move(status, to))
