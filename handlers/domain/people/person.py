"""What is known of a recipient."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from handlers.domain.channels import may_be_suppressed
from handlers.domain.people.reach import Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings


@dataclass(frozen=True, slots=True)
class Person:
    """Where a user is reached (`None`: there is no such contact), and what they accept.

    Of an address or url, which has no contact, there are settings alone, and whether it is suppressed.
    """

    reach: Reach | None = None
    settings: Settings = DEFAULT_SETTINGS
    suppressed: bool = False

    def address_on(self, channel: str) -> str | None:
        """Return the user's mailbox or number; None if they have none, or the channel sends to something else."""
        return None if self.reach is None else self.reach.addresses.get(channel)

    def addresses_on(self, channel: str) -> tuple[str, ...]:
        """Return what may be suppressed of the user's on the channel: their mailbox, number or urls, and no devices."""
        if self.reach is None or not may_be_suppressed(channel):
            return ()
        return tuple(each.address for each in self.reach.on(channel))


NOBODY: Final = Person()
"""A person of whom nothing is known."""


def person_key(user_id: str | None, address: str | None) -> str:
    """Return the key under which a person is kept: a user's id, or the key of a bare address that is no user's."""
    return user_id if user_id is not None else address_key(address or "")


def accepted(people: Mapping[str, Person], keys: Iterable[str | None], category: str, channel: str) -> bool:
    """Say whether all of these accept the category on the channel: a user, and the address where they are reached.

    An opt-out belongs to the mailbox or number, however its holder was named.
    """
    return all(people.get(key, NOBODY).settings.allow(category, channel) for key in keys if key is not None)
