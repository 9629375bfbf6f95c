"""Chat by Discord's webhooks: https://discord.com/developers/docs/resources/webhook#execute-webhook."""

from typing import Final

from handlers.adapters.providers import urls
from handlers.adapters.providers.http import Answer
from handlers.domain.content.chat_payloads import discord_payload
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import MessageRefusedError, ProviderError, RecipientRefusedError
from handlers.ports import Provider

_OF_THE_URL: Final = frozenset({401, 403, 404})
# A forum's webhook takes no message without a thread, and a url names none unless it has `thread_id`:
# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_NEEDS_A_THREAD: Final = 220001


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
    kind = RecipientRefusedError if answer.status in _OF_THE_URL or code == _NEEDS_A_THREAD else MessageRefusedError
    return kind(str(code if isinstance(code, int) else answer.status))
