"""What is known of a recipient."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from handlers.domain.people.reach import Reach
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings


@dataclass(frozen=True, slots=True)
class Person:
    """Where a user is reached (`None`: there is no such contact), and what they accept."""

    reach: Reach | None = None
    settings: Settings = DEFAULT_SETTINGS


def person_key(user_id: str | None, address: str | None) -> str:
    """Return what somebody's settings are kept under: a user's id; of a bare address, which is no user's, its digest.

    So who was sent something by address alone can unsubscribe as well. No user id has a `#` in it.
    """
    if user_id is not None:
        return user_id
    return f"address#{sha256((address or '').lower().encode()).hexdigest()}"


NOBODY: Final = Person()
"""Of whom nothing is known."""
