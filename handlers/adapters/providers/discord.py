"""Chat by Discord's webhooks: https://discord.com/developers/docs/resources/webhook#execute-webhook.

Endpoint: the contact's url
Credentials: the url
Limits: 2,000 characters (code points); its rate is told by each answer
Idempotency: none
Source: [Webhook](https://discord.com/developers/docs/resources/webhook#execute-webhook)
Refused address: 50001, 50013, 50027, 220001; 401, 404
Refused message: other 4xx
Gone: 10003, 10015
Throttled: 429 with the scope `global`, or with none
This address alone: 429 with the scope `user` or `shared`
"""

from typing import Final

from handlers.adapters.providers import http, urls
from handlers.adapters.providers.http import Answer
from handlers.domain.content.chat_payloads import discord_payload
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    UnavailableError,
)
from handlers.ports import Provider

# https://docs.discord.com/developers/topics/opcodes-and-status-codes#json: whom each is said of.
_MEANINGS: Final[dict[int, type[ProviderError]]] = {
    10003: EndpointGoneError,  # unknown channel
    10015: EndpointGoneError,  # unknown webhook
    50001: RecipientRefusedError,  # missing access
    50013: RecipientRefusedError,  # missing permissions
    50027: RecipientRefusedError,  # invalid webhook token
    # A forum's webhook takes no message without a thread, and a url names none unless it has `thread_id`.
    220001: RecipientRefusedError,
    50006: MessageRefusedError,  # empty
    50035: MessageRefusedError,  # invalid, as one that is too long
    50109: MessageRefusedError,  # invalid JSON
    # Discord's Cloudflare has barred our address: https://github.com/discord/discord-api-docs/issues/6473
    40333: UnavailableError,
}
_BY_STATUS: Final[dict[int, type[ProviderError]]] = {
    401: RecipientRefusedError,
    403: UnavailableError,  # without a code of Discord's it is Cloudflare's
    404: RecipientRefusedError,  # without a code of Discord's it is not said that there is no such webhook
}


class DiscordProvider:
    """Posts the message as content, in Discord's Markdown; Discord refuses more than 2,000 characters of it."""

    name = "discord"
    platforms = frozenset({"discord"})

    def __init__(self, client: urls.UrlClient) -> None:
        self._client = client

    def available(self) -> bool:
        """Say yes: the url of each message is all it needs."""
        return True

    def send(self, message: Message) -> str:
        """Send the message and return Discord's id for it.

        Asks Discord to `wait`, as it otherwise answers before it knows whether the message could be saved.
        """
        body = discord_payload(message.content.body)
        answer = self._client.post(message, parameters={"wait": "true"}, json=body, refusal=_refusal)
        return str(answer.document.get("id", message.delivery_id))


def create() -> Provider:
    """Return the provider."""
    return DiscordProvider(urls.shared())


def _refusal(answer: Answer) -> ProviderError | None:
    if answer.is_success:
        return None
    code = answer.document.get("code")
    word = str(code if isinstance(code, int) else answer.status)
    if answer.status == 429:
        return http.throttled(answer, "429", of_endpoint=_is_of_the_url(answer))
    by_status = _BY_STATUS.get(answer.status, MessageRefusedError)
    if not isinstance(code, int):
        return by_status(word)
    return _MEANINGS.get(code, RecipientRefusedError if answer.status in (401, 403, 404) else by_status)(word)


def _is_of_the_url(answer: Answer) -> bool:
    """Say whether a limit is the webhook's, or its channel's, and not that of our address, which all webhooks share.

    https://docs.discord.com/developers/topics/rate-limits. What says nothing of it is Cloudflare's ban of our address.
    """
    scope = answer.headers.get("X-RateLimit-Scope")
    if scope == "global" or answer.headers.get("X-RateLimit-Global") == "true":
        return False
    return scope in ("user", "shared") or answer.document.get("global") is False
