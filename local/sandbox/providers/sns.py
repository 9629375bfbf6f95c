"""Amazon SNS: text messages to a phone number, and what SNS's calls and errors have in common.

Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, its attributes for SMS
https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html and
https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
"""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.aws import AwsRequest, query_error

_MAX_CHARACTERS: Final = 1600
NAMESPACE: Final = "http://sns.amazonaws.com/doc/2010-03-31/"
_FAILURES: Final[Mapping[Mode, tuple[int, str, str]]] = {
    "outage": (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
    "throttle": (400, "Throttling", "Rate exceeded"),
    "reject": (400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: the number is opted out"),
}


class Sns:
    """The SMS provider behind the signing name `sns`."""

    name = "sns"
    signing_name = "sns"

    def concerns(self, request: AwsRequest) -> bool:
        """Whether a phone number is published to; topics are not our business."""
        query = request.query
        return query.get("Action") == "Publish" and "PhoneNumber" in query

    sends = concerns

    def failure(self, mode: Mode) -> Response:
        """The answer of SNS to Publish."""
        return query_error(*_FAILURES[mode], NAMESPACE)

    def refusal(self, request: AwsRequest) -> Response | None:
        """SNS's answer to a text that there is not, or that is over its 1,600 characters."""
        text = request.query.get("Message", "")
        return too_long() if utf16_units(text) > _MAX_CHARACTERS else no_text() if not text else None

    def message(self, request: AwsRequest, _answer: bytes, /) -> Message:
        """The text message of a Publish."""
        query = request.query
        told = attributes(query)
        return Message(
            channel="sms",
            provider=self.name,
            to=query["PhoneNumber"],
            body=query.get("Message", ""),
            details=tuple(told.items()),
            notification_id=told.get("notification_id"),
            delivery_id=told.get("delivery_id"),
        )


def utf16_units(text: str) -> int:
    """How many characters a text has to who holds it in UTF-16, as SNS and Twilio: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def no_text() -> Response:
    """SNS's answer to a Publish of nothing."""
    return query_error(400, "InvalidParameter", "Invalid parameter: Empty message", NAMESPACE)


def too_long() -> Response:
    """SNS's answer to a Publish of more than it takes."""
    return query_error(400, "InvalidParameter", "Invalid parameter: Message too long", NAMESPACE)


def attributes(query: Mapping[str, str]) -> dict[str, str]:
    """The message attributes of a Publish, by name."""
    entry = "MessageAttributes.entry."
    numbers = (key.removeprefix(entry).removesuffix(".Name") for key in query if key.endswith(".Name"))
    return {query[f"{entry}{n}.Name"]: query.get(f"{entry}{n}.Value.StringValue", "") for n in numbers}
