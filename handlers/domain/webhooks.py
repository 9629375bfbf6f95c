"""Webhooks of apps: where an app is told of what becomes of its deliveries, and what it is told.

The requests are those of Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

A message may come more than once, always with the same id, and not always in order: `sequence` says which of two
messages of one delivery is the later one. It names nobody: ids, status, reason and times are all that it has.
"""

import uuid
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from handlers.domain.channels import Channel
from handlers.domain.model import Model, compact, is_absent
from handlers.domain.notifications.deliveries import Reason
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.changes import Change
from handlers.domain.times import Instant
from handlers.domain.urls import UrlError, https_url, may_be_public

TYPE: Final = "delivery.status_changed"

SUSPENDED_AFTER: Final = timedelta(days=1)
"""For so long an endpoint may fail without a success in between."""

LONGEST_WAIT: Final = timedelta(hours=1)
"""Between two tries of one message. An endpoint that is out for a day is so tried about thirty times."""

_LONGEST_URL: Final = 2048


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where an app is told. `version` names its signing key, and grows with each PUT: no key is used again.

    Without `statuses` it is told of every one.
    """

    app_key: str
    url: str
    statuses: frozenset[Status]
    version: int
    failing_since: datetime | None = None
    suspended_since: datetime | None = None

    def wants(self, status: Status) -> bool:
        """Say whether the app is to be told of this status now."""
        return self.suspended_since is None and (not self.statuses or status in self.statuses)

    def after_failure(self, now: datetime, *, for_good: bool = False) -> "Webhook":
        """Return it as it is after a call that failed: suspended when it has failed for a day, or `for_good`."""
        since = self.failing_since or now
        is_over = for_good or now - since >= SUSPENDED_AFTER
        return replace(self, failing_since=since, suspended_since=now if is_over else self.suspended_since)

    def after_success(self) -> "Webhook":
        """Return it as it is after a call that was answered well."""
        return replace(self, failing_since=None)


class StatusChanged(Model):
    """One move of one delivery, as it waits in the queue."""

    event_id: str
    app_key: str
    notification_id: str
    delivery_id: str
    channel: Channel
    status: Status
    reason: Reason | None = Field(default=None, exclude_if=is_absent)
    at: Instant
    sequence: str

    @classmethod
    def of(cls, change: Change) -> "StatusChanged | None":
        """Return what is to be told of a change; None when the status is as before, or the delivery was erased."""
        now = change.after
        if now is None or not change.is_move:
            return None
        step = next((each for each in reversed(change.steps) if each.status is now.status), now.timeline[-1])
        return cls(
            event_id=event_id(now.delivery_id, change.sequence),
            app_key=now.app_key,
            notification_id=now.notification_id,
            delivery_id=now.delivery_id,
            channel=now.channel,
            status=now.status,
            reason=now.reason,
            at=step.at,
            sequence=change.sequence,
        )

    def body(self) -> str:
        """Return the body of the request: the same each time, so that a repetition is known as one."""
        data: dict[str, Any] = self.model_dump(mode="json", exclude={"event_id", "app_key", "at"})
        at = self.model_dump(mode="json", include={"at"})["at"]
        return compact({"type": TYPE, "timestamp": at, "data": data})


def event_id(delivery_id: str, sequence: str) -> str:
    """Return the id of a change: the same however often the stream, or the queue, brings it."""
    return str(uuid.uuid5(uuid.UUID(delivery_id), sequence))


def signing_secret(key: bytes) -> str:
    """Return a key as Standard Webhooks writes it."""
    return f"whsec_{b64encode(key).decode()}"


def _url(value: str) -> str:
    try:
        url = https_url(value)
    except UrlError as error:
        raise PydanticCustomError("url", "must {what}", {"what": str(error)}) from None
    if not may_be_public(url.host or ""):
        raise PydanticCustomError("url", "must be at a host of the public internet")
    return str(url)


def _once(values: Collection[Status]) -> Collection[Status]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("twice", "must name each status once")
    return values


class WebhookRequest(Model):
    """What a PUT says, which may be just what a GET answered. Without `statuses` the app is told of every one."""

    url: Annotated[str, Field(min_length=1, max_length=_LONGEST_URL), AfterValidator(_url)]
    statuses: Annotated[list[Status], Field(min_length=1), AfterValidator(_once)] | None = None
    failing_since: Instant | None = Field(default=None, description="Read-only: as it is now, if it is there")
    suspended_since: Instant | None = Field(default=None, description="Read-only: as it is now, if it is there")


class WebhookShown(Model):
    """What a GET answers: never the secret."""

    url: str
    statuses: tuple[Status, ...]
    failing_since: Instant | None = Field(default=None, exclude_if=is_absent)
    suspended_since: Instant | None = Field(default=None, exclude_if=is_absent)

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookShown":
        """Return what is shown of a webhook: all statuses by name, when it asked for no special ones."""
        wanted = tuple(each for each in Status if not webhook.statuses or each in webhook.statuses)
        return cls(
            url=webhook.url,
            statuses=wanted,
            failing_since=webhook.failing_since,
            suspended_since=webhook.suspended_since,
        )


class WebhookMade(WebhookShown):
    """What a PUT answers: the one time that the secret is shown."""

    secret: str
