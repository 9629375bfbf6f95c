"""Push by Amazon SNS platform endpoints, to Apple's and Google's devices alike: another way when theirs is barred.

https://docs.aws.amazon.com/sns/latest/dg/sns-mobile-application-as-subscriber.html. The platform applications, with
their own credentials at Apple and Google, are made by an operator.

Endpoint: SNS `CreatePlatformEndpoint`, `Publish`
Credentials: the worker's role; `{"application_arns": {"apns": "…", "fcm": "…"}}`, of SNS platform applications whose
  names start with `carillon-<environment>-`
Limits: the platforms' own, which SNS tells its log alone
Idempotency: as the platform's
Source: [Mobile push](https://docs.aws.amazon.com/sns/latest/dg/sns-mobile-application-as-subscriber.html)
Refused address: invalid `Token`
Refused message: invalid `Message`
Gone: `EndpointDisabled`
Throttled: `Throttled`, 429
This address alone: `PlatformApplicationDisabled`, `NotFound`
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import StringConstraints

from handlers.adapters.aws import clients, provider_credentials
from handlers.adapters.aws.provider_credentials import Credentials, ProviderCredentials
from handlers.adapters.providers import aws
from handlers.domain.content.messages import Message
from handlers.domain.content.push_payloads import apns_headers, apns_payload, fcm_message, seconds_left
from handlers.domain.model import compact
from handlers.domain.providers.errors import (
    CREDENTIALS_MISSING,
    CredentialsMissingError,
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    UnavailableError,
)
from handlers.ports import Provider

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

_INVALID: Final = frozenset({"InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid"})
# One code stands for all that is wrong with a request, and these words tell of what it is said.
_OF_THE_TOKEN: Final = "Invalid parameter: Token"  # noqa: S105  an error's text
_OF_THE_TEXT: Final = ("Invalid parameter: Message", "Empty message")


# "Endpoint … already exists with the same Token, but different attributes": somebody else has made it, for this token.
_MADE_BY_ANOTHER: Final = "already exists"
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors: of one application, or of one endpoint
# that went between its making and the message; the other platform's devices are served all the same.
_OF_ONE_PLATFORM: Final = frozenset(
    {"PlatformApplicationDisabled", "PlatformApplicationDisabledException", "NotFound", "NotFoundException"}
)


# `arn:aws:sns:eu-central-1:123456789012:app/APNS_SANDBOX/carillon`
ApplicationArn = Annotated[str, StringConstraints(pattern=r"^arn:[^/]+:app/[A-Z_]+/[^/]+$")]


class SnsPushCredentials(Credentials):
    """The ARNs of the platform applications, by the platform that they serve. Either may be missing."""

    application_arns: Mapping[str, ApplicationArn]


class SnsPushProvider:
    """Calls `sns:CreatePlatformEndpoint`, which returns the endpoint that a token has already, then `sns:Publish`."""

    name = "sns-push"
    platforms = frozenset({"apns", "fcm"})

    def __init__(self, client: "SNSClient", credentials: ProviderCredentials[SnsPushCredentials]) -> None:
        self._client = client
        self._credentials = credentials

    def available(self) -> bool:
        """Say whether there are platform applications."""
        return self._credentials.available()

    def send(self, message: Message) -> str:
        """Send the message and return SNS's id for it; raise `ProviderError` otherwise."""
        application = self._credentials.current().application_arns.get(message.endpoint.platform or "")
        if application is None:
            raise CredentialsMissingError(CREDENTIALS_MISSING)
        endpoint = self._endpoint(application, message.endpoint.address)
        platform = _platform(application)
        publish = partial(
            self._client.publish,
            TargetArn=endpoint,
            MessageStructure="json",
            Message=_bodies(platform, message),
            MessageAttributes=_attributes(platform, message),
        )
        return aws.call(publish, _meaning)["MessageId"]

    def _endpoint(self, application: str, token: str) -> str:
        """Return the ARN of the token's endpoint. Whatever goes wrong here, no message was sent."""
        create = partial(self._client.create_platform_endpoint, PlatformApplicationArn=application, Token=token)
        try:
            return aws.call(create, _meaning)["EndpointArn"]
        except OutcomeUnknownError as error:
            raise UnavailableError(error.code) from None


def create() -> Provider:
    """Return the provider as the environment configures it."""
    return SnsPushProvider(clients.sns(), provider_credentials.of("sns-push", SnsPushCredentials))


def _platform(application: str) -> str:
    """Return the name that SNS has for the platform of an application: `APNS`, `APNS_SANDBOX` or `GCM`."""
    return application.split("/")[1]


def _bodies(platform: str, message: Message) -> str:
    """Return the message in the form of the platform, as JSON within JSON.

    https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
    """
    body: dict[str, Any] = (
        {"fcmV1Message": {"message": fcm_message(message, datetime.now(UTC))}}
        if platform == "GCM"
        else apns_payload(message)
    )
    return compact({"default": message.content.body, platform: compact(body)})


def _attributes(platform: str, message: Message) -> "dict[str, MessageAttributeValueTypeDef]":
    """Return the ids and, for Apple, what APNs takes in headers; FCM has all of that in its body.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html#sns-attrib-mobile-reserved
    """
    values = {"notification_id": message.notification_id, "delivery_id": message.delivery_id}
    if platform != "GCM":
        headers = apns_headers(message)
        values["AWS.SNS.MOBILE.APNS.PUSH_TYPE"] = headers["apns-push-type"]
        values["AWS.SNS.MOBILE.APNS.PRIORITY"] = headers["apns-priority"]
        values["AWS.SNS.MOBILE.APNS.COLLAPSE_ID"] = headers["apns-collapse-id"]
        if message.expires_at is not None:
            values[f"AWS.SNS.MOBILE.{platform}.TTL"] = str(seconds_left(message.expires_at, datetime.now(UTC)))
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}


def _meaning(code: str, text: str) -> ProviderError:
    """Return what an error means. What is said neither of the token nor of the text is our account's fault.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors. SNS disables an endpoint when APNs
    or FCM has told it that the token is dead, after a message that it had taken already.
    """
    if code in {"EndpointDisabled", "EndpointDisabledException"}:
        return EndpointGoneError(code)
    if code in _OF_ONE_PLATFORM or (code in _INVALID and _MADE_BY_ANOTHER in text):
        return UnavailableError(code, of_endpoint=True)
    if code in _INVALID and _OF_THE_TOKEN in text:
        return RecipientRefusedError(code)
    if code in _INVALID and any(words in text for words in _OF_THE_TEXT):
        return MessageRefusedError(code)
    return UnavailableError(code)
