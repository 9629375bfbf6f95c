"""The ports in memory. They keep the same promises as the adapters: `log_contract` is run against both."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from handlers.domain.channels import Channel
from handlers.domain.content.links import Link, Links
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import Content
from handlers.domain.content.templates import StoredTemplate, TemplateGoneError
from handlers.domain.notifications.claims import Claimed, Found, Refusal, lease_end, refusal
from handlers.domain.notifications.deliveries import (
    Attempt,
    Conclusion,
    Delivery,
    Observed,
    Outcome,
    Reason,
    Step,
    dropped,
    with_fates,
)
from handlers.domain.notifications.due import DueDelivery, after_failure, first_due
from handlers.domain.notifications.due import shard as due_shard
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.statuses import UNSENT, Status, may_move
from handlers.domain.people.choices import Choices, Holder, Speaker
from handlers.domain.people.locales import fallbacks
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Reach
from handlers.domain.people.settings import Offer, UserSettings
from handlers.domain.providers.routing import CLOSED, Circuit, Signal, Switches, moved


@dataclass
class Clock:
    """A time that passes when told to."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@dataclass(frozen=True)
class _Record:
    delivery: Delivery
    lease_until: datetime | None = None
    due_at: datetime | None = None


@dataclass
class MemoryLog:
    """NotificationLog, DeliveryLog, Observations and DueIndex over the same records, as in the table."""

    notifications: dict[str, Notification] = field(default_factory=dict)
    records: dict[tuple[str, str], _Record] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    # -- NotificationLog -----------------------------------------------------------------------------------------------

    def accept(self, notification: Notification, deliveries: Sequence[Delivery]) -> bool:
        with self._lock:
            if notification.notification_id in self.notifications:
                return False
            self.notifications[notification.notification_id] = notification
            for each in deliveries:
                due_at = first_due(each.created_at, each.send_at, each.expires_at) if each.status in UNSENT else None
                self.records.setdefault((each.notification_id, each.delivery_id), _Record(each, due_at=due_at))
            return True

    def find(self, notification_id: str) -> tuple[Notification, tuple[Delivery, ...]] | None:
        if notification_id not in self.notifications:
            return None
        deliveries = (_as_read(r.delivery) for (owner, _), r in self.records.items() if owner == notification_id)
        ordered = sorted(deliveries, key=lambda each: each.position)
        return self.notifications[notification_id], tuple(ordered)

    def cancel(self, delivery: Delivery, now: datetime) -> Delivery:
        self.close(delivery.event(), Status.CANCELED, Reason.CANCELED, now)
        return _as_read(self.records[delivery.notification_id, delivery.delivery_id].delivery)

    # -- DeliveryLog ---------------------------------------------------------------------------------------------------

    def claim(
        self,
        event: DeliveryRequested,
        *,
        provider: str | None,
        lease_until: datetime,
        now: datetime,
        address: str | None = None,
    ) -> Claimed | Refusal:
        with self._lock:
            record = self.records.get((event.notification_id, event.delivery_id))
            if record is None or not _is_free(record, event, now) or _is_expired(record, now):
                return _refusal(record, event, now)
            before = record.delivery
            moved = () if before.status is Status.PENDING else (Step(status=Status.PENDING, at=now),)
            claimed = before.model_copy(
                update={
                    "status": Status.PENDING,
                    "reason": None,
                    "attempts": before.attempts if provider is None else _with_attempt(before, provider, now),
                    "timeline": (*before.timeline, *moved),
                    "endpoint": address or before.endpoint,
                }
            )
            self._keep(replace(record, delivery=claimed, lease_until=lease_end(lease_until)))
            return Claimed(_as_read(claimed))

    def begin(
        self, delivery: Delivery, *, provider: str, now: datetime, after: Conclusion | None = None
    ) -> Delivery | None:
        with self._lock:
            record = self.records[delivery.notification_id, delivery.delivery_id]
            if not _is_untouched(record, delivery):
                return None
            told = record.delivery
            if after is not None:
                last = told.attempts[-1].model_copy(update=_told(after))
                told = told.model_copy(update={"attempts": (*told.attempts[:-1], last)})
            begun = _with_attempt(told, provider, now)
            self._keep(replace(record, delivery=told.model_copy(update={"attempts": begun})))
            return _as_read(self.records[delivery.notification_id, delivery.delivery_id].delivery)

    def release(self, delivery: Delivery, now: datetime) -> None:
        with self._lock:
            record = self.records[delivery.notification_id, delivery.delivery_id]
            if _is_untouched(record, delivery):
                self._keep(replace(record, lease_until=None, due_at=after_failure(delivery.republished, now)))

    def conclude(self, delivery: Delivery, conclusion: Conclusion) -> None:
        with self._lock:
            record = self.records[delivery.notification_id, delivery.delivery_id]
            mine = delivery.attempts_begun
            untold = {a.attempt: a for a in record.delivery.attempts if a.outcome is Outcome.STARTED}
            if mine not in untold:
                return
            told = untold[mine].model_copy(update=_told(conclusion))
            update: dict[str, object] = {
                "attempts": tuple(told if each.attempt == mine else each for each in record.delivery.attempts)
            }
            if conclusion.status is not None and record.delivery.status is Status.PENDING:
                step = Step(status=conclusion.status, at=conclusion.at, reason=conclusion.reason)
                update |= {
                    "status": conclusion.status,
                    "reason": conclusion.reason,
                    "provider": told.provider,
                    "provider_message_id": conclusion.provider_message_id,
                    "timeline": (*record.delivery.timeline, step),
                }
                record = replace(record, lease_until=None, due_at=None)
            elif conclusion.status is None and _is_untouched(record, delivery):
                due_at = after_failure(delivery.republished, conclusion.at)
                record = replace(record, lease_until=None, due_at=due_at)
            self._keep(replace(record, delivery=record.delivery.model_copy(update=update)))

    def defer(self, event: DeliveryRequested, until: datetime, now: datetime) -> Refusal | None:
        with self._lock:
            record = self.records.get((event.notification_id, event.delivery_id))
            if record is None or not _is_free(record, event, now) or _is_expired(record, now):
                return _refusal(record, event, now)
            deferred = record.delivery.model_copy(
                update={"send_at": until, "reason": Reason.QUIET_HOURS, "republished": 0}
            )
            due_at = min(until, record.delivery.expires_at or until)
            self._keep(replace(record, delivery=deferred, due_at=due_at))
            return None

    def close(self, event: DeliveryRequested, status: Status, reason: Reason, now: datetime) -> Refusal | None:
        with self._lock:
            record = self.records.get((event.notification_id, event.delivery_id))
            is_due = reason is not Reason.EXPIRED or (record is not None and _is_expired(record, now))
            if record is None or not _is_free(record, event, now) or not is_due:
                return _refusal(record, event, now)
            timeline = (*record.delivery.timeline, Step(status=status, at=now, reason=reason))
            closed = record.delivery.model_copy(update={"status": status, "reason": reason, "timeline": timeline})
            self._keep(replace(record, delivery=closed, lease_until=None, due_at=None))
            return None

    # -- Observations --------------------------------------------------------------------------------------------------

    def look(self, link: Link) -> Delivery | None:
        record = self.records.get((link.notification_id, link.delivery_id))
        return None if record is None else _as_read(record.delivery)

    def observe(self, link: Link, status: Status, now: datetime) -> Observed | None:
        with self._lock:
            record = self.records.get((link.notification_id, link.delivery_id))
            if record is None:
                return None
            if not may_move(record.delivery.status, status):
                return Observed(_as_read(record.delivery), is_news=False)
            timeline = (*record.delivery.timeline, Step(status=status, at=now))
            moved_on = record.delivery.model_copy(update={"status": status, "timeline": timeline})
            self._keep(replace(record, delivery=moved_on, lease_until=None, due_at=None))
            return Observed(_as_read(moved_on), is_news=True)

    # -- DueIndex ------------------------------------------------------------------------------------------------------

    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        found = sorted(
            (
                DueDelivery(record.delivery.event(), record.due_at, record.delivery.republished)
                for record in self.records.values()
                if record.due_at is not None
                and record.due_at <= now
                and due_shard(record.delivery.delivery_id) == shard
            ),
            key=lambda each: each.due_at,
        )
        yield found

    def set_apart(self) -> int:
        return 0

    def postpone(self, delivery: DueDelivery, until: datetime) -> None:
        with self._lock:
            record = self.records[delivery.event.notification_id, delivery.event.delivery_id]
            if record.due_at is None:
                return
            count = max(record.delivery.republished, delivery.republished + 1)
            if record.due_at == delivery.due_at:
                count, record = delivery.republished + 1, replace(record, due_at=until)
            self._keep(replace(record, delivery=record.delivery.model_copy(update={"republished": count})))

    def _keep(self, record: _Record) -> None:
        self.records[record.delivery.notification_id, record.delivery.delivery_id] = record


def _with_attempt(delivery: Delivery, provider: str, now: datetime) -> tuple[Attempt, ...]:
    begun = Attempt(attempt=delivery.attempts_begun + 1, at=now, provider=provider, outcome=Outcome.STARTED)
    return (*(each for each in delivery.attempts if each.attempt != dropped(begun.attempt)), begun)


def _told(conclusion: Conclusion) -> dict[str, object]:
    return {"outcome": conclusion.outcome, "error": conclusion.error, "segments": conclusion.segments}


def _is_untouched(record: _Record, delivery: Delivery) -> bool:
    return record.delivery.status is Status.PENDING and record.delivery.attempts_begun == delivery.attempts_begun


def _as_read(delivery: Delivery) -> Delivery:
    return delivery.model_copy(update={"attempts": with_fates(delivery.attempts)})


def _refusal(record: _Record | None, event: DeliveryRequested, now: datetime) -> Refusal:
    return refusal(None if record is None else _found(record), event.event_id, now)


def _found(record: _Record) -> Found:
    delivery = record.delivery
    return Found(delivery.event_id, delivery.status, record.lease_until, delivery.expires_at)


def _is_free(record: _Record, event: DeliveryRequested, now: datetime) -> bool:
    return record.delivery.event_id == event.event_id and _found(record).is_free(now)


def _is_expired(record: _Record, now: datetime) -> bool:
    return _found(record).is_expired(now)


@dataclass
class MemoryPeople:
    """People, and the calls in which they are asked for."""

    known: dict[str, Person] = field(default_factory=dict)
    asked: list[AbstractSet[str]] = field(default_factory=list)

    def find(self, keys: AbstractSet[str]) -> Mapping[str, Person]:
        self.asked.append(keys)
        return {key: self.known.get(key, Person()) for key in keys}


@dataclass
class MemoryRecipients:
    """Recipients: all that are known, whoever is asked for."""

    known: dict[str, Person] = field(default_factory=dict)

    def find(self, events: Collection[DeliveryRequested]) -> Mapping[str, Person]:
        return self.known


@dataclass
class MemoryChoices:
    """SettingsStore: what was said of users and addresses, by key; and where users are reached."""

    kept: dict[str, UserSettings] = field(default_factory=dict)
    reach: dict[str, Reach] = field(default_factory=dict)

    def get(self, who: Speaker, /) -> Choices:
        keys = self._holder(who).keys
        records = {channel: self.kept.get(key, UserSettings()) for channel, key in keys.items()}
        own = records.pop(None, None)
        return Choices(
            own or UserSettings(), {str(channel): each for channel, each in records.items()}, own is not None
        )

    def change(self, who: Speaker, change: Callable[[Choices], Choices]) -> Choices:
        changed = change(self.get(who))
        for channel, key in self._holder(who).keys.items():
            self.kept[key] = changed.own if channel is None else changed.addresses[channel]
        return changed

    def put(self, user_id: str, chosen: UserSettings, offer: Offer) -> tuple[Choices, bool]:
        created = user_id not in self.kept
        return self.change(Speaker(user_id), lambda now: now.replaced(chosen, offer)), created

    def carry(self, user_id: str, contact: Mapping[str, Any]) -> None:
        self.reach[user_id] = Reach.of_contact(contact)
        self.change(Speaker(user_id), Choices.carried)

    def _holder(self, who: Speaker) -> Holder:
        return who.holder(self.reach.get(who.user_id or ""))


LINKS = Links("https://api.example.com", lambda: b"the key of all tests")


@dataclass
class MemoryBus:
    """EventPublisher; while `up` is false it takes nothing."""

    up: bool = True
    taken: list[DeliveryRequested] = field(default_factory=list)

    def publish(self, events: Sequence[DeliveryRequested], until: datetime) -> Collection[DeliveryRequested]:
        if not self.up:
            return list(events)
        self.taken += events
        return []


@dataclass
class MemoryScheduler:
    """Scheduler, of which the first schedule of a notification stays; while `up` is false it makes none."""

    up: bool = True
    made: dict[str, tuple[datetime, tuple[DeliveryRequested, ...]]] = field(default_factory=dict)

    def schedule(
        self, notification_id: str, events: Sequence[DeliveryRequested], send_at: datetime, until: datetime
    ) -> int:
        if not self.up:
            return len(events)
        self.made.setdefault(notification_id, (send_at, tuple(events)))
        return 0


@dataclass
class MemoryTemplates:
    """TemplateStore, by name, channel and locale."""

    stored: dict[tuple[str, Channel, str], Content] = field(default_factory=dict)

    def resolve(self, name: str, channel: Channel, locale: str | None) -> StoredTemplate | None:
        for candidate in fallbacks(locale):
            if (name, channel, candidate) in self.stored:
                key = f"{name}/{channel}/{candidate}"
                return StoredTemplate(name, channel, candidate, key, "v1", self.stored[name, channel, candidate])
        return None

    def load(self, key: str, version_id: str, /) -> Content:
        name, channel, locale = key.split("/")
        found = [content for where, content in self.stored.items() if where == (name, channel, locale)]
        if version_id != "v1" or not found:
            raise TemplateGoneError
        return found[0]


@dataclass
class MemoryProvider:
    """Provider that keeps what it sent, or raises what it is told to, before or after sending."""

    name: str = "memory"
    platforms: frozenset[str] | None = None
    sent: list[Message] = field(default_factory=list)
    raises: Exception | None = None
    has_credentials: bool = True

    def available(self) -> bool:
        return self.has_credentials

    def send(self, message: Message) -> str:
        if self.raises is not None:
            raise self.raises
        self.sent.append(message)
        return f"id-{len(self.sent)}"


@dataclass
class MemoryProviderState:
    """ProviderState, shared at once by all who hold it."""

    now_off: set[str] = field(default_factory=set)
    order: tuple[str, ...] = ()
    circuits: dict[str, Circuit] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def switches(self) -> Switches:
        return Switches(self.order, frozenset(self.now_off))

    def circuit(self, provider: str) -> Circuit:
        return self.circuits.get(provider, CLOSED)

    def signal(self, provider: str, signal: Signal, now: datetime) -> bool:
        with self._lock:
            before = self.circuit(provider)
            self.circuits[provider] = moved(before, signal, now)
            return self.circuits[provider] != before


@dataclass
class MemoryDevices:
    """Devices, of which it keeps those it was told to forget."""

    forgotten: list[tuple[str, str, str]] = field(default_factory=list)
    raises: Exception | None = None

    def forget(self, user_id: str, platform: str, token: str) -> None:
        if self.raises is not None:
            raise self.raises
        self.forgotten.append((user_id, platform, token))


@dataclass
class MemoryQueue:
    """Queue, which keeps what it was told in each call."""

    told: list[dict[str, timedelta]] = field(default_factory=list)

    def bring_back(self, messages: Mapping[str, timedelta]) -> None:
        self.told.append(dict(messages))
