"""Chat by Slack's incoming webhooks: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.

Endpoint: the contact's url
Credentials: the url
Limits: 40,000 characters; about one message a second to each url
Idempotency: none
Source: [Incoming webhooks](https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks)
Refused address: 403, 410, `action_prohibited`, `channel_is_archived`, `invalid_token`, `team_disabled`
Refused message: other 4xx
Gone: 404, `user_not_found`, `channel_not_found`, `no_service`, `no_service_id`, `no_team`, `no_active_hooks`
This address alone: 429
"""

import re
from typing import Final

from handlers.adapters.providers import http, urls
from handlers.adapters.providers.http import Answer
from handlers.domain.content.chat_payloads import slack_payload
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
)
from handlers.ports import Provider

# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors and
# https://docs.slack.dev/changelog/2016/05/17/changes-to-errors-for-incoming-webhooks: 403 (action_prohibited,
# invalid_token, posting_to_general_channel_denied, team_disabled), 404 (no_service, no_team, channel_not_found) and 410
# (channel_is_archived) are all of the url, and of those with 400 these; the others are of the message. What a workspace
# forbids it may allow again, and a channel may leave the archive; a url whose webhook, channel, user or workspace is no
# more is dead.
_DEAD: Final = 404
_WORDS_OF_THE_DEAD: Final = frozenset(
    {"user_not_found", "channel_not_found", "no_service", "no_service_id", "no_team", "no_active_hooks"}
)
_NOT_NOW: Final = frozenset({403, 410})
_WORDS_OF_NOT_NOW: Final = frozenset({"team_disabled", "action_prohibited", "channel_is_archived", "invalid_token"})
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
        """Send the message and return the id of Slack's answer, since Slack tells no id of the message."""
        answer = self._client.post(message, json=slack_payload(message.content.body), refusal=_refusal)
        return answer.headers.get("x-slack-req-id", message.delivery_id)


def create() -> Provider:
    """Return the provider."""
    return SlackProvider(urls.shared())


def _refusal(answer: Answer) -> ProviderError | None:
    if answer.is_success:
        return None
    code = answer.body.decode() if _CODE.fullmatch(answer.body) else str(answer.status)
    if answer.status == 429:
        # Each webhook has a rate of its own: https://docs.slack.dev/apis/web-api/rate-limits
        return http.throttled(answer, code, of_endpoint=True)
    if answer.status == _DEAD or code in _WORDS_OF_THE_DEAD:
        return EndpointGoneError(code)
    if answer.status in _NOT_NOW or code in _WORDS_OF_NOT_NOW:
        return RecipientRefusedError(code)
    return MessageRefusedError(code)
