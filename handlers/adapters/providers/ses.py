"""E-mail by Amazon SES, API v2: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html."""

from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from handlers.adapters import clients
from handlers.config import SesSettings
from handlers.domain.messages import Message
from handlers.domain.provider_errors import (
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import BodyTypeDef, ContentTypeDef

_THROTTLING: Final = frozenset(
    {"TooManyRequestsException", "LimitExceededException", "Throttling", "ThrottlingException"}
)
_OF_THE_MESSAGE: Final = frozenset({"MessageRejected", "BadRequestException"})
# SES says `MessageRejected` of an identity of ours as well, which is no fault of the message, and tells the two apart
# by these words alone: https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html
_NOT_VERIFIED: Final = "not verified"


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
        try:
            answer = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [message.endpoint.address]},
                Content={"Simple": {"Subject": _utf8(message.content.subject or ""), "Body": body}},
                ConfigurationSetName=self._configuration_set,
                EmailTags=[{"Name": name, "Value": value} for name, value in tags.items()],
            )
        except ClientError as error:
            raise _answered(error) from None
        except HTTPClientError as error:
            # Among them ReadTimeoutError and ConnectionClosedError: the request had left.
            raise OutcomeUnknownError(type(error).__name__) from None
        except BotoCoreError as error:
            # What is left is raised before anything is sent: no connection (EndpointConnectionError, SSLError,
            # ConnectTimeoutError), no credentials, parameters that botocore does not take.
            raise UnavailableError(type(error).__name__) from None
        return answer["MessageId"]


def create() -> SesProvider:
    """Return the provider as the environment configures it."""
    settings = SesSettings()
    return SesProvider(clients.sesv2(), sender=settings.email_from, configuration_set=settings.ses_configuration_set)


def _answered(error: ClientError) -> ProviderError:
    """Return what an answer of SES means. What is said neither of the message nor of our pace is our account's fault:
    paused, suspended, misconfigured, denied; or SES's own (5xx).
    """
    code = error.response["Error"]["Code"]
    metadata = error.response["ResponseMetadata"]
    if code in _THROTTLING or metadata["HTTPStatusCode"] == 429:
        return ThrottledError(code, _seconds(metadata["HTTPHeaders"].get("retry-after")))
    if code in _OF_THE_MESSAGE and _NOT_VERIFIED not in error.response["Error"].get("Message", ""):
        return MessageRefusedError(code)
    return UnavailableError(code)


def _seconds(retry_after: str | None) -> float | None:
    """Return a Retry-After in seconds; its other form, a date, is not known of AWS."""
    return float(retry_after) if retry_after and retry_after.isdigit() else None


def _utf8(text: str) -> "ContentTypeDef":
    return {"Data": text, "Charset": "UTF-8"}
