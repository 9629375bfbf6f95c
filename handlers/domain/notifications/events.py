"""The event of one delivery: what is put on the bus, and what a worker finds in its queue.

Besides ids it names only the user, and the address by its key (`domain.people.same_address`), so that a worker can
read what a whole batch's recipients want in one call, and the platform, so that its claim can name the provider; never
an address itself, never content. `event_id` is the key of
deduplication: it stays the same however often the event is published.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import from_json

from handlers.domain.channels import CHANNELS
from handlers.domain.people.same_address import ADDRESS_KEY_FORM

_SOURCE_SUFFIX: Final = "_request_event"
_DETAIL_TYPE_INFIX: Final = "_notification_"

HIGH: Final = "high"
"""The one priority that an event names: each channel has a queue of its own for these."""

_UUID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FORMS: Final = MappingProxyType(
    {
        name: re.compile(form)
        for name, form in (
            ("event_id", _UUID),
            ("notification_id", _UUID),
            ("delivery_id", _UUID),
            ("category", r"[a-z][a-z0-9_-]{0,62}"),
            ("channel", "|".join(CHANNELS)),
            ("app_key", r"[a-z0-9][a-z0-9-]{1,62}"),
            ("user_id", r"[ -~]{1,255}"),
            ("address_key", ADDRESS_KEY_FORM),
            ("platform", r"[a-z][a-z-]{0,31}"),
            ("digest_id", _UUID),
            ("priority", HIGH),
            ("slot", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
        )
    }
)
"""The form of each field, as the API takes and makes them. What is read for a whole batch is asked for by these."""


_OPTIONAL: Final = ("user_id", "address_key", "platform", "slot", "digest_id", "priority")


class NotAnEventError(ValueError):
    """A queue message that is not the event of a delivery. Says nothing of what it is instead."""


@dataclass(frozen=True, slots=True)
class DeliveryRequested:
    """One delivery is to be made."""

    event_id: str
    notification_id: str
    delivery_id: str
    category: str
    channel: str
    app_key: str
    user_id: str | None = None
    address_key: str | None = None
    """Of the mailbox or number; or of the url. The sweeper's events have none of a url, as its index does not."""
    platform: str | None = None
    """Of the device or chat channel. The sweeper's events have none, as its index does not: then the claim finds it."""
    slot: str | None = None
    """When it may go, if its recipient's limits have put it off: it is not to ask them again."""
    digest_id: str | None = None
    """Of the digest that it is an entry of: it asks for all that are in it."""
    priority: str | None = None
    """`high`, or none. By it the bus has a way of its own for what is urgent (docs/decisions/0013-lanes.md)."""

    @property
    def is_only(self) -> bool:
        """Say whether its delivery is all of its notification, and carries what that says."""
        return self.delivery_id == self.notification_id

    @property
    def message_id(self) -> str:
        """What is one message to its recipient, on however many devices: its digest, or its notification."""
        return self.digest_id or self.notification_id

    @property
    def source(self) -> str:
        """`payment_request_event`."""
        return f"{self.category}{_SOURCE_SUFFIX}"

    @property
    def detail_type(self) -> str:
        """`payment_notification_sms`; each channel's rule matches the suffix."""
        return f"{self.category}{_DETAIL_TYPE_INFIX}{self.channel}"

    def detail(self) -> str:
        """Return the detail as JSON: `event_id`, `notification_id`, `delivery_id`, and `user_id`, `address_key`,
        `platform`, `slot`, `digest_id`, `priority` as far as there are any.
        """
        detail = {"event_id": self.event_id, "notification_id": self.notification_id, "delivery_id": self.delivery_id}
        optional = {name: getattr(self, name) for name in _OPTIONAL}
        return json.dumps(detail | {name: value for name, value in optional.items() if value is not None})

    @classmethod
    def parse(cls, body: str) -> "DeliveryRequested":
        """Return the event that a queue message's body holds whole, as EventBridge puts it there.

        https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html. Raises `NotAnEventError`, also
        for what no event of ours could hold: endless nesting, lone surrogates, ids of another form or length.
        """
        try:
            event: Mapping[str, Any] = from_json(body, allow_inf_nan=False)
            category, _, channel = event["detail-type"].rpartition(_DETAIL_TYPE_INFIX)
            [app_key] = event["resources"]
            detail = event["detail"]
            ids = {name: detail[name] for name in ("event_id", "notification_id", "delivery_id")}
            optional = {name: detail.get(name) for name in _OPTIONAL}
        except (ValueError, TypeError, KeyError, AttributeError):
            raise NotAnEventError from None
        fields = {**ids, "category": category, "channel": channel, "app_key": app_key}
        return cls.of(fields | {name: value for name, value in optional.items() if value is not None})

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "DeliveryRequested":
        """Return the event with these fields; raise `NotAnEventError` if one is missing or is not of its form."""
        if fields.keys() | set(_OPTIONAL) != _FORMS.keys():
            raise NotAnEventError
        if not all(_has_its_form(name, value) for name, value in fields.items()):
            raise NotAnEventError
        return cls(**fields)


def _has_its_form(name: str, value: object) -> bool:
    return isinstance(value, str) and _FORMS[name].fullmatch(value) is not None
