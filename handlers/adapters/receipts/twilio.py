"""What Twilio tells of an SMS: https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks.

Each message is created with the url to tell it to (`StatusCallback`), in whose query are our ids, and where the API is.
Twilio signs that url with the form's fields (https://www.twilio.com/docs/usage/security#validating-requests). So that
the url can be made again here, whatever stands before the API, where that is is in its query: who cannot sign gains
nothing by another one. There is no time in it: an old one that is sent again is taken again, and changes nothing.
"""

import base64
import hmac
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlencode

from pydantic import SecretStr

from handlers.adapters.aws.provider_credentials import Credentials
from handlers.adapters.receipts import ForgedError, Sent, Told, link_of
from handlers.domain.content.links import Link
from handlers.domain.notifications.outcomes import Event
from handlers.domain.notifications.receipts import Receipt

_SIGNATURE: Final = "x-twilio-signature"
_EVENTS: Final = {
    "sent": Event.ACCEPTED,  # by the carrier, which may never tell more
    "delivered": Event.DELIVERED,
    "undelivered": Event.FAILED,
    "failed": Event.FAILED,
    "read": Event.OPENED,
}
NO_SUCH_NUMBER: Final = frozenset(
    {
        21211,  # invalid
        21214,  # cannot be reached
        21217,  # does not appear to be valid
        21614,  # not a mobile number
        30005,  # unknown, or no longer in use
        30006,  # a landline, or a carrier that cannot be reached
    }
)
"""https://www.twilio.com/docs/api/errors: what is no mobile number, or nobody's, whenever Twilio says so."""
_SAID_OF_NO_NUMBER: Final = frozenset(map(str, NO_SUCH_NUMBER))


class TwilioToken(Credentials):
    """Of the secret `twilio`, what callbacks are signed with."""

    auth_token: SecretStr


def callback_url(base: str, notification_id: str, delivery_id: str) -> str:
    """Return the url to tell of a message; `base` is where the API is, without a slash at its end."""
    query = {"notification_id": notification_id, "delivery_id": delivery_id, "base": base}
    return f"{base}/hooks/twilio?{urlencode(query)}"


def read(sent: Sent, credentials: TwilioToken) -> Iterator[Told]:
    """Return what Twilio says; raise `ForgedError` when it is not Twilio that says it."""
    link, fields = link_of(sent.query), parse_qsl(sent.body, keep_blank_values=True)
    if link is None:
        raise ForgedError
    url = callback_url(sent.query.get("base", ""), link.notification_id, link.delivery_id)
    if not hmac.compare_digest(_signature(url, fields, credentials), sent.headers.get(_SIGNATURE, "").encode()):
        raise ForgedError
    return _told(link, dict(fields))


def _told(link: Link, said: dict[str, str]) -> Iterator[Told]:
    event = _EVENTS.get(said.get("MessageStatus", ""))
    if event is Event.FAILED and said.get("ErrorCode") in _SAID_OF_NO_NUMBER:
        event = Event.BOUNCED
    if event is not None:
        yield Told(link, Receipt(event, "twilio", said.get("MessageSid")))


def _signature(url: str, fields: list[tuple[str, str]], credentials: TwilioToken) -> bytes:
    signed = url + "".join(f"{name}{value}" for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.digest(credentials.auth_token.get_secret_value().encode(), signed.encode(), "sha1"))
