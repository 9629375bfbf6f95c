"""Deliveries as they are listed: as `GET /v1/notifications/{id}` has them, without their attempts and timelines."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Final

from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field

from handlers.domain.model import Model, is_absent
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.notification import AcceptedDelivery
from handlers.domain.notifications.statuses import Status
from handlers.domain.times import Instant

_OF_DELIVERY: Final = AcceptedDelivery.model_fields.keys() | {"provider", "notification_id", "category", "created_at"}


class StatedDelivery(AcceptedDelivery):
    """A delivery in the list of notifications."""

    provider: str | None = Field(default=None, exclude_if=is_absent)


class ListedDelivery(StatedDelivery):
    """A delivery in a list of its user's."""

    notification_id: str
    category: str
    template: str | None = Field(default=None, exclude_if=is_absent)
    created_at: Instant

    @classmethod
    def of(cls, delivery: Delivery) -> "ListedDelivery":
        """Return the delivery as it is listed."""
        fields = {name: getattr(delivery, name) for name in _OF_DELIVERY}
        return cls(**fields, template=None if delivery.template is None else delivery.template.name)


class Deliveries(Model):
    """A page of deliveries, newest first; with a `cursor` there may be more."""

    deliveries: tuple[ListedDelivery, ...]
    cursor: str | None = Field(default=None, exclude_if=is_absent)


class ListedNotification(Model):
    """A notification, and those of its deliveries that were asked for."""

    notification_id: str
    category: str
    template: str | None = Field(default=None, exclude_if=is_absent)
    created_at: Instant
    deliveries: tuple[StatedDelivery, ...]


class Notifications(Model):
    """A page of notifications, newest first; with a `cursor` there may be more.

    A notification of many deliveries may go on on the next page.
    """

    notifications: tuple[ListedNotification, ...]
    cursor: str | None = Field(default=None, exclude_if=is_absent)

    @classmethod
    def of(cls, page: Deliveries) -> "Notifications":
        """Return the notifications that a page of deliveries is of, in its order."""
        found = groupby(page.deliveries, key=lambda each: each.notification_id)
        return cls(notifications=tuple(_notification(list(some)) for _, some in found), cursor=page.cursor)


def _notification(deliveries: list[ListedDelivery]) -> ListedNotification:
    first, shown = deliveries[0], StatedDelivery.model_fields.keys()
    return ListedNotification(
        notification_id=first.notification_id,
        category=first.category,
        template=first.template,
        created_at=first.created_at,
        deliveries=tuple(StatedDelivery(**{name: getattr(each, name) for name in shown}) for each in deliveries),
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries are asked for."""

    category: str | None = None
    status: Status | None = None

    def takes(self, delivery: ListedDelivery) -> bool:
        """Say whether a delivery is one of these."""
        return self.category in (None, delivery.category) and self.status in (None, delivery.status)


def page(
    places: Iterable[tuple[str, ListedDelivery | None]], wanted: Filter, limit: int, most: int
) -> tuple[list[ListedDelivery], str | None]:
    """Return the next deliveries that are asked for, at most `limit`, and after which place the next page begins.

    No more than `most` are looked at: a page may have few, or none, though there are more.
    """
    found: list[ListedDelivery] = []
    for looked, (place, delivery) in enumerate(places, start=1):
        if delivery is not None and wanted.takes(delivery):
            found.append(delivery)
        if len(found) == limit or looked == most:
            return found, place
    return found, None


class InvalidCursorError(ValueError):
    """A cursor that we did not make, or made for another app, list or question."""


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes cursors, and takes them back of who asks the same question. `secret` returns the key, and may fail."""

    secret: Callable[[], bytes]

    def sealed(self, place: str, question: Mapping[str, str | None]) -> str:
        """Return the cursor that goes on after this place in the answer to a question."""
        return str(self._serializer(question).dumps(place))

    def opened(self, cursor: str, question: Mapping[str, str | None]) -> str:
        """Return the place of a cursor; raise `InvalidCursorError` unless it is ours, and of this question."""
        try:
            place: str = self._serializer(question).loads(cursor)
        except BadData:
            raise InvalidCursorError from None
        return place

    def _serializer(self, question: Mapping[str, str | None]) -> "URLSafeSerializer":
        asked = json.dumps({name: value for name, value in question.items() if value is not None}, sort_keys=True)
        return URLSafeSerializer(
            self.secret(),
            salt=f"carillon cursor {asked}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
        )
