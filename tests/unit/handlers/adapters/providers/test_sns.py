"""SNS: what it is sent, and what each of its answers means."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber

from handlers.adapters.aws import clients
from handlers.adapters.providers.sns import SnsProvider
from handlers.domain.providers.errors import (
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from tests.unit.handlers.adapters.providers.exchange import SMS

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

INVALID_NUMBER = f"Invalid parameter: PhoneNumber Reason: {SMS.endpoint.address} is not valid to publish to"


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


@pytest.fixture
def client() -> "SNSClient":
    return boto3.client("sns", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def answers(client: "SNSClient") -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_message_is_sent_with_its_price_limited(client: "SNSClient", answers: Stubber) -> None:
    text = {"DataType": "String"}
    expected = {
        "PhoneNumber": "+4915112345678",
        "Message": "Grüße €",
        "MessageAttributes": {
            "AWS.SNS.SMS.SMSType": text | {"StringValue": "Transactional"},
            "AWS.SNS.SMS.MaxPrice": {"DataType": "Number", "StringValue": "0.10"},
            "AWS.SNS.SMS.SenderID": text | {"StringValue": "Carillon"},
            "notification_id": text | {"StringValue": "n-1"},
            "delivery_id": text | {"StringValue": "d-1"},
        },
    }
    answers.add_response("publish", {"MessageId": "m-1"}, expected)
    assert SnsProvider(client, sender_id="Carillon", max_price=Decimal("0.10")).send(SMS) == "m-1"


@pytest.mark.parametrize("sender_id", [None, ""])
def test_without_a_sender_id_none_is_named(sender_id: str | None, client: "SNSClient") -> None:
    assert "AWS.SNS.SMS.SenderID" not in SnsProvider(client, sender_id=sender_id, max_price=Decimal(1))._attributes


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"),
    [
        (400, "InvalidParameter", INVALID_NUMBER, RecipientRefusedError),
        (400, "OptedOut", "no", RecipientRefusedError),
        (400, "InvalidParameter", "Invalid parameter: Message too long", MessageRefusedError),
        (400, "InvalidParameter", "Empty message", MessageRefusedError),
        (400, "InvalidParameter", "Invalid parameter: MessageAttributes Reason: SenderID", UnavailableError),
        (400, "ValidationException", "no", UnavailableError),
        (403, "AuthorizationError", "no", UnavailableError),
        (403, "AccessDenied", "no", UnavailableError),
        (429, "Throttled", "no", ThrottledError),
        (400, "Throttling", "Rate exceeded", ThrottledError),
        (500, "InternalError", "no", UnavailableError),
    ],
)
def test_each_of_its_errors_means_something(
    status: int, code: str, text: str, kind: type[ProviderError], client: "SNSClient", answers: Stubber
) -> None:
    answers.add_client_error("publish", code, text, status)
    with pytest.raises(ProviderError) as error:
        SnsProvider(client, sender_id=None, max_price=Decimal(1)).send(SMS)
    assert type(error.value) is kind
    assert error.value.code == code
    assert error.value.__suppress_context__
    assert SMS.endpoint.address not in str(error.value)


def test_its_client_sends_once() -> None:
    assert clients.sns().meta.config.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]
