"""Tells an app's endpoint of a status, signed as Standard Webhooks has it.

The url is called as those of chat are (`providers.urls`): public addresses only, one request at a time to each, and an
endpoint that fails is left alone for a while, in which its messages go back to the queue without a call.
"""

from collections.abc import Callable
from datetime import datetime

from standardwebhooks import Webhook as Signature

from handlers.adapters.providers import http
from handlers.adapters.providers.http import Answer
from handlers.adapters.providers.urls import BUSY, UrlClient
from handlers.domain.providers.errors import ProviderError, RecipientRefusedError, ThrottledError, UnavailableError
from handlers.domain.webhooks import StatusChanged, Webhook, signing_secret
from handlers.ports import WebhookKeys

_GONE = 410


class HttpStatusEndpoint:
    """Posts messages to the endpoints of apps."""

    def __init__(self, client: UrlClient, keys: WebhookKeys, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock

    def post(self, webhook: Webhook, message: StatusChanged) -> None:
        """Post it. Raises `ProviderError`: `RecipientRefusedError` when the endpoint is not to be called again."""
        now, body = self._clock(), message.body()
        signature = Signature(signing_secret(self._keys.key(webhook.app_key, webhook.version)))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature.sign(message.event_id, now, body),
        }
        try:
            self._client.post_to(webhook.url, content=body.encode(), headers=headers, refusal=_refusal, own_server=True)
        except UnavailableError as error:
            if error.code == BUSY:  # other messages are under way: the endpoint has not failed
                raise ThrottledError(BUSY, of_endpoint=True) from None
            raise


def _refusal(answer: Answer) -> ProviderError | None:
    """Return what an answer means: only 2xx is well, 410 means that nobody is to call again, all else is a failure."""
    if answer.is_success:
        return None
    code = str(answer.status)
    if answer.status == 429:
        return http.throttled(answer, code)
    return RecipientRefusedError(code) if answer.status == _GONE else UnavailableError(code)
