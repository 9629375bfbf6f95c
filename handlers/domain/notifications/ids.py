"""The ids of notifications and deliveries: a delivery's leads to its notification, and so to its place in the log.

Both are UUIDs of version 8 (RFC 9562 5.8), whose bits are ours to choose. A notification's has twenty bits that are
zero. In the id of a delivery these are its position, counted from 1, which is also mixed into the last bits: these say
in which partition of the index `due` a delivery is, and the deliveries of one notification must not all be in one.
The only delivery of a notification may have its notification's own id. What is left, 102 bits, is as good as unique.

So whoever knows a delivery's id finds it in one read, and nothing is written for that. Ids of before have none of this:
they are their notification's own, or lead nowhere.
"""

import uuid
from typing import Final

_OURS: Final = 8
_POSITION_BITS: Final = 20
_HIGH_BITS: Final = 16
"""Of the position, so many are all of `time_mid`; the other four are the first of `time_hi`, after the version."""
_AT_HIGH: Final = 80
_AT_LOW: Final = 72
_LOW_BITS: Final = _POSITION_BITS - _HIGH_BITS
_FIELD: Final = ((1 << _HIGH_BITS) - 1) << _AT_HIGH | ((1 << _LOW_BITS) - 1) << _AT_LOW

MOST_DELIVERIES: Final = (1 << _POSITION_BITS) - 1
"""Of one notification."""


def new_notification_id(random: uuid.UUID) -> str:
    """Return the id of a notification that is made of a random id, or of one that follows from something."""
    return str(uuid.UUID(int=_of_ours(random.int) & ~_FIELD))


def new_delivery_id(notification_id: str, position: int) -> str:
    """Return the id of the delivery at this position, from 0 on, of a notification; of one of before, any id."""
    of = uuid.UUID(notification_id)
    if not is_ours(notification_id) or of.int & _FIELD:
        return str(uuid.uuid4())
    place = position + 1
    if place > MOST_DELIVERIES:
        raise ValueError(f"a notification has at most {MOST_DELIVERIES} deliveries")
    return str(uuid.UUID(int=(of.int | _spread(place)) ^ place))


def notification_of(delivery_id: str) -> str | None:
    """Return the id of the notification whose delivery this may be; None for what is no UUID."""
    try:
        of = uuid.UUID(delivery_id)
    except ValueError:
        return None
    if not is_ours(str(of)):
        return str(of)
    return str(uuid.UUID(int=(of.int & ~_FIELD) ^ _place(of.int)))


def is_ours(some_id: str) -> bool:
    """Say whether it is an id as they are made here."""
    return uuid.UUID(some_id).version == _OURS


def _of_ours(bits: int) -> int:
    """Return the bits with the version 8 and the variant of RFC 9562."""
    return bits & ~(0xF << 76) & ~(0x3 << 62) | _OURS << 76 | 0x2 << 62


def _spread(place: int) -> int:
    return place >> _LOW_BITS << _AT_HIGH | (place & (1 << _LOW_BITS) - 1) << _AT_LOW


def _place(bits: int) -> int:
    high, low = bits >> _AT_HIGH & (1 << _HIGH_BITS) - 1, bits >> _AT_LOW & (1 << _LOW_BITS) - 1
    return high << _LOW_BITS | low
