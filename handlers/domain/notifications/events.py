"""The event of one delivery: what is put on the bus, and what a worker finds in its queue.

Besides ids it names only the user, and the address by its key (`domain.people.same_address`), so that a worker can
read what a whole batch's recipients want in one call; never an address itself, never content. `event_id` is the key of
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
        )
    }
)
"""The form of each field, as the API takes and makes them. What is read for a whole batch is asked for by these."""


_OPTIONAL: Final = frozenset({"user_id", "address_key"})


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

    @property
    def source(self) -> str:
        """`payment_request_event`."""
        return f"{self.category}{_SOURCE_SUFFIX}"

    @property
    def detail_type(self) -> str:
        """`payment_notification_sms`; each channel's rule matches the suffix."""
        return f"{self.category}{_DETAIL_TYPE_INFIX}{self.channel}"

    def detail(self) -> str:
        """Return the detail: JSON, `{"event_id", "notification_id", "delivery_id", "user_id"?, "address_key"?}`."""
        detail = {"event_id": self.event_id, "notification_id": self.notification_id, "delivery_id": self.delivery_id}
        recipient = {"user_id": self.user_id, "address_key": self.address_key}
        return json.dumps(detail | {name: value for name, value in recipient.items() if value is not None})

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
            user_id = detail.get("user_id")
            address_key = detail.get("address_key")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise NotAnEventError from None
        fields = {**ids, "category": category, "channel": channel, "app_key": app_key}
        recipient = {"user_id": user_id, "address_key": address_key}
        return cls.of(fields | {name: value for name, value in recipient.items() if value is not None})

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "DeliveryRequested":
        """Return the event with these fields; raise `NotAnEventError` if one is missing or is not of its form."""
        if fields.keys() | _OPTIONAL != _FORMS.keys():
            raise NotAnEventError
        if not all(_has_its_form(name, value) for name, value in fields.items()):
            raise NotAnEventError
        return cls(**fields)


def _has_its_form(name: str, value: object) -> bool:
    return isinstance(value, str) and _FORMS[name].fullmatch(value) is not None
