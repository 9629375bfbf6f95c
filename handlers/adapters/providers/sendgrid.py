"""E-mail by Twilio SendGrid, API v3: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send.

Endpoint: `POST https://api.sendgrid.com/v3/mail/send`
Credentials: `{"api_key": "…", "webhook_public_key"?: "…"}`, permission Mail Send
Limits: 30 MB a message; the plan's quota
Idempotency: none
Source: [Mail Send](https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send)
Refused address: 400 on `personalizations…to`
Refused message: 400 on `content`, `subject`, `headers`, `custom_args`; 413
Throttled: 429
"""

import re
from email.utils import parseaddr
from typing import Any, Final

from pydantic import SecretStr

from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import Credentials, ProviderCredentials
from handlers.adapters.providers import http
from handlers.adapters.providers.http import Answer, HttpProviderClient
from handlers.config import EmailSettings
from handlers.domain.content.messages import Message, unsubscribe_headers
from handlers.domain.providers.errors import (
    AuthenticationError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    UnavailableError,
)
from handlers.ports import Provider

_URL: Final = "https://api.sendgrid.com/v3/mail/send"

# A field as errors name it: `personalizations.0.to.0.email`, `content.0.value`, `from.email`.
_FIELD: Final = re.compile(r"[a-z_]+(\.[a-z0-9_]+)*")
# https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors: whom a field is of; the others are our account's.
_OF_THE_ADDRESS: Final = re.compile(r"personalizations(\.\d+)?(\.to(\..+)?)?")
_OF_THE_MESSAGE: Final = frozenset({"content", "subject", "personalizations", "headers", "custom_args"})


class SendGridCredentials(Credentials):
    """The secret `sendgrid`; the key needs the permission Mail Send alone."""

    api_key: SecretStr


class SendGridProvider:
    """Posts each message, which SendGrid queues. It has no key of idempotency."""

    name = "sendgrid"
    platforms = None

    def __init__(
        self, client: HttpProviderClient, credentials: ProviderCredentials[SendGridCredentials], *, sender: str
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._sender = _person(*parseaddr(sender))

    def available(self) -> bool:
        """Say whether there are credentials."""
        return self._credentials.available()

    def send(self, message: Message) -> str:
        """Send the message and return SendGrid's id for it; raise `ProviderError` otherwise."""
        return self._credentials.use(lambda credentials: self._send(message, credentials))

    def _send(self, message: Message, credentials: SendGridCredentials) -> str:
        headers = unsubscribe_headers(message)
        answer = self._client.request(
            "POST",
            _URL,
            headers={"Authorization": f"Bearer {credentials.api_key.get_secret_value()}", **http.ids_of(message)},
            json={
                "personalizations": [{"to": [{"email": message.endpoint.address}]}],
                "from": self._sender,
                "subject": message.content.subject,
                "content": _parts(message),
                **({"headers": headers} if headers else {}),
                "custom_args": {
                    "notification_id": message.notification_id,
                    "delivery_id": message.delivery_id,
                    "category": message.category,
                },
            },
        )
        if not answer.is_success:
            raise _refusal(answer)
        message_id = answer.headers.get("X-Message-Id")
        if not message_id:
            raise OutcomeUnknownError("no_message_id")
        return message_id


def create() -> Provider:
    """Return the provider as the environment configures it."""
    credentials = provider_credentials.of("sendgrid", SendGridCredentials)
    return SendGridProvider(http.shared(), credentials, sender=EmailSettings.read().email_from)


def _parts(message: Message) -> list[dict[str, str]]:
    """Return the parts, plain text first, as RFC 2046 5.1.4 and SendGrid want it; an empty one is not taken."""
    parts = (("text/plain", message.content.text), ("text/html", message.content.body))
    return [{"type": kind, "value": value} for kind, value in parts if value]


def _person(name: str, address: str) -> dict[str, str]:
    return {"email": address, "name": name} if name else {"email": address}


def _refusal(answer: Answer) -> ProviderError:
    """Return what an answer of 4xx means: a 400 by the field it names first; the others are our account's fault.

    401 and 403 are said of a key that is not valid, lacks the permission, or may not send for this sender.
    """
    word = str(answer.status)
    if answer.status == 429:
        return http.throttled(answer, word)  # the limits are of the account: each address is in a request of its own
    if answer.status in (401, 403):
        return AuthenticationError(word)
    if answer.status == 413:
        return MessageRefusedError(word)
    field = _field(answer.document) if answer.status == 400 else ""
    if _OF_THE_ADDRESS.fullmatch(field):
        return RecipientRefusedError(f"{word}:{field}")
    if field.split(".")[0] in _OF_THE_MESSAGE:
        return MessageRefusedError(f"{word}:{field}")
    return UnavailableError(f"{word}:{field}" if field else word)


def _field(document: dict[str, Any]) -> str:
    """Return the field that the first error names; "" if it names none, or anything else than a field."""
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    field = first.get("field") if isinstance(first, dict) else None
    return field if isinstance(field, str) and _FIELD.fullmatch(field) else ""
