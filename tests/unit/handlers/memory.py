"""The ports in memory. They keep the same promises as the adapters: `log_contract` is run against both."""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from handlers.domain.alerts import COUNTED, Alert, Cause, Notice, Tally, Watched, counted, outage
from handlers.domain.channels import Channel
from handlers.domain.content.links import Link, Links
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import Content
from handlers.domain.content.templates import StoredTemplate, TemplateGoneError
from handlers.domain.notifications.claims import Claimed, Found, Refusal, Undecided, lease_end, refusal
from handlers.domain.notifications.deliveries import (
    Attempt,
    Conclusion,
    Delivery,
    Observed,
    Outcome,
    Reason,
    Redriven,
    Step,
    dropped,
    unknowns,
    with_fates,
)
from handlers.domain.notifications.digests import DigestLease
from handlers.domain.notifications.due import AFTER_FAILURE, REDRIVEN, DueDelivery, after_failure, first_due
from handlers.domain.notifications.due import shard as due_shard
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.known import Languages, ToPlan, ToSend
from handlers.domain.notifications.limits import (
    REMEMBERED,
    Addressee,
    Limit,
    Taken,
    after,
    earliest,
    millis,
    moment,
    of_category,
)
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.receipts import Change
from handlers.domain.notifications.redrives import Redrive, Waiting
from handlers.domain.notifications.statuses import UNSENT, Status, may_move
from handlers.domain.people.choices import Choices, Holder, Speaker
from handlers.domain.people.locales import fallbacks
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Reach
from handlers.domain.people.same_address import address_key
from handlers.domain.people.settings import Offer, UserSettings
from handlers.domain.people.suppressions import Suppression
from handlers.domain.providers.registry import of_channel
from handlers.domain.providers.routing import CLOSED, Circuit, Signal, Switches, moved, recovery
from handlers.domain.times import rfc3339


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
    redrives: tuple[Redrive, ...] = ()
    is_redriven: bool = False

    @property
    def shard(self) -> str:
        if self.is_redriven:
            return REDRIVEN[self.delivery.channel]
        named = self.delivery.digest_id or self.delivery.delivery_id
        return due_shard(self.delivery.channel, named, is_urgent=self.delivery.is_urgent)


@dataclass
class MemoryLog:
    """NotificationLog, DeliveryLog, Observations, RedriveLog and DueIndex over the same records, as in the table."""

    notifications: dict[str, Notification] = field(default_factory=dict)
    records: dict[tuple[str, str], _Record] = field(default_factory=dict)
    payloads: dict[str, Payload] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    # -- NotificationLog -----------------------------------------------------------------------------------------------

    def accept(self, notification: Notification, deliveries: Sequence[Delivery], payload: Payload) -> bool:
        with self._lock:
            if notification.notification_id in self.notifications:
                return False
            self.notifications[notification.notification_id] = notification
            if any(each.status in UNSENT for each in deliveries):
                self.payloads[notification.notification_id] = payload
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
        unknown_retries: int,
        address: str | None = None,
    ) -> Claimed | Undecided | Refusal:
        with self._lock:
            record = self.records.get((event.notification_id, event.delivery_id))
            if record is None or not _is_free(record, event, now):
                return _refusal(record, event, now)
            before = record.delivery
            if _as_read(before).doubts > unknown_retries:
                return Undecided(_as_read(before))
            if _is_expired(record, now):
                return _refusal(record, event, now)
            provider = None if unknowns(before.attempts) else provider
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
            payload = self.payloads[event.notification_id] if event.is_only else None
            return Claimed(_as_read(claimed), begun=provider is not None, payload=payload)

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
                due_at = conclusion.held_until or after_failure(delivery.republished, conclusion.at)
                if conclusion.held_until is not None:
                    update["reason"] = conclusion.reason
                record = replace(record, lease_until=None, due_at=due_at)
            self._keep(replace(record, delivery=record.delivery.model_copy(update=update)))

    def hold(self, delivery: Delivery, until: datetime, now: datetime) -> None:
        with self._lock:
            record = self.records[delivery.notification_id, delivery.delivery_id]
            if _is_untouched(record, delivery) and _found(record).is_lapsed(now):
                held = record.delivery.model_copy(update={"reason": Reason.OUTCOME_UNKNOWN})
                self._keep(replace(record, delivery=held, lease_until=None, due_at=until))

    def defer(
        self, event: DeliveryRequested, until: datetime, now: datetime, reason: Reason = Reason.QUIET_HOURS
    ) -> Refusal | None:
        with self._lock:
            record = self.records.get((event.notification_id, event.delivery_id))
            if record is None or not _is_free(record, event, now) or _is_expired(record, now):
                return _refusal(record, event, now)
            slot = until if reason is Reason.RATE_LIMITED else None
            deferred = record.delivery.model_copy(
                update={"send_at": until, "reason": reason, "slot": slot, "republished": 0}
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

    def apply(self, delivery: Delivery, change: Change) -> bool:
        with self._lock:
            record = self.records[delivery.notification_id, delivery.delivery_id]
            kept = record.delivery
            if (kept.status, len(kept.timeline)) != (delivery.status, len(delivery.timeline)):
                return False
            changed = replace(record, delivery=change.of(kept))
            self._keep(changed if change.status is None else replace(changed, lease_until=None, due_at=None))
            return True

    def observe(self, link: Link, status: Status, now: datetime, app_key: str | None = None) -> Observed | None:
        with self._lock:
            record = self.records.get((link.notification_id, link.delivery_id))
            if record is None or app_key not in (None, record.delivery.app_key):
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
                if record.due_at is not None and record.due_at <= now and record.shard == shard
            ),
            key=lambda each: each.due_at,
        )
        yield found

    def redriven(self, channel: Channel, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        yield from self.due(REDRIVEN[channel], datetime.max.replace(tzinfo=now.tzinfo))

    def unsent(self, channel: Channel, now: datetime) -> int:
        soon = now + AFTER_FAILURE
        return sum(
            record.due_at is not None and (record.is_redriven or record.due_at <= soon)
            for record in self.records.values()
            if record.delivery.channel == channel
        )

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
            counted = record.delivery.model_copy(update={"republished": count})
            self._keep(replace(record, delivery=counted, is_redriven=False))

    # -- RedriveLog ----------------------------------------------------------------------------------------------------

    def waiting(self, event: DeliveryRequested) -> Waiting | None:
        record = self.records.get((event.notification_id, event.delivery_id))
        if record is None:
            return None
        delivery = record.delivery
        last = delivery.attempts[-1] if delivery.attempts else None
        return Waiting(
            found=_found(record),
            due_at=record.due_at,
            send_at=delivery.send_at,
            reason=delivery.reason,
            attempts_begun=delivery.attempts_begun,
            outcome=last.outcome if last else None,
            error=last.error if last else None,
            redrives=record.redrives,
        )

    def wait(self, event: DeliveryRequested, seen: Waiting, redrive: Redrive, *, is_new: bool) -> bool:
        with self._lock:
            if self.waiting(event) != seen:
                return False
            record = self.records[event.notification_id, event.delivery_id]
            due_at = min(redrive.due_at, record.delivery.expires_at or redrive.due_at)
            redrives = (*record.redrives, redrive) if is_new else record.redrives
            told = tuple(Redriven(round=r.round, reason=r.reason, at=r.at, due_at=r.due_at) for r in redrives)
            noted = record.delivery.model_copy(update={"redrives": told})
            self._keep(replace(record, delivery=noted, due_at=due_at, is_redriven=True, redrives=redrives))
            return True

    def give_up(self, event: DeliveryRequested, seen: Waiting, reason: Reason, now: datetime) -> bool:
        if self.waiting(event) != seen:
            return False
        return self.close(event, Status.ERROR, reason, now) is None

    def _keep(self, record: _Record) -> None:
        self.records[record.delivery.notification_id, record.delivery.delivery_id] = record


def _with_attempt(delivery: Delivery, provider: str, now: datetime) -> tuple[Attempt, ...]:
    begun = Attempt(attempt=delivery.attempts_begun + 1, at=now, provider=provider, outcome=Outcome.STARTED)
    oldest = dropped(with_fates(delivery.attempts), begun.attempt)
    return (*(each for each in delivery.attempts if each.attempt != oldest), begun)


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
class MemoryDigests:
    """Digests of what is in the log in memory."""

    log: MemoryLog
    held: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    told: dict[str, dict[str, Conclusion]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    """Deliveries that an index, always a little late, does not have yet."""

    def entries(self, digest_id: str) -> Sequence[DeliveryRequested]:
        return [
            each.delivery.event()
            for each in self.log.records.values()
            if each.delivery.digest_id == digest_id
            and each.delivery.status in UNSENT
            and each.delivery.delivery_id not in self.unseen
        ]

    def take(self, digest_id: str, lease_until: datetime, now: datetime) -> DigestLease | None:
        _, until = self.held.get(digest_id, ("", now))
        if until > now:
            return None
        holder = str(uuid.uuid4())
        self.held[digest_id] = holder, lease_end(lease_until)
        return DigestLease(holder, dict(self.told.get(digest_id, {})))

    def tell(self, digest_id: str, taken: DigestLease, begun_at: datetime, conclusion: Conclusion) -> None:
        self.told.setdefault(digest_id, {})[rfc3339(begun_at)] = conclusion
        self.leave(digest_id, taken)

    def leave(self, digest_id: str, taken: DigestLease) -> None:
        if self.held.get(digest_id, ("",))[0] == taken.holder:
            del self.held[digest_id]


@dataclass
class MemoryPeople:
    """People, and the calls in which they are asked for. Of some the last choice is not seen yet: they are `stale`."""

    known: dict[str, Person] = field(default_factory=dict)
    stale: dict[str, Person] = field(default_factory=dict)
    languages: dict[str, Languages] = field(default_factory=dict)
    asked: list[AbstractSet[str]] = field(default_factory=list)

    def find(self, keys: AbstractSet[str], folders: Collection[str] = (), *, certain: bool = False) -> ToPlan:
        self.asked.append(keys)
        seen = self.known if certain else {**self.known, **self.stale}
        languages = {folder: self.languages[folder] for folder in folders if folder in self.languages}
        return ToPlan({key: seen.get(key, Person()) for key in keys}, languages)


@dataclass
class MemoryRecipients:
    """Recipients: all that are known, whoever is asked for."""

    known: dict[str, Person] = field(default_factory=dict)
    payloads: dict[str, Payload] = field(default_factory=dict)

    def find(self, events: Collection[DeliveryRequested]) -> ToSend:
        return ToSend(self.known, self.payloads)


@dataclass
class MemoryChoices:
    """SettingsStore and TimeZones: what was said of users and addresses, by key; where users are reached, and by which
    clock they live.
    """

    kept: dict[str, UserSettings] = field(default_factory=dict)
    reach: dict[str, Reach] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)

    def get(self, who: Speaker, /) -> Choices:
        keys = self._holder(who).keys
        records = {channel: self.kept.get(key, UserSettings()) for channel, key in keys.items()}
        own = records.pop(None, None)
        return Choices(
            own or UserSettings(),
            {str(channel): each for channel, each in records.items()},
            own is not None,
            self.reach.get(who.user_id or "") if own is not None else None,
            self.zones.get(who.user_id or "") if own is not None else None,
        )

    def change(self, who: Speaker, change: Callable[[Choices], Choices]) -> Choices:
        changed = change(self.get(who))
        for channel, key in self._holder(who).keys.items():
            self.kept[key] = changed.own if channel is None else changed.addresses[channel]
        return changed

    def keep(self, user_id: str, timezone: str) -> bool:
        if user_id in self.reach:
            self.zones[user_id] = timezone
        return user_id in self.reach

    def put(self, user_id: str, chosen: UserSettings, offer: Offer) -> tuple[Choices, bool]:
        created = user_id not in self.kept
        return self.change(Speaker(user_id), lambda now: now.replaced(chosen, offer)), created

    def delete(self, user_id: str) -> None:
        self.kept.pop(user_id, None)

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
    """TemplateStore and TemplateVersions, by name, channel and locale; it tells the listings that it made."""

    stored: dict[tuple[str, Channel, str], Content] = field(default_factory=dict)
    listed: list[tuple[str, Channel]] = field(default_factory=list)

    def languages(self, name: str, channel: Channel) -> Languages:
        self.listed.append((name, channel))
        return {locale: "v1" for *where, locale in self.stored if where == [name, channel]}

    def resolve(self, name: str, channel: Channel, locale: str | None, languages: Languages) -> StoredTemplate | None:
        for candidate in fallbacks(locale):
            if candidate in languages:
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
    """ProviderState, shared at once by all who hold it; and Recoveries and Tallies of its channel."""

    now_off: set[str] = field(default_factory=set)
    order: tuple[str, ...] = ()
    circuits: dict[str, Circuit] = field(default_factory=dict)
    channel: Channel = "email"
    closed_at: datetime | None = None
    alerts: dict[Cause, Alert] = field(default_factory=dict)
    tallies: dict[Cause, Tally] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    # -- Recoveries ----------------------------------------------------------------------------------------------------

    def look(self, now: datetime) -> Mapping[Channel, Watched]:
        seen = outage([each.name for each in of_channel(self.channel)], self.switches(), self.circuits, now)
        troubles = {cause: counted(self.tallies.get(cause), now) for cause in COUNTED} | {Cause.OUTAGE: seen}
        return {
            self.channel: Watched(
                recovery(self.circuits, self.now_off, self.closed_at, now),
                {cause: trouble for cause, trouble in troubles.items() if trouble is not None},
                dict(self.alerts),
            )
        }

    def move(self, channel: Channel, cause: Cause, seen: Alert | None, alert: Alert | None) -> bool:
        with self._lock:
            if self.alerts.get(cause) != seen:
                return False
            self.alerts = {name: each for name, each in self.alerts.items() if name is not cause}
            if alert is not None:
                self.alerts[cause] = alert
            return True

    def over(self, channel: Channel, since: datetime) -> None:
        if self.closed_at == since:
            self.closed_at = None

    # -- Tallies -------------------------------------------------------------------------------------------------------

    def add(self, cause: Cause, times: int, why: str, now: datetime) -> None:
        before = self.tallies.get(cause)
        self.tallies[cause] = Tally(times + (before.total if before else 0), now, why)

    # -- ProviderState -------------------------------------------------------------------------------------------------

    def switches(self) -> Switches:
        return Switches(self.order, frozenset(self.now_off))

    def circuit(self, provider: str) -> Circuit:
        return self.circuits.get(provider, CLOSED)

    def signal(self, provider: str, signal: Signal, now: datetime) -> bool:
        with self._lock:
            before = self.circuit(provider)
            self.circuits[provider] = moved(before, signal, now)
            if before.probe_at is not None and self.circuits[provider].probe_at is None:
                self.closed_at = now
            return self.circuits[provider] != before


@dataclass
class MemoryAlerts:
    """Alerts, which can be out."""

    told: list[Notice] = field(default_factory=list)
    up: bool = True

    def tell(self, notice: Notice) -> None:
        if not self.up:
            raise OSError("not told")
        self.told.append(notice)


@dataclass
class MemoryRecipientLimits:
    """RecipientLimits and LimitsOutlook: the same limits on every channel."""

    limits: dict[str, Limit] = field(default_factory=dict)
    taken: dict[Addressee, Taken] = field(default_factory=dict)
    slots_taken: dict[tuple[Addressee, str], datetime] = field(default_factory=dict)

    def slot(self, event: DeliveryRequested, now: datetime) -> datetime:
        to = Addressee(event.channel, event.user_id or event.address_key or "")
        known = self.slots_taken.get((to, event.message_id))
        if known is not None and known >= now - REMEMBERED:
            return known
        limits, taken = of_category(self.limits, event.category), self.taken.get(to, {})
        slot = earliest(limits, taken, millis(now))
        self.taken[to] = {**taken, **after(limits, taken, slot)}
        self.slots_taken[to, event.message_id] = moment(slot)
        return moment(slot)

    def slots(self, category: str, recipients: Collection[Addressee], now: datetime) -> Mapping[Addressee, datetime]:
        limits = of_category(self.limits, category)
        found = {each: moment(earliest(limits, self.taken.get(each, {}), millis(now))) for each in recipients}
        return {each: slot for each, slot in found.items() if slot > now}


@dataclass
class MemoryQuarantine:
    """Quarantine: what was parked, and why."""

    parked: list[tuple[str, str]] = field(default_factory=list)
    raises: Exception | None = None

    def park(self, message_id: str, body: str, attributes: Mapping[str, Any], why: str) -> None:
        if self.raises is not None:
            raise self.raises
        self.parked.append((body, why))


@dataclass
class MemoryDeadEndpoints:
    """DeadEndpoints, which keeps the deliveries whose endpoints were put aside, and who told so."""

    put: list[tuple[str | None, str | None, str]] = field(default_factory=list)
    raises: Exception | None = None

    def put_aside(self, delivery: Delivery, at: datetime) -> None:
        if self.raises is not None:
            raise self.raises
        self.put.append((delivery.user_id, delivery.endpoint, delivery.attempts[-1].provider))


@dataclass
class MemoryQueue:
    """Queue, which keeps what it was told in each call."""

    told: list[dict[str, timedelta]] = field(default_factory=list)

    def bring_back(self, messages: Mapping[str, timedelta]) -> None:
        self.told.append(dict(messages))


class MemorySuppressions:
    """Addresses that must not be tried, by their keys."""

    def __init__(self) -> None:
        self.kept: dict[str, Suppression] = {}

    def add(self, suppression: Suppression) -> tuple[Suppression, bool]:
        is_new = address_key(suppression.address) not in self.kept
        return self.kept.setdefault(address_key(suppression.address), suppression), is_new

    def lift(self, address: str) -> bool:
        return self.kept.pop(address_key(address), None) is not None
