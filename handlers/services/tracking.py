"""What recipients tell us by the links in their messages, over ports alone.

A delivery's status follows by the table of `domain.notifications.statuses`, in whatever order; their settings
follow when they say what they want. Whoever holds a message's link speaks for its recipient, as with every mailing:
for the user, or for the address alone once it is not the user's any more (`domain.people.choices.Speaker`).
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from handlers.domain.content.links import Link
from handlers.domain.notifications.deliveries import Delivery, Observed
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.choices import Choices, Speaker
from handlers.domain.people.settings import UserSettings
from handlers.ports import Observations, SettingsStore


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery, and what its recipient wants now.

    `is_user` says whether they are a user, and not an address alone; `is_always_sent` whether it is of a critical
    category.
    """

    delivery: Delivery
    settings: UserSettings
    is_user: bool
    is_always_sent: bool
    is_news: bool = False

    @property
    def wanted(self) -> bool:
        """Whether they still get what this delivery was one of."""
        return self.is_always_sent or self.settings.allow(self.delivery.category, self.delivery.channel)


@dataclass(frozen=True, slots=True)
class Recipients:
    """Listens to recipients. `clock` returns the aware time. Each method returns None of a delivery that is not there.

    (Its link was ours, but the log keeps nothing for ever.) Nobody can opt out of `critical` categories.
    """

    log: Observations
    settings: SettingsStore
    clock: Callable[[], datetime]
    critical: AbstractSet[str] = frozenset()

    def saw(self, link: Link, status: Status) -> Observed | None:
        """Note what was done with a message, unless more than that is known already."""
        return self.log.observe(link, status, self.clock())

    def look(self, link: Link) -> Told | None:
        """Return the delivery and the settings, and change nothing: programs that guard mailboxes follow links too."""
        delivery = self.log.look(link)
        return None if delivery is None else self._told(delivery, self.settings.get(_speaker(delivery)))

    def unsubscribe(self, link: Link) -> Told | None:
        """Opt out of what the delivery was one of: its category, on its channel. Again does no harm.

        Of a critical category nothing is changed.
        """
        delivery = self.log.look(link)
        if delivery is None:
            return None
        if delivery.category in self.critical:
            return self._told(delivery, self.settings.get(_speaker(delivery)))
        # The settings first: they are what keeps the next message away.
        changed = self.settings.change(_speaker(delivery), lambda now: now.without(delivery.category, delivery.channel))
        observed = self.saw(link, Status.UNSUBSCRIBED)
        return self._told(delivery, changed, is_news=observed is not None and observed.is_news)

    def choose(self, link: Link, chosen: UserSettings) -> Told | None:
        """Put these settings in place of those of the delivery's recipient, where they say anything."""
        delivery = self.log.look(link)
        if delivery is None:
            return None
        return self._told(delivery, self.settings.change(_speaker(delivery), lambda now: now.updated(chosen)))

    def _told(self, delivery: Delivery, choices: Choices, *, is_news: bool = False) -> Told:
        return Told(delivery, choices.settings, choices.is_user, delivery.category in self.critical, is_news)


def _speaker(delivery: Delivery) -> Speaker:
    return Speaker(delivery.user_id, delivery.channel, delivery.endpoint)
