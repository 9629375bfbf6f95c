"""Things the domain is about, each whole and valid, with the given fields instead of the usual ones."""

import uuid
from datetime import UTC, datetime
from typing import Any

from handlers.domain.callers import Caller
from handlers.domain.content.rendering import Content
from handlers.domain.notifications.deliveries import Delivery, Priority, Step
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.payload import Payload
from handlers.domain.notifications.requests import NotificationRequest
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.settings import DEFAULT_SETTINGS, Settings

NOW = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
CONTENT = {"subject": "Hi {{ name }}", "body": "<b>{{ name }}</b>"}
DEMO = Caller("demo", frozenset({"*"}), frozenset({"*"}))


def request(**fields: Any) -> NotificationRequest:
    body = {"category": "payment", "content": CONTENT, "data": {"name": "Ada"}, "to": [{"user_id": "ada"}], **fields}
    return NotificationRequest.model_validate({name: value for name, value in body.items() if value is not None})


def notification(notification_id: str | None = None, **fields: Any) -> Notification:
    usual = {
        "notification_id": notification_id or str(uuid.uuid4()),
        "app_key": "demo",
        "category": "payment",
        "priority": Priority.NORMAL,
        "created_at": NOW,
        "fingerprint": "f" * 64,
    }
    return Notification.model_validate(usual | fields)


def said(fields: dict[str, Any]) -> Payload:
    """Take from the fields of a delivery what its notification says."""
    return payload(**{name: fields.pop(name) for name in ("content", "data") if name in fields})


def payload(content: Any = CONTENT, data: Any = None) -> Payload:
    written = None if content is None else Content.model_validate(content)
    return Payload(written, {"name": "Ada", "amount": 12.5} if data is None else data)


def delivery(notification_id: str | None = None, **fields: Any) -> Delivery:
    """One of a notification's, or, if none is named, all of one."""
    status, own = fields.get("status", Status.CREATED), str(uuid.uuid4())
    usual = {
        "notification_id": notification_id or own,
        "delivery_id": own,
        "event_id": str(uuid.uuid4()),
        "position": 0,
        "app_key": "demo",
        "user_id": "ada",
        "category": "payment",
        "channel": "email",
        "endpoint": "ada@example.com",
        "status": status,
        "created_at": NOW,
        "timeline": (Step(status=status, at=NOW),),
    }
    return Delivery.model_validate(usual | fields)


def reached(given: Delivery, settings: Settings = DEFAULT_SETTINGS) -> dict[str, Person]:
    """What is known of the delivery's user, who is still where it is to go."""
    reach = Reach({str(given.channel): (Endpoint(given.endpoint or "", given.platform),)})
    return {} if given.user_id is None else {given.user_id: Person(reach, settings)}
