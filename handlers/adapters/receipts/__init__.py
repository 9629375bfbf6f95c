"""What providers tell later of the messages they took: one file each, which verifies what was told and reads it.

Each has `read`: from what came to what it says, as `Told`, or `ForgedError`. What is not ours, or says nothing that
anybody here wants to know, is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.domain.content.links import Link
from handlers.domain.notifications.machines import Visit
from handlers.domain.notifications.receipts import Receipt


class ForgedError(Exception):
    """What came is not what the provider has sent, or not lately. Says nothing of why: who tries should not learn."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came; header names are in lower case."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A receipt, and of which delivery; with who opened it or followed its link, if the provider says so."""

    link: Link
    receipt: Receipt
    visit: Visit | None = None


def link_of(ids: Mapping[str, Any]) -> Link | None:
    """Return which delivery it is about, by the ids that it was sent with; None if it is none of ours."""
    notification_id, delivery_id = ids.get("notification_id"), ids.get("delivery_id")
    both = isinstance(notification_id, str) and isinstance(delivery_id, str) and notification_id and delivery_id
    return Link(str(notification_id), str(delivery_id)) if both else None
