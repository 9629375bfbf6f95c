"""What the functions need of the world, as they see it; `handlers.adapters` has it.

Every port is called by several threads at once, and each call is bounded in time.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # Not at run time: the sweeper needs no templates, and has no Jinja.
    from handlers.domain.channels import Channel
    from handlers.domain.content.links import Link
    from handlers.domain.content.messages import Message
    from handlers.domain.content.rendering import Content
    from handlers.domain.content.templates import StoredTemplate
    from handlers.domain.notifications.claims import Claimed, Refusal
    from handlers.domain.notifications.deliveries import Conclusion, Delivery, Observed, Reason
    from handlers.domain.notifications.due import DueDelivery
    from handlers.domain.notifications.events import DeliveryRequested
    from handlers.domain.notifications.notification import Notification
    from handlers.domain.notifications.statuses import Status
    from handlers.domain.people.choices import Choices, Speaker
    from handlers.domain.people.person import Person
    from handlers.domain.providers.routing import Circuit, Signal, Switches


class People(Protocol):
    """Contacts and settings."""

    def find(self, keys: "AbstractSet[str]") -> "Mapping[str, Person]":
        """Return what is known of each of these users and addresses, by `Recipient.key`, as last written.

        One call for up to 50 users, or 100 addresses.
        """


class Recipients(Protocol):
    """Whom a batch of deliveries is for."""

    def find(self, events: "Collection[DeliveryRequested]") -> "Mapping[str, Person]":
        """Return what is known now of their users, by id, and of the addresses to send to, by `address_key`.

        One call for a batch; a second one only when a user's address is not that of the event any more.
        """


class NotificationLog(Protocol):
    """Notifications and their deliveries, to the one who sends them."""

    def accept(self, notification: "Notification", deliveries: "Sequence[Delivery]") -> bool:
        """Write all of it and return True, or return False as this notification is there already.

        All of it is there, or nothing that anybody else can see, wherever this dies.
        """

    def find(self, notification_id: str) -> "tuple[Notification, tuple[Delivery, ...]] | None":
        """Return a notification as last written, its deliveries in the order of their positions.

        A delivery that cannot be read is left out, and told of in the log.
        """

    def cancel(self, delivery: "Delivery", now: datetime) -> "Delivery":
        """Cancel a delivery that is not yet sent, and that nobody is sending; return it as it is now, either way."""


class DeliveryLog(Protocol):
    """Deliveries, to the one who makes them."""

    def claim(
        self,
        event: "DeliveryRequested",
        *,
        provider: str | None,
        lease_until: datetime,
        now: datetime,
        address: str | None = None,
    ) -> "Claimed | Refusal":
        """Lease a delivery that is still to be sent. Of two at once exactly one gets it.

        Begins an attempt with the provider, if one is named. With an `address` it goes there from now on.
        """

    def begin(
        self, delivery: "Delivery", *, provider: str, now: datetime, after: "Conclusion | None" = None
    ) -> "Delivery | None":
        """Begin the next attempt at a delivery that was claimed, and return the delivery with it.

        `after` tells what came of the last attempt, in the same write. Returns None, and writes nothing, when somebody
        else has begun an attempt meanwhile or the delivery has moved on: it must not be sent then.
        """

    def release(self, delivery: "Delivery", now: datetime) -> None:
        """End the lease of a delivery that was claimed without an attempt; unless somebody has begun one meanwhile."""

    def conclude(self, delivery: "Delivery", conclusion: "Conclusion") -> None:
        """Write what came of the last attempt of this delivery, as it was claimed or begun, and end the lease.

        A delivery that has moved on meanwhile keeps its status.
        """

    def defer(self, event: "DeliveryRequested", until: datetime, now: datetime) -> "Refusal | None":
        """Let a delivery that nobody holds be due when its user's quiet hours end; return why not, if not.

        If it expires before, it is due then, to be closed.
        """

    def close(self, event: "DeliveryRequested", status: "Status", reason: "Reason", now: datetime) -> "Refusal | None":
        """Move a delivery that nobody holds to a final status, without an attempt; return why not, if not."""


class Observations(Protocol):
    """Deliveries, to the one who hears what became of them."""

    def look(self, link: "Link") -> "Delivery | None":
        """Return the delivery as last written."""

    def observe(self, link: "Link", status: "Status", now: datetime) -> "Observed | None":
        """Move the delivery to what its recipient did, if that is a move; return it as it is now, either way."""


class SettingsStore(Protocol):
    """Settings, to whoever changes them."""

    def get(self, who: "Speaker", /) -> "Choices":
        """Return what was chosen, as last written."""

    def change(self, who: "Speaker", change: "Callable[[Choices], Choices]") -> "Choices":
        """Change what was chosen, nobody else doing so in between, and return it as it is then."""


class DueIndex(Protocol):
    """Deliveries that should have moved."""

    def due(self, shard: str, now: datetime) -> "Iterator[Sequence[DueDelivery]]":
        """Yield the deliveries of a shard that are due, the longest waiting first, in pages.

        None of a notification that was not accepted whole. What cannot be read is set apart, and told of in the log.
        """

    def set_apart(self) -> int:
        """Return how many there are that could not be read, and wait for somebody to mend them."""

    def postpone(self, delivery: "DueDelivery", until: datetime) -> None:
        """Let it be due later, and count it as republished; only count it if its due time has moved meanwhile."""


class EventPublisher(Protocol):
    """The bus."""

    def publish(self, events: "Sequence[DeliveryRequested]", until: datetime) -> "Collection[DeliveryRequested]":
        """Publish the events and return those that the bus did not take; begins no call after `until`.

        Never raises: they are in the log.
        """


class Scheduler(Protocol):
    """What wakes the sweeper at a time."""

    def schedule(
        self, notification_id: str, events: "Sequence[DeliveryRequested]", send_at: datetime, until: datetime
    ) -> int:
        """Have these events of a notification published at `send_at`, once however often it is asked for.

        Returns how many of them are left to the sweeper; begins no call after `until`. Never raises: they are in the
        log, and due in its index then.
        """


class TemplateStore(Protocol):
    """Stored templates, by name and by version."""

    def resolve(self, name: str, channel: "Channel", locale: str | None) -> "StoredTemplate | None":
        """Return the current version in the language nearest to the locale, or None when there is none at all."""

    def load(self, key: str, version_id: str, /) -> "Content":
        """Return what a version says; raise `TemplateGoneError` when it is stored no longer."""


class Provider(Protocol):
    """Somebody who sends messages on one channel."""

    @property
    def name(self) -> str:
        """Its name in the log."""

    @property
    def platforms(self) -> frozenset[str] | None:
        """The platforms whose endpoints it serves (`apns`, `slack`); None for any endpoint of its channel."""

    def available(self) -> bool:
        """Say whether it has what it needs to be asked: False when there are no credentials for it.

        Asked for each message, so what it reads it remembers.
        """

    def send(self, message: "Message") -> str:
        """Send once, never again by itself, and return the provider's id for it; raise `ProviderError` otherwise."""


class ProviderState(Protocol):
    """What all the workers of a channel know of its providers together. Never raises: without it, all are asked."""

    def switches(self) -> "Switches":
        """Return which providers are off, and in which order they are asked, as of five seconds ago at most."""

    def circuit(self, provider: str) -> "Circuit":
        """Return a provider's circuit, as of five seconds ago at most."""

    def signal(self, provider: str, signal: "Signal", now: datetime) -> bool:
        """Move a provider's circuit; say whether it moved. Of many who signal PROBE at once exactly one moves it."""


class Queue(Protocol):
    """The queue that a worker is fed from."""

    def bring_back(self, messages: "Mapping[str, timedelta]") -> None:
        """Let messages, at most ten by their receipt handles, be received again so long from now. Never raises."""


class Devices(Protocol):
    """The devices of users."""

    def forget(self, user_id: str, platform: str, token: str) -> None:
        """Remove a device that is dead from this user, if it is still there; nobody else's."""
