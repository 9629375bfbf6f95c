"""SMS by Amazon SNS: https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html.

Endpoint: SNS `Publish` to a number
Credentials: the worker's role
Limits: `sms.maxPriceUsd` a message; the account's monthly spend; 1,600 characters in UTF-16
Idempotency: none
Source: [SMS](https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html)
Refused address: `OptedOut`, invalid `PhoneNumber`
Refused message: invalid or empty `Message`
Throttled: `Throttled`, 429
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from handlers.adapters.aws import clients
from handlers.adapters.providers import aws
from handlers.config import SnsSettings
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    UnavailableError,
)
from handlers.ports import Provider

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

_INVALID: Final = frozenset({"InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid"})
# One code stands for everything that is wrong with a request; these words alone tell of what it is said:
# "Invalid parameter: PhoneNumber Reason: … is not valid to publish to", "Invalid parameter: Message too long".
_OF_THE_NUMBER: Final = "PhoneNumber"
_OF_THE_TEXT: Final = ("Invalid parameter: Message ", "Empty message")


class SnsProvider:
    """Calls `sns:Publish` with a telephone number, once for each message.

    `max_price` is the spend guard: a message that would cost more, in US dollars, is not sent. SNS says so neither here
    nor of the account's monthly limit, but in its delivery logs, as it takes the message first and looks at it later.
    """

    name = "sns"
    platforms = None

    def __init__(self, client: "SNSClient", *, sender_id: str | None, max_price: Decimal) -> None:
        self._client = client
        self._attributes = {
            "AWS.SNS.SMS.SMSType": _string("Transactional"),
            "AWS.SNS.SMS.MaxPrice": _number(max_price),
            **({"AWS.SNS.SMS.SenderID": _string(sender_id)} if sender_id else {}),
        }

    def available(self) -> bool:
        """Always: the worker's role is the credential."""
        return True

    def send(self, message: Message) -> str:
        """Send the message and return SNS's id for it; raise `ProviderError` otherwise."""
        attributes = {
            **self._attributes,
            "notification_id": _string(message.notification_id),
            "delivery_id": _string(message.delivery_id),
        }
        answer = aws.call(
            lambda: self._client.publish(
                PhoneNumber=message.endpoint.address,
                Message=message.content.body,
                MessageAttributes=attributes,
            ),
            _meaning,
        )
        return answer["MessageId"]


def create() -> Provider:
    """Return the provider as the environment configures it."""
    settings = SnsSettings.read()
    return SnsProvider(clients.sns(), sender_id=settings.sms_sender_id, max_price=settings.sms_max_price_usd)


def _meaning(code: str, text: str) -> ProviderError:
    """Return what an error means. What is said neither of the number nor of the text is our account's fault."""
    if code == "OptedOut" or (code in _INVALID and _OF_THE_NUMBER in text):
        return RecipientRefusedError(code)
    if code in _INVALID and any(words in text for words in _OF_THE_TEXT):
        return MessageRefusedError(code)
    return UnavailableError(code)


def _string(value: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": value}


def _number(value: Decimal) -> "MessageAttributeValueTypeDef":
    return {"DataType": "Number", "StringValue": f"{value:f}"}
