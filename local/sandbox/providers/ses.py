"""Amazon SES, API version 2: what SendEmail was asked to send, and how SES says no."""

import base64
import json
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default as modern_email
from typing import Any

from starlette.responses import Response

from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.aws import AwsRequest, json_error

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors and, for the service's
# own failures, https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
_FAILURES: dict[Mode, tuple[int, str, str]] = {
    "outage": (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
    "throttle": (429, "TooManyRequestsException", "Maximum sending rate exceeded."),
    "reject": (400, "MessageRejected", "The message can't be sent because it contains invalid content."),
}


_MAX_BYTES = 40 * 1024 * 1024


class Ses:
    """The email provider behind the signing name `ses`."""

    name = "ses"
    signing_name = "ses"

    def concerns(self, request: AwsRequest) -> bool:
        """Whether it is SendEmail; other calls only pass through."""
        return (request.method, request.path) == ("POST", "/v2/email/outbound-emails")

    sends = concerns

    def failure(self, mode: Mode) -> Response:
        """The answer of SES to SendEmail."""
        return json_error(*_FAILURES[mode])

    def refusal(self, request: AwsRequest) -> Response | None:
        """SES's answer to a mail of over 40 MB in base64: https://docs.aws.amazon.com/ses/latest/dg/quotas.html."""
        content = json.loads(request.body)["Content"]
        size = len(content["Raw"]["Data"]) if "Raw" in content else _encoded_bytes(content.get("Simple", {}))
        text = f"Message length is more than {_MAX_BYTES} bytes long: '{size}'."
        return json_error(400, "BadRequestException", text) if size > _MAX_BYTES else None

    def message(self, request: AwsRequest, answer: bytes, /) -> Message:
        """The mail of a SendEmail request with simple or raw content."""
        asked = json.loads(request.body)
        content = asked["Content"]
        mail = _raw(content["Raw"]) if "Raw" in content else _simple(content.get("Simple", {}))
        tags = {tag["Name"]: tag["Value"] for tag in asked.get("EmailTags", [])}
        return Message(
            channel="email",
            provider=self.name,
            to=", ".join(asked.get("Destination", {}).get("ToAddresses", [])),
            subject=mail.subject,
            body=mail.html or mail.text or "",
            content_type="text/html" if mail.html else "text/plain",
            text=mail.text,
            details=(*_details(asked, mail, tags), ("Message id", json.loads(answer or b"{}").get("MessageId", ""))),
            headers=tuple(_present(_addresses(asked) + list(mail.headers))),
            raw=mail.raw,
            notification_id=tags.get("notification_id"),
            delivery_id=tags.get("delivery_id"),
        )


@dataclass(frozen=True)
class _Mail:
    subject: str | None
    html: str | None
    text: str | None
    headers: tuple[tuple[str, str], ...]
    raw: str | None = None


def _simple(simple: dict[str, Any]) -> _Mail:
    body = simple.get("Body", {})
    return _Mail(
        subject=simple.get("Subject", {}).get("Data"),
        html=body.get("Html", {}).get("Data"),
        text=body.get("Text", {}).get("Data"),
        headers=tuple((header["Name"], header["Value"]) for header in simple.get("Headers", [])),
    )


def _encoded_bytes(simple: dict[str, Any]) -> int:
    """How many bytes the parts of a mail take in base64."""
    parts = (part.get("Data", "") for part in simple.get("Body", {}).values())
    return sum(4 * -(-len(part.encode()) // 3) for part in parts)


def _raw(raw: dict[str, Any]) -> _Mail:
    mime = message_from_bytes(base64.b64decode(raw["Data"]), policy=modern_email)
    html, text = mime.get_body(("html",)), mime.get_body(("plain",))
    return _Mail(
        subject=mime["Subject"],
        html=html.get_content() if html else None,
        text=text.get_content() if text else None,
        headers=tuple((name, str(value)) for name, value in mime.items()),
        raw=base64.b64decode(raw["Data"]).decode("utf-8", "replace"),
    )


def _details(asked: dict[str, Any], mail: _Mail, tags: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Whatever else SES was told, in the order a reader looks for it."""
    bcc = ", ".join(asked.get("Destination", {}).get("BccAddresses", []))
    told = [
        *_addresses(asked),
        ("Bcc", bcc),
        ("Configuration set", asked.get("ConfigurationSetName")),
        *mail.headers,
        *((f"Tag {name}", value) for name, value in tags.items()),
    ]
    return tuple(_present(told))


def _addresses(asked: dict[str, Any]) -> list[tuple[str, Any]]:
    """The addresses that are also headers of the mail, but for whom it is to."""
    return [
        ("From", asked.get("FromEmailAddress")),
        ("Cc", ", ".join(asked.get("Destination", {}).get("CcAddresses", []))),
        ("Reply-To", ", ".join(asked.get("ReplyToAddresses", []))),
    ]


def _present(told: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in told if value]
