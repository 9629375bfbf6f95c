"""Chat by Slack's incoming webhooks: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""

import re
from typing import Final

from handlers.adapters.providers import urls
from handlers.adapters.providers.http import Answer
from handlers.domain.content.chat_payloads import slack_payload
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import MessageRefusedError, ProviderError, RecipientRefusedError
from handlers.ports import Provider

# https://docs.slack.dev/changelog/2016/05/17/changes-to-errors-for-incoming-webhooks: 403 (action_prohibited,
# invalid_token), 404 (no_service, channel_not_found) and 410 (channel_is_archived) are all of the url.
_OF_THE_URL: Final = frozenset({403, 404, 410})
_CODE: Final = re.compile(rb"[a-z_]{1,64}")


class SlackProvider:
    """Posts the message as text in Slack's own formatting. Slack allows about one message a second to each url."""

    name = "slack"
    platforms = frozenset({"slack"})

    def __init__(self, client: urls.UrlClient) -> None:
        self._client = client

    def available(self) -> bool:
        """Say yes: the url of each message is all it needs."""
        return True

    def send(self, message: Message) -> str:
        """Send the message and return the id of Slack's answer, as messages get none that is told."""
        answer = self._client.post(message, json=slack_payload(message.content.body), refusal=_refusal)
        return answer.headers.get("x-slack-req-id", message.delivery_id)


def create() -> Provider:
    """Return the provider."""
    return SlackProvider(urls.shared())


def _refusal(answer: Answer) -> ProviderError | None:
    if answer.is_success:
        return None
    code = answer.body.decode() if _CODE.fullmatch(answer.body) else str(answer.status)
    if answer.status in _OF_THE_URL or code == "user_not_found":
        return RecipientRefusedError(code)
    return MessageRefusedError(code)
