"""What is known of a user."""

from dataclasses import dataclass
from typing import Final

from handlers.domain.reach import Reach
from handlers.domain.settings import DEFAULT_SETTINGS, Settings


@dataclass(frozen=True, slots=True)
class Person:
    """Where a user is reached (`None`: there is no such contact), and what they accept."""

    reach: Reach | None = None
    settings: Settings = DEFAULT_SETTINGS


NOBODY: Final = Person()
"""Of whom nothing is known."""
