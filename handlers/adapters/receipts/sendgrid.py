"""What SendGrid tells of mail: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event.

It posts many events at once, each with the custom arguments of its mail, in which our ids are. The whole body and the
time are signed with a key of the account's own (ECDSA, P-256, SHA-256):
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features.
Its public half is `webhook_public_key` in the secret `sendgrid`, as SendGrid's page shows it.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from handlers.adapters.aws.provider_credentials import Credentials
from handlers.adapters.receipts import ForgedError, Sent, Told, link_of
from handlers.domain.notifications.machines import Visit
from handlers.domain.notifications.outcomes import Event
from handlers.domain.notifications.receipts import Receipt

MAX_AGE: Final = timedelta(minutes=10)
"""Between SendGrid's signature and us, either way. Events are noted once, so what comes again by then is no harm."""

_SIGNATURE: Final = "x-twilio-email-event-webhook-signature"
_TIMESTAMP: Final = "x-twilio-email-event-webhook-timestamp"
_EVENTS: Final = {
    "processed": Event.ACCEPTED,
    "delivered": Event.DELIVERED,
    "deferred": Event.DELAYED,
    "bounce": Event.BOUNCED,
    "dropped": Event.REJECTED,
    "spamreport": Event.COMPLAINED,
    "unsubscribe": Event.UNSUBSCRIBED,
    "group_unsubscribe": Event.UNSUBSCRIBED,
    "open": Event.OPENED,
    "click": Event.CLICKED,
}
_BLOCKED: Final = "blocked"
"""The type of a bounce that says nothing of the address: the mail server would not take this mail, or not from us."""


class SendGridWebhook(Credentials):
    """Of the secret `sendgrid`, what its events are verified with; without it none are taken."""

    webhook_public_key: str


def read(sent: Sent, credentials: SendGridWebhook) -> Iterator[Told]:
    """Return what SendGrid says; raise `ForgedError` when it is not SendGrid that says it, or not lately."""
    timestamp = sent.headers.get(_TIMESTAMP, "")
    if not _is_recent(timestamp, sent.at):
        raise ForgedError
    _verify(credentials.webhook_public_key, sent.headers.get(_SIGNATURE, ""), (timestamp + sent.body).encode())
    events = json.loads(sent.body)
    return (told for event in events if isinstance(event, dict) and (told := _told(event, sent.at)) is not None)


def _told(said: Mapping[str, Any], at: datetime) -> Told | None:
    link, event = link_of(said), _EVENTS.get(str(said.get("event")))
    if link is None or event is None:
        return None
    if event is Event.BOUNCED and said.get("type") == _BLOCKED:
        event = Event.SOFT_BOUNCED
    visit = None
    if event in (Event.OPENED, Event.CLICKED):
        seconds = said.get("timestamp")
        seen_at = datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds < 1 << 33 else at
        agent = said.get("useragent")
        visit = Visit(str(agent) if agent else None, seen_at, provider_says_machine=said.get("sg_machine_open") is True)
    message_id = said.get("sg_message_id")
    return Told(link, Receipt(event, "sendgrid", message_id if isinstance(message_id, str) else None), visit)


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 10):  # until the year 2286
        return False
    return abs(now - datetime.fromtimestamp(int(timestamp), UTC)) <= MAX_AGE


def _verify(public_key: str, signature: str, signed: bytes) -> None:
    # Here, as it takes a while to import, and Twilio's and SES's need none of it.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
        if not isinstance(key, EllipticCurvePublicKey):
            raise ForgedError
        key.verify(base64.b64decode(signature, validate=True), signed, ECDSA(SHA256()))
    except (binascii.Error, InvalidSignature, ValueError):
        raise ForgedError from None
