"""How recipients' limits are kept, in the table of limits.

What a recipient has had on a channel is one item, which ends a day after its last message:

    {"id": "recipient#sms#ada", "taken#*": 1896091200000, "taken#payment": 1896091212000, "expiration": 1896177612,
     "n7": "7d4448409dc0", "s7": 1896091200000, …}

`taken#<name>` is until when a limit is taken (`domain.notifications.limits`), the channel's own under `*`. `n<cell>` is
the start of a notification's id, and `s<cell>` when it may go. A notification has one of 32 cells, by its id, so the
item stays below the 1 KB that a write is paid by; another notification of the same cell takes its place.

What the operator has changed of a channel's limits is beside its providers' switches, which every worker reads already
(`provider_items`): `limit#<name>` is `{"burst", "per"}`, `per` in milliseconds, and `burst` 0 for no limit.

The operator's commands use it too, so it needs nothing that is not on an engineer's machine.
"""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from handlers.domain.notifications.limits import Addressee, Limit, Taken

_CELLS: Final = 32
_TAKEN: Final = "taken#"
_CHANGED: Final = "limit#"
_MILLISECOND: Final = timedelta(milliseconds=1)


def recipient_id(addressee: Addressee) -> str:
    """Return the key of what a recipient has had on a channel."""
    return f"recipient#{addressee.channel}#{addressee.key}"


def taken_attribute(name: str) -> str:
    """Return the attribute that says until when the limit of this name is taken."""
    return f"{_TAKEN}{name}"


def taken_of(values: Mapping[str, Any]) -> Taken:
    """Return until when each limit is taken that an item's values hold."""
    return {name.removeprefix(_TAKEN): int(at) for name, at in values.items() if name.startswith(_TAKEN)}


def cell(notification_id: str) -> tuple[str, str, str]:
    """Return the attributes in which a notification's place is remembered, and by what it is known there."""
    number = uuid.UUID(notification_id).int % _CELLS
    return f"n{number}", f"s{number}", notification_id.replace("-", "")[:12]


def changed_attribute(name: str) -> str:
    """Return the attribute in which the operator has changed the limit of this name."""
    return f"{_CHANGED}{name}"


def changed_of(values: Mapping[str, Any]) -> dict[str, Limit | None]:
    """Return what the operator has changed, of a channel's item of providers; None takes a limit away."""
    return {
        name.removeprefix(_CHANGED): Limit(int(each["burst"]), int(each["per"]) * _MILLISECOND)
        if each["burst"]
        else None
        for name, each in values.items()
        if name.startswith(_CHANGED)
    }


def stored_change(limit: Limit | None) -> dict[str, int]:
    """Return what is stored of a change."""
    return {"burst": limit.burst, "per": limit.per // _MILLISECOND} if limit else {"burst": 0, "per": 0}
