"""What recipients tell us by the links in their messages, over ports alone.

A delivery's status follows by the table of `domain.notifications.statuses`, in whatever order; their settings
follow when they say what they want. Whoever holds a message's link speaks for its recipient, as with every mailing:
for the user, or for the address alone once it is not the user's any more (`domain.people.choices.Speaker`).
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.domain.channels import ADDRESSED
from handlers.domain.content.links import Link
from handlers.domain.notifications.deliveries import Delivery, Observed
from handlers.domain.notifications.machines import Visit
from handlers.domain.notifications.outcomes import Event
from handlers.domain.notifications.receipts import Receipt
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.choices import Choices, Speaker
from handlers.domain.people.settings import UserSettings
from handlers.ports import Observations, SettingsStore, TimeZones
from handlers.services.receiving import Receiver


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery, and what its recipient wants now.

    `is_user` says whether they are a user, and not an address alone; `is_always_sent` whether it is of a critical
    category. `reached_on` are the user's channels now; `locale` and `timezone` what their contact says, if there is
    one.
    """

    delivery: Delivery
    settings: UserSettings
    is_user: bool
    is_always_sent: bool
    is_news: bool = False
    reached_on: AbstractSet[str] = frozenset()
    locale: str | None = None
    timezone: str | None = None
    has_contact: bool = False

    @property
    def wanted(self) -> bool:
        """Whether they still get what this delivery was one of."""
        return self.is_always_sent or self.settings.allow(self.delivery.category, self.delivery.channel)


@dataclass(frozen=True, slots=True)
class Recipients:
    """Listens to recipients. `clock` returns the aware time. Each method returns None of a delivery that is not there.

    (Its link was ours, but the log keeps nothing for ever.) Nobody can opt out of `critical` categories.
    Time zones are kept in `zones`; where there are none, nobody is asked for theirs.
    """

    log: Observations
    settings: SettingsStore
    clock: Callable[[], datetime]
    critical: AbstractSet[str] = frozenset()
    zones: TimeZones | None = None

    def saw(self, link: Link, status: Status, visit: Visit | None = None) -> Observed | None:
        """Note what was done with a message, unless more than that is known already.

        With a `visit` it may have been a machine's, which is noted as such and moves no status.
        """
        if visit is None:
            return self.log.observe(link, status, self.clock())
        return Receiver(self.log, self.clock).take(link, Receipt(Event(status.value)), visit)

    def look(self, link: Link) -> Told | None:
        """Return the delivery and the settings, and change nothing: programs that guard mailboxes follow links too."""
        delivery = self._known(link)
        return None if delivery is None else self._told(delivery, self.settings.get(_speaker(delivery)))

    def unsubscribe(self, link: Link) -> Told | None:
        """Opt out of what the delivery was one of: its category, on its channel. Again does no harm.

        Of a critical category nothing is changed.
        """
        delivery = self._known(link)
        if delivery is None:
            return None
        if delivery.category in self.critical:
            return self._told(delivery, self.settings.get(_speaker(delivery)))
        # The settings first: they are what keeps the next message away.
        changed = self.settings.change(_speaker(delivery), lambda now: now.without(delivery.category, delivery.channel))
        observed = self.saw(link, Status.UNSUBSCRIBED)
        return self._told(delivery, changed, is_news=observed is not None and observed.is_news)

    def choose(self, link: Link, chosen: UserSettings, timezone: str | None = None) -> Told | None:
        """Put these settings in place of those of the delivery's recipient, where they say anything.

        And then this time zone in place of that in their contact, if it is another. Who has no contact keeps none.
        Should that fail, what was chosen before it stays chosen; to save the same again does the rest.
        """
        delivery = self._known(link)
        if delivery is None:
            return None
        choices = self.settings.change(_speaker(delivery), lambda now: now.updated(chosen))
        return self._told(delivery, choices if timezone is None else self._by_clock_of(timezone, delivery, choices))

    def resume(self, link: Link) -> Told | None:
        """Opt in again to what the delivery was one of. Its own status stays: they did unsubscribe from it."""
        delivery = self._known(link)
        if delivery is None:
            return None
        return self._told(
            delivery,
            self.settings.change(_speaker(delivery), lambda now: now.within(delivery.category, delivery.channel)),
        )

    def _known(self, link: Link) -> Delivery | None:
        """Return the link's delivery; None also if its user was erased, as nobody knows whose mailbox it was.

        Whoever reads that mailbox now has nothing to say of a user of the same id who came later.
        """
        delivery = self.log.look(link)
        is_erased = delivery is not None and delivery.channel in ADDRESSED and delivery.endpoint is None
        return None if is_erased else delivery

    def _by_clock_of(self, timezone: str, delivery: Delivery, choices: Choices) -> Choices:
        """Keep the time zone of a user who has a contact, and for whom the link speaks; return what holds then."""
        if delivery.user_id is None or choices.reach is None or choices.timezone == timezone or self.zones is None:
            return choices
        is_kept = self.zones.keep(delivery.user_id, timezone)
        return replace(choices, timezone=timezone) if is_kept else choices

    def _told(self, delivery: Delivery, choices: Choices, *, is_news: bool = False) -> Told:
        reach = choices.reach
        return Told(
            delivery,
            choices.settings,
            is_user=choices.is_user,
            is_always_sent=delivery.category in self.critical,
            is_news=is_news,
            reached_on=frozenset(() if reach is None else (name for name, each in reach.endpoints.items() if each)),
            locale=None if reach is None else reach.locale,
            timezone=choices.timezone,
            has_contact=reach is not None,
        )


def _speaker(delivery: Delivery) -> Speaker:
    return Speaker(delivery.user_id, delivery.channel, delivery.endpoint)
