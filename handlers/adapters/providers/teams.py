"""Chat by Microsoft Teams' webhooks: workflows, and the connectors that come before them.

https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook

Endpoint: the contact's url
Credentials: the url
Limits: 28 KB of payload; four requests a second
Idempotency: none
Source:
  [Webhooks](https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook)
Refused address: 401, 403, a flow that is turned off; 404, 410 inside a 200
Refused message: 400, 413
Gone: 404, 410
This address alone: 429, also inside a 200; all failures
"""

import re
from typing import Final

from handlers.adapters.providers import http, urls
from handlers.adapters.providers.http import Answer
from handlers.domain.content.chat_payloads import teams_payload
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.ports import Provider

_DEAD: Final = frozenset({404, 410})
_OF_THE_URL: Final = frozenset({401, 403, 404, 410})
_OF_THE_MESSAGE: Final = frozenset({400, 413})

# Power Automate says 400 of a flow that its owner has turned off.
_TURNED_OFF: Final = frozenset({"WorkflowTriggerIsNotEnabled", "WorkflowIsNotEnabled"})
_CODE: Final = re.compile(r"[A-Za-z]{1,64}")

# Connectors say 200 and put the failure into the text, of an endpoint behind theirs: it does not make their url dead.
# https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using#rate-limiting-for-connectors
_CONNECTOR_FAILED: Final = b"Webhook message delivery failed"
_CONNECTOR_STATUS: Final = re.compile(rb"returned HTTP error (\d{3})")


class TeamsProvider:
    """Posts the message as an Adaptive Card of one text, which Teams shows with a little Markdown; 28 KB at most."""

    name = "teams"
    platforms = frozenset({"teams"})

    def __init__(self, client: urls.UrlClient) -> None:
        self._client = client

    def available(self) -> bool:
        """Say yes: the url of each message is all it needs."""
        return True

    def send(self, message: Message) -> str:
        """Send the message and return the id of the workflow's run, or else of Teams' answer.

        Acceptance by a workflow means that it runs, not that its last step has posted the message.
        """
        answer = self._client.post(message, json=teams_payload(message.content.body), refusal=_refusal, own_server=True)
        ids = (answer.headers.get(name) for name in ("x-ms-workflow-run-id", "request-id"))
        return next(filter(None, ids), message.delivery_id)


def create() -> Provider:
    """Return the provider."""
    return TeamsProvider(urls.shared())


def _refusal(answer: Answer) -> ProviderError | None:
    if answer.is_success:
        return _of_connector(answer.body) if answer.body.startswith(_CONNECTOR_FAILED) else None
    error = answer.document.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        code = str(answer.status)
    if answer.status == 429:
        return http.throttled(answer, code, of_endpoint=True)  # each flow and each connector has its own rate
    if answer.status in _DEAD:
        return EndpointGoneError(code)  # the flow was deleted, or the connector taken away
    return RecipientRefusedError(code) if code in _TURNED_OFF else _of_status(answer.status, code)


def _of_connector(text: bytes) -> ProviderError:
    found = _CONNECTOR_STATUS.search(text)
    return _of_status(int(found[1]), found[1].decode()) if found else UnavailableError("connector_failed")


def _of_status(status: int, code: str) -> ProviderError:
    if status == 429:
        return ThrottledError(code, of_endpoint=True)
    if status in _OF_THE_URL:
        return RecipientRefusedError(code)
    return MessageRefusedError(code) if status in _OF_THE_MESSAGE else UnavailableError(code)
