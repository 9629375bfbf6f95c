"""What somebody chose, and whom it holds for: a user, their mailbox and their number.

An opt-out belongs to the mailbox or number, however its holder was named. So what a user chooses for e-mail and SMS is
kept twice: in their own settings, which go with them to another address, and in the record of the address, which holds
for whoever is reached there: by the bare address, and as another user who shares it. Either refuses alone. Of two who
share an address, what was said last holds for the address.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from handlers.domain.channels import ADDRESSED, sharing_address
from handlers.domain.people.reach import Reach
from handlers.domain.people.same_address import address_key, canonical
from handlers.domain.people.settings import Offer, UserSettings, Wanted


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a choice holds for: a user, if it is one, and addresses by their channels."""

    user_id: str | None
    addresses: Mapping[str, str]

    @property
    def keys(self) -> Mapping[str | None, str]:
        """Under which keys it is kept: the user's under None, the addresses' under their channels."""
        keys: dict[str | None, str] = {channel: address_key(each) for channel, each in self.addresses.items()}
        return keys if self.user_id is None else {None: self.user_id, **keys}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says what they want: a user; or, by the link in a message, whoever it went to on a channel and address."""

    user_id: str | None = None
    channel: str | None = None
    address: str | None = None

    def holder(self, reach: Reach | None) -> Holder:
        """Return whom it holds for, with where the user is reached now.

        A link speaks for the user as long as the message's address is still theirs. When they have left it, whoever
        reads the mailbox now has nothing to say of them: it holds for the mailbox alone.
        """
        now = {} if reach is None else reach.addresses
        if self.channel not in ADDRESSED or self.address is None:
            return Holder(self.user_id, now)
        if self.user_id is not None and self.channel in now and canonical(now[self.channel]) == canonical(self.address):
            return Holder(self.user_id, now)
        return Holder(None, {self.channel: self.address})


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen before: by the user themselves, and of each of the addresses by its channel."""

    own: UserSettings
    addresses: Mapping[str, UserSettings]
    is_user: bool = True
    """False for an address that is nobody's: there is nothing of their own."""
    reach: Reach | None = field(default=None, compare=False)
    """Where the user is reached now, and their language; None for who has no contact."""
    timezone: str | None = field(default=None, compare=False)
    """The user's, by whose clock quiet hours are; None when they have told none."""

    @property
    def settings(self) -> UserSettings:
        """What holds: what the user chose, without what is refused at their addresses."""
        refused: Wanted = {}
        for channel, record in self.addresses.items():
            names = (name for name in record.categories if not record.allow(name, channel))
            refused = _joined(refused, {name: {channel: False} for name in names})
        return self.own.model_copy(update={"categories": _joined(self.own.categories, refused)})

    def without(self, category: str, channel: str) -> "Choices":
        """Return them opted out of this category on this channel."""
        return self.updated(UserSettings(categories={category: {channel: False}}, quiet_hours=self.own.quiet_hours))

    def within(self, category: str, channel: str) -> "Choices":
        """Return them opted in to this category on this channel again."""
        return self.updated(UserSettings(categories={category: {channel: True}}, quiet_hours=self.own.quiet_hours))

    def updated(self, chosen: UserSettings) -> "Choices":
        """Return them with what is chosen in place of what it is about; other categories stay as they are."""
        own = UserSettings(categories=_joined(self.own.categories, chosen.categories), quiet_hours=chosen.quiet_hours)
        return self._saying(chosen.categories, own)

    def replaced(self, chosen: UserSettings, offer: Offer) -> "Choices":
        """Return them with what is chosen in place of all that is offered.

        What is not offered stays: it could not be chosen, and may come back. What the user refused before and does not
        name any more they want again, at their addresses too; what was refused there alone, only if they name it.
        """
        before = offer.shown(self.own).categories
        wanted_again = {name: {channel: True for channel in of if not of[channel]} for name, of in before.items()}
        hidden = {
            name: {channel: wanted for channel, wanted in of.items() if channel not in before.get(name, {})}
            for name, of in self.own.categories.items()
        }
        kept = {name: of for name, of in hidden.items() if of}
        own = UserSettings(categories=_joined(kept, chosen.categories), quiet_hours=chosen.quiet_hours)
        return self._saying(_joined(wanted_again, chosen.categories), own)

    def carried(self) -> "Choices":
        """Return them with what the user refuses refused at their addresses too: they have come to a new one."""
        refused = {name: {ch: False for ch in of if not of[ch]} for name, of in self.own.categories.items()}
        return self._saying(refused, self.own)

    def _saying(self, said: Wanted, own: UserSettings) -> "Choices":
        told = {channel: _told(record, channel, said) for channel, record in self.addresses.items()}
        return replace(self, own=own if self.is_user else self.own, addresses=told)


def _told(record: UserSettings, channel: str, said: Wanted) -> UserSettings:
    """Return an address's record, which names only what is refused, with what was said of its channels.

    Channels that send to the same address have one record.
    """
    channels = sharing_address(channel)
    about = {name: {ch: wanted for ch, wanted in of.items() if ch in channels} for name, of in said.items()}
    joined = _joined(record.categories, about)
    refused = {name: {ch: False for ch, wanted in of.items() if not wanted} for name, of in joined.items()}
    return UserSettings(categories={name: of for name, of in refused.items() if of})


def _joined(one: Wanted, other: Wanted) -> dict[str, dict[str, bool]]:
    """Return both; where they differ, what the second says."""
    return {name: {**one.get(name, {}), **other.get(name, {})} for name in {**one, **other}}
