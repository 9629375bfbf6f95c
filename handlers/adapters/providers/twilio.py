"""SMS by Twilio: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource.

Endpoint: `POST https://api.twilio.com/2010-04-01/Accounts/{sid}/Messages.json`
Credentials: `{"account_sid": "…", "auth_token": "…", "from": "+…"}`
Limits: the sender's rate, the rest waits at Twilio; 1,600 characters in UTF-16
Idempotency: none
Source: [Messages](https://www.twilio.com/docs/messaging/api/message-resource)
Refused address: 21265, 21266, 21604, 21610, 21635, 30004
Refused message: 21602, 21617, 21618, 21619, 30007
Gone: 21211, 21214, 21217, 21614, 30005, 30006
Throttled: 20429, 21611, 30001, 30022, 429
This address alone: 14107; 21408, 21608, 21612, 30003
"""

from functools import partial
from typing import Final

from pydantic import Field, SecretStr

from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import Credentials, ProviderCredentials
from handlers.adapters.providers import http
from handlers.adapters.providers.http import Answer, HttpProviderClient, Meaning
from handlers.adapters.receipts.twilio import NO_SUCH_NUMBER, callback_url
from handlers.config import ReceiptsSettings
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    AuthenticationError,
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.ports import Provider

_API: Final = "https://api.twilio.com/2010-04-01"

# https://www.twilio.com/docs/api/errors, each at its number; whom each is said of. The 30xxx are mostly told later, by
# a receipt. What is not here is our account's fault, or our sender's.
_OF_THIS_NUMBER_HERE: Final = partial(UnavailableError, of_endpoint=True)
_OF_THIS_NUMBERS_PACE: Final = partial(ThrottledError, of_endpoint=True)
_MEANINGS: Final[dict[int, Meaning]] = {
    # The number's.
    **dict.fromkeys(NO_SUCH_NUMBER, EndpointGoneError),
    21265: RecipientRefusedError,  # a short code
    21266: RecipientRefusedError,  # our own
    21604: RecipientRefusedError,  # there is none
    21610: RecipientRefusedError,  # has opted out, by answering STOP: another provider would go against that
    21635: RecipientRefusedError,  # a landline
    30004: RecipientRefusedError,  # has blocked it
    # The number's, but another provider may deliver to it, or to other numbers this one does.
    21408: _OF_THIS_NUMBER_HERE,  # its country is not enabled
    21608: _OF_THIS_NUMBER_HERE,  # is not verified, while the account is a trial
    21612: _OF_THIS_NUMBER_HERE,  # no route to it from this sender
    30003: _OF_THIS_NUMBER_HERE,  # is off
    14107: _OF_THIS_NUMBERS_PACE,  # too many messages between it and the sender
    # The message's.
    21602: MessageRefusedError,  # there is no text
    21617: MessageRefusedError,  # over 1,600 characters
    21618: MessageRefusedError,  # cannot be sent
    21619: MessageRefusedError,  # there is no text
    30007: MessageRefusedError,  # filtered
    # Our pace's.
    20429: ThrottledError,  # too many requests
    21611: ThrottledError,  # ten hours' worth of messages are waiting
    30001: ThrottledError,  # as many, of a messaging service
    30022: ThrottledError,  # the rate of the campaign
    # Our account's.
    20003: AuthenticationError,  # the token
    20005: UnavailableError,  # is not active
    30002: UnavailableError,  # is suspended
}
_MESSAGING_SERVICE: Final = "MG"


class TwilioCredentials(Credentials):
    """The secret `twilio`. `from` is a number, a sender id or the id of a messaging service (`MG…`)."""

    account_sid: str
    auth_token: SecretStr
    sender: str = Field(alias="from")


class TwilioProvider:
    """Creates a message, which Twilio queues. It has no key of idempotency."""

    name = "twilio"
    platforms = None

    def __init__(
        self,
        client: HttpProviderClient,
        credentials: ProviderCredentials[TwilioCredentials],
        *,
        receipts_at: str | None = None,
    ) -> None:
        """`receipts_at` is where the API is, which is told what became of each message."""
        self._client = client
        self._credentials = credentials
        self._receipts_at = receipts_at

    def available(self) -> bool:
        """Say whether there are credentials."""
        return self._credentials.available()

    def send(self, message: Message) -> str:
        """Send the message and return Twilio's id for it; raise `ProviderError` otherwise."""
        return self._credentials.use(lambda credentials: self._send(message, credentials))

    def _send(self, message: Message, credentials: TwilioCredentials) -> str:
        by_service = credentials.sender.startswith(_MESSAGING_SERVICE)
        answer = self._client.request(
            "POST",
            f"{_API}/Accounts/{credentials.account_sid}/Messages.json",
            auth=(credentials.account_sid, credentials.auth_token.get_secret_value()),
            headers=http.ids_of(message),
            form={
                "To": message.endpoint.address,
                "MessagingServiceSid" if by_service else "From": credentials.sender,
                "Body": message.content.body,
                **self._callback(message),
            },
        )
        if not answer.is_success:
            raise _refusal(answer)
        sid = answer.document.get("sid")
        if not isinstance(sid, str):
            raise OutcomeUnknownError("no_sid")
        return sid

    def _callback(self, message: Message) -> dict[str, str]:
        if self._receipts_at is None:
            return {}
        return {"StatusCallback": callback_url(self._receipts_at, message.notification_id, message.delivery_id)}


def create() -> Provider:
    """Return the provider as the environment configures it."""
    credentials = provider_credentials.of("twilio", TwilioCredentials)
    return TwilioProvider(http.shared(), credentials, receipts_at=ReceiptsSettings.read().public_url)


def _refusal(answer: Answer) -> ProviderError:
    """Return what a 4xx means: by its code, or else by its status."""
    code = answer.document.get("code")
    word = str(code) if isinstance(code, int) else str(answer.status)
    by_status = {401: AuthenticationError, 429: ThrottledError}.get(answer.status, UnavailableError)
    meaning = _MEANINGS.get(code, by_status) if isinstance(code, int) else by_status
    error = meaning(word)
    if isinstance(error, ThrottledError):
        return http.throttled(answer, word, of_endpoint=error.of_endpoint)
    return error
