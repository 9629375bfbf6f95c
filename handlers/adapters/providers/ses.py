"""E-mail by Amazon SES, API v2: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html.

Endpoint: SES v2 `SendEmail` in our region
Credentials: the worker's role
Limits: the account's rate and daily quota; 40 MB a message
Idempotency: none
Source: [SendEmail](https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html)
Refused address: (tells later, by a bounce)
Refused message: `MessageRejected`, `BadRequestException`, unless said of our identity, account or configuration set
Throttled: `TooManyRequestsException`, `LimitExceededException`, 429
"""

import re
from typing import TYPE_CHECKING, Final

from handlers.adapters.aws import clients
from handlers.adapters.providers import aws
from handlers.config import SesSettings
from handlers.domain.content.messages import Message, unsubscribe_headers
from handlers.domain.providers.errors import MessageRefusedError, ProviderError, UnavailableError
from handlers.ports import Provider

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import BodyTypeDef, ContentTypeDef, MessageHeaderTypeDef

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors: whom each is said of.
_MEANINGS: Final[dict[str, type[ProviderError]]] = {
    "MessageRejected": MessageRefusedError,
    "BadRequestException": MessageRefusedError,
    # Our account's.
    "AccountSuspendedException": UnavailableError,
    "SendingPausedException": UnavailableError,
    "MailFromDomainNotVerifiedException": UnavailableError,
    "NotFoundException": UnavailableError,  # the configuration set
}
# SES says `MessageRejected` and `BadRequestException` of our account as well, which is no fault of the message, and
# tells the two apart by words alone: https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html
_OF_THE_ACCOUNT: Final = re.compile("not verified|paused|suspended|configuration set", re.IGNORECASE)


class SesProvider:
    """Calls `ses:SendEmail` on the identity and on the configuration set, once for each message.

    The recipient's address is not judged here: SES takes all that have the form of one, and tells of a bounce later.
    """

    name = "ses"
    platforms = None

    def __init__(self, client: "SESV2Client", *, sender: str, configuration_set: str) -> None:
        self._client = client
        self._sender = sender
        self._configuration_set = configuration_set

    def available(self) -> bool:
        """Always: the worker's role is the credential."""
        return True

    def send(self, message: Message) -> str:
        """Send the message and return SES's id for it; raise `ProviderError` otherwise."""
        body: BodyTypeDef = {"Html": _utf8(message.content.body)}
        if message.content.text is not None:
            body["Text"] = _utf8(message.content.text)
        tags = {
            "notification_id": message.notification_id,
            "delivery_id": message.delivery_id,
            "category": message.category,
        }
        subject = _utf8(message.content.subject or "")
        answer = aws.call(
            lambda: self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [message.endpoint.address]},
                Content={"Simple": {"Subject": subject, "Body": body, "Headers": _headers(message)}},
                ConfigurationSetName=self._configuration_set,
                EmailTags=[{"Name": name, "Value": value} for name, value in tags.items()],
            ),
            _meaning,
        )
        return answer["MessageId"]


def create() -> Provider:
    """Return the provider as the environment configures it."""
    settings = SesSettings.read()
    return SesProvider(clients.sesv2(), sender=settings.email_from, configuration_set=settings.ses_configuration_set)


def _meaning(code: str, text: str) -> ProviderError:
    """Return what an error means. What is not said of the message is our account's fault: paused, suspended,
    misconfigured, denied.
    """
    return UnavailableError(code) if _OF_THE_ACCOUNT.search(text) else _MEANINGS.get(code, UnavailableError)(code)


def _headers(message: Message) -> "list[MessageHeaderTypeDef]":
    return [{"Name": name, "Value": value} for name, value in unsubscribe_headers(message).items()]


def _utf8(text: str) -> "ContentTypeDef":
    return {"Data": text, "Charset": "UTF-8"}
