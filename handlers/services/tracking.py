"""What recipients tell us by the links in their messages, over ports alone.

A delivery's status follows by the table of `domain.notifications.statuses`, in whatever order; their settings
follow when they say what they want. Whoever holds a message's link speaks for its recipient, as with every mailing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from handlers.domain.content.links import Link
from handlers.domain.notifications.deliveries import Delivery, Observed
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import person_key
from handlers.domain.people.settings import UserSettings
from handlers.ports import Observations, SettingsStore


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery, and what its recipient wants now."""

    delivery: Delivery
    settings: UserSettings
    is_news: bool = False

    @property
    def wanted(self) -> bool:
        """Whether they still want what this delivery was one of."""
        return self.settings.allow(self.delivery.category, self.delivery.channel)


@dataclass(frozen=True, slots=True)
class Recipients:
    """Listens to recipients. `clock` returns the aware time. Each method returns None of a delivery that is not there.

    (Its link was ours, but the log keeps nothing for ever.)
    """

    log: Observations
    settings: SettingsStore
    clock: Callable[[], datetime]

    def saw(self, link: Link, status: Status) -> Observed | None:
        """Note what was done with a message, unless more than that is known already."""
        return self.log.observe(link, status, self.clock())

    def look(self, link: Link) -> Told | None:
        """Return the delivery and the settings, and change nothing: programs that guard mailboxes follow links too."""
        delivery = self.log.look(link)
        if delivery is None:
            return None
        return Told(delivery, self.settings.get(_key(delivery)) or UserSettings())

    def unsubscribe(self, link: Link) -> Told | None:
        """Opt out of what the delivery was one of: its category, on its channel. Again does no harm."""
        delivery = self.log.look(link)
        if delivery is None:
            return None
        # The settings first: they are what keeps the next message away.
        changed = self.settings.change(_key(delivery), lambda now: now.without(delivery.category, delivery.channel))
        observed = self.saw(link, Status.UNSUBSCRIBED)
        return Told(delivery, changed, is_news=observed is not None and observed.is_news)

    def choose(self, link: Link, chosen: UserSettings) -> Told | None:
        """Put these settings in place of those of the delivery's recipient, where they say anything."""
        delivery = self.log.look(link)
        if delivery is None:
            return None
        return Told(delivery, self.settings.change(_key(delivery), lambda now: now.updated(chosen)))


def _key(delivery: Delivery) -> str:
    return person_key(delivery.user_id, delivery.endpoint)
