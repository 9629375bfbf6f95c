"""SNS platform endpoints: what they are sent, checked by botocore against the service's model, and what is answered."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import time_machine
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from handlers.adapters.providers.sns_push import SnsPushCredentials, SnsPushProvider, create
from handlers.domain.content.push_payloads import apns_payload, fcm_message
from handlers.domain.model import compact
from handlers.domain.notifications.deliveries import Priority
from handlers.domain.providers.errors import (
    CredentialsMissingError,
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from tests.unit.handlers.adapters.providers.exchange import credentials
from tests.unit.handlers.adapters.providers.push import APNS_TOKEN, DELIVERY_ID, FCM_TOKEN, NOW, push

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

ACCOUNT = "arn:aws:sns:eu-central-1:123456789012"
APPLICATIONS = {"apns": f"{ACCOUNT}:app/APNS/carillon", "fcm": f"{ACCOUNT}:app/GCM/carillon"}
ENDPOINT = f"{ACCOUNT}:endpoint/APNS/carillon/1"
IDS = {"notification_id": "n-1", "delivery_id": DELIVERY_ID}


@pytest.fixture
def client() -> "SNSClient":
    return boto3.client("sns", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def sns(client: "SNSClient") -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def provider(client: "SNSClient", applications: dict[str, str] = APPLICATIONS) -> SnsPushProvider:
    return SnsPushProvider(client, credentials("sns-push", SnsPushCredentials, {"application_arns": applications}))


def has_endpoint(sns: Stubber, application: str = APPLICATIONS["apns"], token: str = APNS_TOKEN) -> None:
    expected = {"PlatformApplicationArn": application, "Token": token}
    sns.add_response("create_platform_endpoint", {"EndpointArn": ENDPOINT}, expected)


def attributes(**values: str) -> dict[str, Any]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}


def published(platform: str, body: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    return {
        "TargetArn": ENDPOINT,
        "MessageStructure": "json",
        "Message": compact({"default": "Ada 🎉", platform: compact(body)}),
        "MessageAttributes": attributes(**values),
    }


@pytest.mark.parametrize("platform", ["APNS", "APNS_SANDBOX"])
@pytest.mark.parametrize(
    ("expires_at", "ttl"), [(None, None), (NOW + timedelta(hours=1), "3600"), (NOW - timedelta(hours=1), "0")]
)
def test_apples_devices_get_what_apns_would_have_given_them(
    platform: str, expires_at: datetime | None, ttl: str | None, client: "SNSClient", sns: Stubber
) -> None:
    message = push(priority=Priority.HIGH, expires_at=expires_at)
    application = f"{ACCOUNT}:app/{platform}/carillon"
    values = {
        **IDS,
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert",
        "AWS.SNS.MOBILE.APNS.PRIORITY": "10",
        "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": DELIVERY_ID,
        **({f"AWS.SNS.MOBILE.{platform}.TTL": ttl} if ttl else {}),
    }
    has_endpoint(sns, application)
    sns.add_response("publish", {"MessageId": "m-1"}, published(platform, apns_payload(message), values))
    with time_machine.travel(NOW, tick=False):
        assert provider(client, {"apns": application}).send(message) == "m-1"


def test_googles_devices_get_what_fcm_would_have_given_them(client: "SNSClient", sns: Stubber) -> None:
    message = push("fcm", expires_at=NOW + timedelta(hours=1))
    body = {"fcmV1Message": {"message": fcm_message(message, NOW)}}
    has_endpoint(sns, APPLICATIONS["fcm"], FCM_TOKEN)
    sns.add_response("publish", {"MessageId": "m-1"}, published("GCM", body, IDS))
    with time_machine.travel(NOW, tick=False):
        assert provider(client).send(message) == "m-1"


def test_a_platform_without_an_application_is_off_and_the_other_is_not(client: "SNSClient", sns: Stubber) -> None:
    sender = provider(client, {"apns": APPLICATIONS["apns"]})
    assert sender.available()
    with pytest.raises(CredentialsMissingError):
        sender.send(push("fcm"))
    has_endpoint(sns)
    sns.add_response("publish", {"MessageId": "m-1"})
    assert sender.send(push()) == "m-1"


@pytest.mark.parametrize("applications", [{"apns": "carillon"}, {"apns": f"{ACCOUNT}:app/APNS"}])
def test_a_secret_with_something_else_than_applications_is_off(
    applications: dict[str, str], client: "SNSClient"
) -> None:
    assert not provider(client, applications).available()


ERRORS: list[tuple[int, str, str, type[ProviderError]]] = [
    (400, "InvalidParameter", "Invalid parameter: PlatformApplicationArn Reason: An ARN must have", UnavailableError),
    (404, "NotFound", "PlatformApplication does not exist", UnavailableError),
    (403, "AuthorizationError", "no", UnavailableError),
    (429, "Throttled", "no", ThrottledError),
    (500, "InternalError", "no", UnavailableError),
]
INVALID_TOKEN = f"Invalid parameter: Token Reason: iOS device tokens must be hexadecimal: {APNS_TOKEN}"


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"),
    [*ERRORS, (400, "InvalidParameter", INVALID_TOKEN, RecipientRefusedError)],
)
def test_each_error_about_an_endpoint_means_something(
    status: int, code: str, text: str, kind: type[ProviderError], client: "SNSClient", sns: Stubber
) -> None:
    sns.add_client_error("create_platform_endpoint", code, text, status)
    with pytest.raises(ProviderError) as error:
        provider(client).send(push())
    assert (type(error.value), error.value.code) == (kind, code)
    assert APNS_TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"),
    [
        *ERRORS,
        (400, "EndpointDisabled", "Endpoint is disabled", EndpointGoneError),
        (400, "PlatformApplicationDisabled", "no", UnavailableError),
        (400, "InvalidParameter", "Invalid parameter: Message too long", MessageRefusedError),
        (400, "InvalidParameter", "Invalid parameter: TargetArn Reason: No endpoint found", UnavailableError),
    ],
)
def test_each_error_about_a_message_means_something(
    status: int, code: str, text: str, kind: type[ProviderError], client: "SNSClient", sns: Stubber
) -> None:
    has_endpoint(sns)
    sns.add_client_error("publish", code, text, status)
    with pytest.raises(ProviderError) as error:
        provider(client).send(push())
    assert (type(error.value), error.value.code) == (kind, code)


class Silent:
    """A client to whom one of the calls is never answered."""

    def __init__(self, silent: str) -> None:
        self._silent = silent

    def create_platform_endpoint(self, **_: Any) -> dict[str, str]:
        return self._answer("create_platform_endpoint", EndpointArn=ENDPOINT)

    def publish(self, **_: Any) -> dict[str, str]:
        return self._answer("publish", MessageId="m-1")

    def _answer(self, call: str, **answer: str) -> dict[str, str]:
        if call == self._silent:
            raise ReadTimeoutError(endpoint_url="https://sns.eu-central-1.amazonaws.com")
        return answer


@pytest.mark.parametrize(
    ("silent", "kind"), [("create_platform_endpoint", UnavailableError), ("publish", OutcomeUnknownError)]
)
def test_only_a_message_may_have_been_sent(silent: str, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as error:
        provider(Silent(silent)).send(push())  # type: ignore[arg-type]
    assert (type(error.value), error.value.code) == (kind, "no_answer")


def test_it_is_made_from_the_environment_for_the_devices_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "carillon/test/providers/")
    assert (create().name, create().platforms) == ("sns-push", frozenset({"apns", "fcm"}))
