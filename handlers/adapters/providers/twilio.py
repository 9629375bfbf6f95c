"""SMS by Twilio: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource."""

from typing import Final

from pydantic import Field, SecretStr

from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import Credentials, ProviderCredentials
from handlers.adapters.providers import http
from handlers.adapters.providers.http import Answer, HttpProviderClient
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    AuthenticationError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.ports import Provider

_API: Final = "https://api.twilio.com/2010-04-01"

# https://www.twilio.com/docs/api/errors. Not among them: what Twilio says of our account or sender alone and another
# provider may still deliver, as 21408 (a country not enabled), 21608 (a trial) and 21612 (no route from this sender).
_OF_THE_NUMBER: Final = frozenset(
    {
        21211,  # invalid
        21214,  # cannot be reached
        21217,  # does not appear to be valid
        21265,  # a short code
        21266,  # our own
        21610,  # has opted out, by answering STOP: another provider would go against that
        21614,  # not a mobile number
        21635,  # a landline
    }
)
_OF_THE_TEXT: Final = frozenset(
    {
        21602,  # there is none
        21617,  # over 1,600 characters
        21618,  # cannot be sent
        21619,  # there is none
    }
)
_OF_OUR_PACE: Final = frozenset(
    {
        14107,  # too many messages to or from a number
        21611,  # ten hours' worth of messages are waiting
    }
)
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

    def __init__(self, client: HttpProviderClient, credentials: ProviderCredentials[TwilioCredentials]) -> None:
        self._client = client
        self._credentials = credentials

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
            },
        )
        if not answer.is_success:
            raise _refusal(answer)
        sid = answer.document.get("sid")
        if not isinstance(sid, str):
            raise OutcomeUnknownError("no_sid")
        return sid


def create() -> Provider:
    """Return the provider as the environment configures it."""
    return TwilioProvider(http.shared(), provider_credentials.of("twilio", TwilioCredentials))


def _refusal(answer: Answer) -> ProviderError:
    """Return what a 4xx means: our account's fault, if it is said neither of the message nor of our pace."""
    code = answer.document.get("code")
    word = str(code) if isinstance(code, int) else str(answer.status)
    if answer.status == 401:
        return AuthenticationError(word)
    kinds = (
        (_OF_THE_NUMBER, RecipientRefusedError),
        (_OF_THE_TEXT, MessageRefusedError),
        (_OF_OUR_PACE, ThrottledError),
    )
    return next((kind(word) for codes, kind in kinds if code in codes), UnavailableError(word))
