"""Amazon SNS as a provider of push: a platform endpoint is made of a device token once, and published to.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html,
https://docs.aws.amazon.com/sns/latest/api/API_CreatePlatformEndpoint.html and, for FCM's own payload,
https://docs.aws.amazon.com/sns/latest/dg/sns-fcm-v1-payloads.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers import fcm
from local.sandbox.providers.aws import AwsRequest, query_error
from local.sandbox.providers.sns import NAMESPACE, attributes, no_text, too_long

_FAILURES: Final[Mapping[Mode, tuple[int, str, str]]] = {
    "outage": (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
    "throttle": (400, "Throttling", "Rate exceeded"),
    "reject": (400, "EndpointDisabled", "Endpoint is disabled"),
}
_MAX_BYTES: Final = 256 * 1024
_MAX_PAYLOAD_BYTES: Final = 4096
"""Of what a device is sent. Apple and Google say so to SNS, which has taken the message by then and tells its log:
https://docs.aws.amazon.com/sns/latest/dg/topics-attrib-prereq.html
"""
_ENDPOINT: Final = re.compile(":(endpoint|app)/")  # the emulator calls an endpoint as AWS calls its app
_MADE: Final = re.compile(rb"<EndpointArn>([^<]+)</EndpointArn>")


class SnsPush:
    """The alternative provider of push, for both platforms."""

    name = "sns-push"
    signing_name = "sns"

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def concerns(self, request: AwsRequest) -> bool:
        """Whether a platform endpoint is made or published to."""
        return request.query.get("Action") == "CreatePlatformEndpoint" or self.sends(request)

    def sends(self, request: AwsRequest) -> bool:
        """Whether a platform endpoint is published to."""
        query = request.query
        return query.get("Action") == "Publish" and bool(_ENDPOINT.search(query.get("TargetArn", "")))

    def failure(self, mode: Mode) -> Response:
        """The answer of SNS to Publish."""
        return query_error(*_FAILURES[mode], NAMESPACE)

    def refusal(self, request: AwsRequest) -> Response | None:
        """SNS's answer to a message that there is not, or that is over its 256 KB."""
        text = request.query.get("Message", "")
        return too_long() if len(text.encode()) > _MAX_BYTES else no_text() if not text else None

    def message(self, request: AwsRequest, answer: bytes, /) -> Message | None:
        """The notification of a Publish, unless its device does not get it for its size.

        An endpoint that was made is remembered, for the token it stands for.
        """
        query = request.query
        if query["Action"] == "CreatePlatformEndpoint":
            if made := _MADE.search(answer):
                self._tokens[made[1].decode()] = query.get("Token", "")
            return None
        arn, told = query["TargetArn"], attributes(query)
        text = _text(query, platform=arn.split("/")[1])
        payload = _document(text)
        if len(_carried(payload, text).encode()) > _MAX_PAYLOAD_BYTES:
            return None
        title, body = _shown(payload)
        return Message(
            channel="push",
            provider=self.name,
            to=self._tokens.get(arn, arn),
            subject=title,
            body=body,
            details=(("Endpoint", arn), *told.items(), ("Payload", _pretty(payload))),
            notification_id=told.get("notification_id"),
            delivery_id=told.get("delivery_id"),
        )


def _text(query: Mapping[str, str], platform: str) -> str:
    """What this platform is sent: its own part of a structured message, a JSON text in JSON, or the default text."""
    text = query.get("Message", "")
    if query.get("MessageStructure") == "json":
        parts = json.loads(text)
        text = parts.get(platform, parts.get("default", ""))
    return text


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _carried(payload: Any, text: str) -> str:
    """What is carried to the device: for FCM its own payload, out of what SNS wraps it in; else the text as it came."""
    if not isinstance(payload, dict) or "fcmV1Message" not in payload:
        return text
    return fcm.carried(payload["fcmV1Message"].get("message", {}))


def _shown(payload: Any) -> tuple[str | None, str]:
    """The title and the text a device shows."""
    if not isinstance(payload, dict):
        return None, str(payload)
    message = payload.get("fcmV1Message", {}).get("message", payload)
    alert = message.get("aps", {}).get("alert") or message.get("notification") or {}
    return (alert.get("title"), alert.get("body", "")) if isinstance(alert, dict) else (None, alert)


def _pretty(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=False)
