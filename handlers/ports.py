"""What the functions need of the world, as they see it; `handlers.adapters` has it.

Every port is called by several threads at once, and each call is bounded in time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    # Not at run time: the sweeper needs no templates, and has no Jinja.
    from handlers.domain.alerts import Alert, Cause, Notice, Watched
    from handlers.domain.broadcasts.broadcast import Broadcast, Progress
    from handlers.domain.callers import Rate
    from handlers.domain.channels import Channel
    from handlers.domain.content.links import Link
    from handlers.domain.content.messages import Message
    from handlers.domain.content.rendering import Content
    from handlers.domain.content.templates import StoredTemplate
    from handlers.domain.notifications.claims import Claimed, Refusal, Undecided
    from handlers.domain.notifications.deliveries import Conclusion, Delivery, Observed
    from handlers.domain.notifications.digests import DigestLease
    from handlers.domain.notifications.due import DueDelivery
    from handlers.domain.notifications.events import DeliveryRequested
    from handlers.domain.notifications.known import Languages, ToPlan, ToSend
    from handlers.domain.notifications.limits import Addressee
    from handlers.domain.notifications.notification import Notification
    from handlers.domain.notifications.outcomes import Reason
    from handlers.domain.notifications.payload import Payload
    from handlers.domain.notifications.receipts import Change
    from handlers.domain.notifications.redrives import Redrive, Waiting
    from handlers.domain.notifications.statuses import Status
    from handlers.domain.people.choices import Choices, Speaker
    from handlers.domain.people.erasure import Asked, Erasure, Pass
    from handlers.domain.people.suppressions import Suppression
    from handlers.domain.providers.routing import Circuit, Signal, Switches
    from handlers.domain.tokens import Signed
    from handlers.domain.webhooks import StatusChanged, Webhook


class People(Protocol):
    """Contacts and settings, and which languages templates are stored in."""

    def find(self, keys: "AbstractSet[str]", folders: "Collection[str]" = (), *, certain: bool = False) -> "ToPlan":
        """Return what is known of each of these users and addresses, and templates.

        Contacts and templates as last written; choices and suppressions may be a moment old, unless to be `certain`.

        One call for up to 100 items: a user has two, an address and a template's folder one.
        """


class Recipients(Protocol):
    """Whom a batch of deliveries is for, and what it says."""

    def find(self, events: "Collection[DeliveryRequested]") -> "ToSend":
        """Return what is known now of their users, by id, and of the addresses to send to, by `address_key`.

        And what their notifications say, by their ids, but for deliveries that carry that themselves. One call for a
        batch; a second one only when a user's address is not that of the event any more.
        """


class NotificationLog(Protocol):
    """Notifications and their deliveries, to the one who sends them."""

    def accept(self, notification: "Notification", deliveries: "Sequence[Delivery]", payload: "Payload") -> bool:
        """Write all of it and return True, or return False as this notification is there already.

        All of it is there, or nothing that anybody else can see, wherever this dies.
        """

    def find(self, notification_id: str) -> "tuple[Notification, tuple[Delivery, ...]] | None":
        """Return a notification as last written, its deliveries in the order of their positions.

        A delivery that cannot be read is left out, and told of in the log.
        """

    def cancel(self, delivery: "Delivery", now: datetime) -> "Delivery":
        """Cancel a delivery that is not yet sent, and that nobody is sending; return it as it is now, either way."""


class Attempts(Protocol):
    """Deliveries, to the one who asks providers."""

    def begin(
        self, delivery: "Delivery", *, provider: str, now: datetime, after: "Conclusion | None" = None
    ) -> "Delivery | None":
        """Begin the next attempt at a delivery that was claimed, and return the delivery with it.

        `after` tells what came of the last attempt, in the same write. Returns None, and writes nothing, when somebody
        else has begun an attempt meanwhile or the delivery has moved on: it must not be sent then.
        """

    def conclude(self, delivery: "Delivery", conclusion: "Conclusion") -> None:
        """Write what came of the last attempt of this delivery, as it was claimed or begun, and end the lease.

        A delivery that has moved on meanwhile keeps its status.
        """


class DeliveryLog(Attempts, Protocol):
    """Deliveries, to the one who makes them."""

    def claim(
        self,
        event: "DeliveryRequested",
        *,
        provider: str | None,
        lease_until: datetime,
        now: datetime,
        unknown_retries: int,
        address: str | None = None,
    ) -> "Claimed | Undecided | Refusal":
        """Lease a delivery that is still to be sent. Of two at once exactly one gets it.

        Begins an attempt with the provider, if one is named and no earlier attempt is of unknown outcome. Of more than
        `unknown_retries` of these nobody gets the delivery. With an `address` it goes there from now on.
        """

    def release(self, delivery: "Delivery", now: datetime) -> None:
        """End the lease of a delivery that was claimed without an attempt; unless somebody has begun one meanwhile."""

    def hold(self, delivery: "Delivery", until: datetime, now: datetime) -> None:
        """Hold a delivery with an unknown outcome, which no worker has claimed, until that time."""

    def defer(
        self, event: "DeliveryRequested", until: datetime, now: datetime, reason: "Reason" = ...
    ) -> "Refusal | None":
        """Let a delivery that nobody holds be due at a time; return why not, if not. Without a reason: quiet hours.

        By its recipient's limits that time is then its own (`slot`); after quiet hours it asks them anew.
        If it expires before, it is due then, to be closed.
        """

    def close(self, event: "DeliveryRequested", status: "Status", reason: "Reason", now: datetime) -> "Refusal | None":
        """Move a delivery that nobody holds to a final status, without an attempt; return why not, if not."""


class Digests(Protocol):
    """Digests, to the one who makes deliveries. Of those who make one at once, one does."""

    def entries(self, digest_id: str) -> "Sequence[DeliveryRequested]":
        """Return the events of all its entries that are still to be sent; one of the last second may be missing."""

    def take(self, digest_id: str, lease_until: datetime, now: datetime) -> "DigestLease | None":
        """Hold the digest until then, or until it is told or left; None when somebody else does."""

    def tell(self, digest_id: str, taken: "DigestLease", begun_at: datetime, conclusion: "Conclusion") -> None:
        """Write what came of the attempt that was begun with all entries at this time, and let the digest go."""

    def leave(self, digest_id: str, taken: "DigestLease") -> None:
        """Let the digest go, of which nothing was sent."""


class Observations(Protocol):
    """Deliveries, to the one who hears what became of them."""

    def look(self, link: "Link") -> "Delivery | None":
        """Return the delivery as last written."""

    def observe(self, link: "Link", status: "Status", now: datetime, app_key: str | None = None) -> "Observed | None":
        """Move the delivery to what its recipient did, if that is a move; return it as it is now, either way.

        None when there is none, or not of this app, if one is named.
        """

    def apply(self, delivery: "Delivery", change: "Change") -> bool:
        """Write what a receipt makes of a delivery as it was read; False, and nothing written, if it is another now."""


class Suppressing(Protocol):
    """Addresses that must not be tried, to whoever learns of one."""

    def add(self, suppression: "Suppression") -> "tuple[Suppression, bool]":
        """Suppress an address; return what holds, and whether it is new: what told it first stays."""


class SettingsStore(Protocol):
    """Settings, to whoever changes them."""

    def get(self, who: "Speaker", /) -> "Choices":
        """Return what was chosen, as last written."""

    def change(self, who: "Speaker", change: "Callable[[Choices], Choices]") -> "Choices":
        """Change what was chosen, nobody else doing so in between, and return it as it is then."""


class TimeZones(Protocol):
    """The time zone in a user's contact, to who may change nothing else of it."""

    def keep(self, user_id: str, timezone: str) -> bool:
        """Write it to the user's contact, if there is one; say whether there is."""


class DueIndex(Protocol):
    """Deliveries that should have moved."""

    def due(self, shard: str, now: datetime) -> "Iterator[Sequence[DueDelivery]]":
        """Yield the deliveries of a shard that are due, the longest waiting first, in pages.

        None of a notification that was not accepted whole. What cannot be read is set apart, and told of in the log.
        """

    def redriven(self, channel: "Channel", now: datetime) -> "Iterator[Sequence[DueDelivery]]":
        """Yield a channel's deliveries that wait for their next round, due or not, in the same way."""

    def unsent(self, channel: "Channel", now: datetime) -> int:
        """Return how many of a channel's deliveries are tried or wait to be, planned ones left out: at least so many.

        It is one call for each of the channel's shards, so it is asked for an alert and no oftener.
        """

    def set_apart(self) -> int:
        """Return how many there are that could not be read, and wait for somebody to mend them."""

    def postpone(self, delivery: "DueDelivery", until: datetime) -> None:
        """Let it be due later, and count it as republished; only count it if its due time has moved meanwhile.

        If it was redriven, that is over.
        """


class RedriveLog(Protocol):
    """Deliveries, to the one who empties the dead-letter queues."""

    def waiting(self, event: "DeliveryRequested") -> "Waiting | None":
        """Return what there is of the event's delivery, as last written."""

    def wait(self, event: "DeliveryRequested", seen: "Waiting", redrive: "Redrive", *, is_new: bool) -> bool:
        """Let the delivery be due when its round says, or when it expires if that is before; note a round that is new.

        Return False, having written nothing, when it is not as it was seen any more.
        """

    def give_up(self, event: "DeliveryRequested", seen: "Waiting", reason: "Reason", now: datetime) -> bool:
        """Move the delivery to `error`; return False, having written nothing, when it is not as it was seen."""


class ErasureRequests(Protocol):
    """Where a user is told to be erased."""

    def ask(self, erasure: "Erasure") -> None:
        """Have a user erased. Asked again it is for what was created since as well."""


class ErasureLog(Protocol):
    """The log to the one who erases users from it."""

    def asked(self) -> "Asked":
        """Return who is to be erased, and the latest pass through the log."""

    def page(self, users: "Sequence[Erasure]", cursor: "Mapping[str, Any] | None") -> "ErasurePage":
        """Return what the log has of these users from there on, in one bounded step."""

    def keep(self, current: "Pass") -> None:
        """Keep how far a pass has come."""

    def done(self, users: "Iterable[Erasure]") -> None:
        """Forget those of whom nothing is left; who was asked for again meanwhile stays."""

    def erase(self, found: "Any", user: "Erasure", now: datetime) -> bool:
        """Erase what is personal of a delivery; say whether nothing of it is left."""


class ErasurePage(Protocol):
    """What a step has found, each with whose it is, and where the next one begins; None after the last."""

    @property
    def found(self) -> "Sequence[tuple[Any, Erasure]]":
        """What it has found."""

    @property
    def cursor(self) -> "Mapping[str, Any] | None":
        """Where the next one begins."""


class Quarantine(Protocol):
    """Where messages are kept that nobody can read."""

    def park(self, message_id: str, body: str, attributes: "Mapping[str, Any]", why: str) -> None:
        """Keep a message whole, with its attributes as SQS has them, and why it is here. Twice is no harm."""


class Recoveries(Protocol):
    """What workers and redrivers tell the sweeper of the channels, and the alerts that follow from it."""

    def look(self, now: datetime) -> "Mapping[Channel, Watched]":
        """Return what there is to know of each channel, as last written; one call."""

    def over(self, channel: "Channel", since: datetime) -> None:
        """Say that all was done for the circuit that closed then; another that has closed since stays to be seen to."""

    def move(self, channel: "Channel", cause: "Cause", seen: "Alert | None", alert: "Alert | None") -> bool:
        """Write an alert, or that there is none; return False, having written nothing, when it is not as it was seen.

        Of two who move it at once exactly one does.
        """


class Alerts(Protocol):
    """The developers responsible."""

    def tell(self, notice: "Notice") -> None:
        """Tell them, once."""


class Tallies(Protocol):
    """What is counted of a channel for its alerts."""

    def add(self, cause: "Cause", times: int, why: str, now: datetime) -> None:
        """Count so many, of which one was for this reason. One write. Never raises."""


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
    """Stored templates, by name."""

    def languages(self, name: str, channel: "Channel") -> "Languages":
        """Return the languages that a template is stored in, when nobody has told them (`People`)."""

    def resolve(
        self, name: str, channel: "Channel", locale: str | None, languages: "Languages"
    ) -> "StoredTemplate | None":
        """Return the current version in the language nearest to the locale, or None when there is none at all."""


class TemplateVersions(Protocol):
    """Stored templates, by version."""

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


class UsedTokens(Protocol):
    """Tokens that were used, where each is good for one request."""

    def use(self, app_key: str, token: "Signed") -> None:
        """Use a token up; raise `RefusedTokenError` when it was before. Of two at once exactly one gets in."""


class AppRates(Protocol):
    """How often apps may call."""

    def wait(self, app_key: str, rate: "Rate", now: datetime) -> timedelta | None:
        """Count a call of an app; or return in how long it may call again, and count nothing. Never raises."""


class RecipientLimits(Protocol):
    """How many messages a recipient gets on one channel."""

    def slot(self, event: "DeliveryRequested", now: datetime) -> datetime:
        """Take the next place for a delivery, and return when it may go: not after now, if at once.

        A notification, or a digest, counts once for each recipient, on however many devices and however often it is
        tried; so it does for half an hour after its time. What is under no limit costs nothing.
        """


class LimitsOutlook(Protocol):
    """How many messages recipients may get on every channel, to who asks without sending."""

    def slots(
        self, category: str, recipients: "Collection[Addressee]", now: datetime
    ) -> "Mapping[Addressee, datetime]":
        """Return when each recipient may get one more, without those that may get it now. Takes no place."""


class Queue(Protocol):
    """The queue that a worker is fed from."""

    def bring_back(self, messages: "Mapping[str, timedelta]") -> None:
        """Let messages, at most ten by their receipt handles, be received again so long from now. Never raises."""


class DeadEndpoints(Protocol):
    """What is done with an address that a provider calls dead, so that it is tried no more."""

    def put_aside(self, delivery: "Delivery", at: "datetime") -> None:
        """Put the delivery's endpoint aside, of which its last attempt has just told."""


class BroadcastStore(Protocol):
    """Broadcasts, and how far they are."""

    def create(self, broadcast: "Broadcast", progress: "Progress") -> "Broadcast":
        """Write both, unless this broadcast is there already; return it as it is kept. Twice is no harm."""

    def find(self, broadcast_id: str) -> "Broadcast | None":
        """Return what was asked for. It never changes, so it is remembered."""

    def progress(self, broadcast_id: str) -> "Progress":
        """Return how far it is, as last written."""

    def change(self, broadcast_id: str, change: "Callable[[Progress], Progress | None]") -> "tuple[Progress, bool]":
        """Move the progress, nobody else doing so in between; return it as it is then, and whether it has moved.

        When `change` returns None, or what there is, nothing is written.
        """


class Claims(Protocol):
    """Who has had a broadcast."""

    def hold(self, broadcast_id: str, page: int, keys: "Collection[str]", until: datetime) -> "AbstractSet[str]":
        """Note that these are this page's, and return those that were an earlier page's already."""


class AudienceFiles(Protocol):
    """The files of audiences."""

    def upload_url(self, broadcast: "Broadcast") -> str:
        """Return a url to which the file may be put for some minutes."""

    def uploaded(self, broadcast: "Broadcast") -> "tuple[str, int] | None":
        """Return the version of the file that was put there last, and its bytes; None if there is none."""

    def read(self, broadcast: "Broadcast", version: str, offset: int, length: int) -> bytes:
        """Return so many bytes of a version from an offset on, or as many as there are."""


class TagIndex(Protocol):
    """Contacts by their tags."""

    def page(self, tag: str, after: str | None, most: int) -> "tuple[Sequence[str], str | None]":
        """Return users with a tag, in the order of their ids, and after whom to go on; None when there are no more."""


class BroadcastQueue(Protocol):
    """What wakes the fan-out."""

    def send(self, step: "Mapping[str, Any]", wait: timedelta) -> None:
        """Have the fan-out go on with a broadcast, after a wait."""


class Crowds(Protocol):
    """How much is under way on the channels."""

    def waiting(self, channel: "Channel") -> int:
        """Return about how many deliveries are in the channel's queue: waiting, being sent, or put off."""


class Outcomes(Protocol):
    """What became of the pages of a broadcast."""

    def of(self, notification_ids: "Sequence[str]") -> "Sequence[Mapping[Status, int]]":
        """Return for each how many of its deliveries are in each status."""


class KnownWebhooks(Protocol):
    """The webhooks of apps, to whoever tells them."""

    def find(self, app_key: str) -> "Webhook | None":
        """Return the app's webhook, if it has one."""

    def note(self, before: "Webhook", after: "Webhook") -> None:
        """Write how an endpoint does, unless somebody else has written since `before`."""


class Webhooks(KnownWebhooks, Protocol):
    """The webhooks of apps, to the apps."""

    def put(self, app_key: str, url: str, statuses: "frozenset[Status]") -> "Webhook":
        """Set it, with a version that it never had, as one that neither fails nor is suspended."""

    def end(self, app_key: str) -> None:
        """End it, if there is one."""


class WebhookKeys(Protocol):
    """What messages to apps are signed with."""

    def key(self, app_key: str, version: int) -> bytes:
        """Return the key, 32 bytes: the same each time, and another for each app and version."""


class Outbox(Protocol):
    """The queue of what apps are to be told."""

    def put(self, messages: "Sequence[StatusChanged]") -> "Sequence[str]":
        """Send these; return the ids of those that the queue did not take. Never raises."""


class StatusEndpoint(Protocol):
    """The endpoints of apps."""

    def post(self, webhook: "Webhook", message: "StatusChanged") -> None:
        """Tell an app. Raises `ProviderError`: `RecipientRefusedError` when it is not to be called again."""
