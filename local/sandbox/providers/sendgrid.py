"""Twilio SendGrid's Mail Send, API version 3.

Source: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send, whose schema the models below follow,
limits included, and https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
"""

import secrets
import time
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from starlette.responses import JSONResponse, Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.http import THROTTLED_SECONDS, Accepted, Call

_HELP: Final = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
_RESERVED_HEADERS: Final = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
    *("to", "from", "subject", "reply-to", "cc", "bcc"),
}
_MAX_CUSTOM_ARGS_BYTES: Final = 10_000
_MAX_BYTES: Final = 30 * 1024 * 1024


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Address(_Model):
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    name: str | None = None


class _Content(_Model):
    type: Annotated[str, StringConstraints(min_length=1)]
    value: Annotated[str, StringConstraints(min_length=1)]


Addresses = Annotated[list[_Address], Field(min_length=1, max_length=1000)]
Texts = dict[str, str]


class _Personalization(_Model):
    to: Addresses
    sender: Annotated[_Address | None, Field(alias="from")] = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    subject: Annotated[str | None, Field(min_length=1)] = None
    headers: Texts = {}
    substitutions: Texts = {}
    dynamic_template_data: dict[str, Any] = {}
    custom_args: Texts = {}
    send_at: int | None = None


class _Mail(_Model):
    personalizations: Annotated[list[_Personalization], Field(min_length=1, max_length=1000)]
    sender: Annotated[_Address, Field(alias="from")]
    reply_to: _Address | None = None
    reply_to_list: Addresses | None = None
    subject: Annotated[str | None, Field(min_length=1)] = None
    content: Annotated[list[_Content], Field(min_length=1)]
    attachments: list[dict[str, Any]] | None = None
    template_id: str | None = None
    headers: Texts = {}
    categories: Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=10)] = []
    custom_args: Texts = {}
    send_at: int | None = None
    batch_id: str | None = None
    asm: dict[str, Any] | None = None
    ip_pool_name: Annotated[str | None, Field(min_length=2, max_length=64)] = None
    mail_settings: dict[str, Any] | None = None
    tracking_settings: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_one_mail(self) -> "_Mail":
        if not self.subject and any(not each.subject for each in self.personalizations):
            raise ValueError("The subject is required. You can get around this requirement if you use a template.")
        types = [part.type for part in self.content]
        order = [kind for kind in ("text/plain", "text/html") if kind in types]
        if types[: len(order)] != order:
            raise ValueError("If present, text/plain and text/html may only be provided once, in this order.")
        if reserved := {name.lower() for name in self.headers} & _RESERVED_HEADERS:
            raise ValueError(f"The header {min(reserved)} is reserved.")
        if sum(len(k) + len(v) for k, v in self.custom_args.items()) > _MAX_CUSTOM_ARGS_BYTES:
            raise ValueError("The total length of custom arguments must be less than 10000 bytes.")
        return self

    def part(self, kind: str) -> str | None:
        """The content of this type."""
        return next((part.value for part in self.content if part.type == kind), None)


class SendGrid:
    """The second provider of email."""

    name = "sendgrid"
    hosts = ("api.sendgrid.com", "api.eu.sendgrid.com")

    def __init__(self, credentials: Credentials) -> None:
        self._key = credentials.sendgrid.api_key

    def answer(self, call: Call) -> Accepted | Response:
        """Take one mail."""
        if not secrets.compare_digest(call.headers.get("authorization", ""), f"Bearer {self._key}"):
            return _error(401, "The provided authorization grant is invalid, expired, or revoked")
        if call.path != "/v3/mail/send":
            return _error(404, "Not Found")
        if call.method != "POST":
            return _error(405, "method not allowed")
        if call.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _error(415, "Content-Type should be application/json.")
        if len(call.body) > _MAX_BYTES:
            return _error(413, "The JSON payload you have included in your request is too large.")
        try:
            mail = _Mail.model_validate_json(call.body)
        except ValidationError as error:
            return _errors(400, [_violation(detail) for detail in error.errors(include_url=False)])
        return self._accept(call, mail)

    def failure(self, mode: Mode) -> Response:
        """SendGrid's answers for each fault."""
        if mode == "reject":
            refused = {"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email"}
            return _errors(400, [{**refused, "help": _HELP}])
        if mode == "outage":
            return _error(503, "Service Unavailable")
        limits = {
            "X-RateLimit-Limit": "600",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(time.time()) + THROTTLED_SECONDS),
        }
        return _error(429, "too many requests", limits)

    def _accept(self, call: Call, mail: _Mail) -> Accepted:
        message_id, first = secrets.token_urlsafe(16), mail.personalizations[0]
        html, text = mail.part("text/html"), mail.part("text/plain")
        sender = f"{mail.sender.name} <{mail.sender.email}>" if mail.sender.name else mail.sender.email
        headers = {"From": sender, **mail.headers, **first.headers}
        told = {
            "From": sender,
            "Message id": message_id,
            **headers,
            "Categories": ", ".join(mail.categories),
            **{f"Argument {name}": value for name, value in {**mail.custom_args, **first.custom_args}.items()},
        }
        kept = Message(
            channel="email",
            provider=self.name,
            to=", ".join(address.email for each in mail.personalizations for address in each.to),
            subject=first.subject or mail.subject,
            body=html or text or "",
            content_type="text/html" if html else "text/plain",
            text=text,
            details=tuple((name, value) for name, value in told.items() if value),
            headers=tuple(headers.items()),
            **call.ids,
        )
        return Accepted(kept, Response(status_code=202, headers={"X-Message-Id": message_id}))


def _violation(detail: Any) -> dict[str, Any]:
    message = detail["msg"].removeprefix("Value error, ")
    return {"message": message, "field": ".".join(map(str, detail["loc"])) or None, "help": _HELP}


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return _errors(status, [{"message": text, "field": None, "help": None}], headers)


def _errors(status: int, errors: list[dict[str, Any]], headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"errors": errors}, status, headers=headers)
