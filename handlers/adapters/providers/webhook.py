"""Chat by anybody's own webhook, signed as the Standard Webhooks specification has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

Endpoint: the contact's url, public addresses only
Credentials: `{"secret": "whsec_…"}`, with which each request is signed
Limits: none; one request at a time to each url
Idempotency: `webhook-id` is the delivery's
Source: [Standard
  Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
Refused address: 401, 403, 404, 405, an address that is not public
Refused message: other 4xx, but 408, 421, 423, 425
Gone: 410
This address alone: 429; all failures
"""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator
from standardwebhooks import Webhook

from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import Credentials, ProviderCredentials
from handlers.adapters.providers import http, urls
from handlers.adapters.providers.http import Answer
from handlers.domain.content.messages import Message
from handlers.domain.model import compact
from handlers.domain.providers.errors import (
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    UnavailableError,
)
from handlers.ports import Provider

_TYPE: Final = "notification.sent"
_OF_THE_URL: Final = frozenset({401, 403, 404, 405})
# It says that it is gone on purpose (RFC 9110 15.5.11); 404 is also said while somebody deploys.
_GONE: Final = 410
# Request Timeout, Misdirected Request, Locked, Too Early: another time it may be taken (RFC 9110 15.5, RFC 4918 11.3,
# RFC 8470 5.2).
_NOT_NOW: Final = frozenset({408, 421, 423, 425})


def _signs(secret: str) -> str:
    """Return a secret that can sign; raises `ValueError` for another, as `binascii.Error` is one."""
    if not secret.startswith("whsec_"):
        raise ValueError("a signing secret begins with whsec_")
    try:
        Webhook(secret)
    except Exception:
        raise ValueError("a signing secret is whsec_ and base64") from None
    return secret


class WebhookCredentials(Credentials):
    """The key of all signatures, `whsec_` and the base64 of 24 to 64 bytes; those who are called have it too."""

    secret: Annotated[str, AfterValidator(_signs)]


class WebhookProvider:
    """Posts `{"type", "timestamp", "data"}` with a signature over id, time and body.

    The id is the delivery's, so that who is called twice after an unknown outcome can drop the second.
    """

    name = "webhook"
    platforms = frozenset({"webhook"})

    def __init__(self, client: urls.UrlClient, credentials: ProviderCredentials[WebhookCredentials]) -> None:
        self._client = client
        self._credentials = credentials

    def available(self) -> bool:
        """Say whether there is a key to sign with."""
        return self._credentials.available()

    def send(self, message: Message) -> str:
        """Send the message and return its `webhook-id`."""
        now, id_ = datetime.now(UTC), message.delivery_id
        body = _body(message, now)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self._credentials.current().secret).sign(id_, now, body),
        }
        self._client.post(message, content=body.encode(), headers=headers, refusal=_refusal, own_server=True)
        return id_


def create() -> Provider:
    """Return the provider with the credentials that the environment names."""
    return WebhookProvider(urls.shared(), provider_credentials.of("webhook", WebhookCredentials))


def _body(message: Message, now: datetime) -> str:
    data = {
        "notification_id": message.notification_id,
        "delivery_id": message.delivery_id,
        "category": message.category,
        "body": message.content.body,
    }
    document = {"type": _TYPE, "timestamp": now.isoformat(timespec="milliseconds"), "data": data}
    return compact(document)


def _refusal(answer: Answer) -> ProviderError | None:
    """Return what an answer means; only 2xx is acceptance. Its body is a stranger's and is not looked at."""
    if answer.is_success:
        return None
    code = str(answer.status)
    if answer.status == 429:
        return http.throttled(answer, code)
    if answer.status in _NOT_NOW:
        return UnavailableError(code)
    if answer.status == _GONE:
        return EndpointGoneError(code)
    return RecipientRefusedError(code) if answer.status in _OF_THE_URL else MessageRefusedError(code)
