"""Firebase Cloud Messaging, HTTP v1.

Source: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and, for the errors,
https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
"""

import json
import re
import time
from secrets import token_hex
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.google_oauth import may_send
from local.sandbox.providers.http import THROTTLED_SECONDS, Accepted, Call

_SEND: Final = re.compile(r"/v1/projects/([^/]+)/messages:send")
_MIN_TOKEN: Final = 100
_MAX_PAYLOAD_BYTES: Final = 4096
_RESERVED_DATA: Final = re.compile(r"from|message_type|(google|gcm)\..*")
_ERROR_TYPE: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_VIOLATIONS_TYPE: Final = "type.googleapis.com/google.rpc.BadRequest"
_NOT_FOUND: Final = "Requested entity was not found."
DEAD: Final = "dead"
"""A registration token that starts so belongs to an app that was removed. Google has none to test with."""


class _Json(BaseModel):
    """JSON of a protocol buffer: both spellings of a name are understood, unknown names are refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class _Notification(_Json):
    title: StrictStr | None = None
    body: StrictStr | None = None
    image: StrictStr | None = None


class _Android(_Json):
    collapse_key: StrictStr | None = None
    priority: Annotated[str | None, Field(pattern="^(normal|high|NORMAL|HIGH)$")] = None
    ttl: Annotated[str | None, Field(pattern=r"^\d+(\.\d{1,9})?s$")] = None
    restricted_package_name: StrictStr | None = None
    data: dict[str, StrictStr] = {}
    notification: dict[str, Any] | None = None
    fcm_options: dict[str, Any] | None = None
    direct_boot_ok: StrictBool | None = None


class _Message(_Json):
    token: StrictStr | None = None
    topic: StrictStr | None = None
    condition: StrictStr | None = None
    data: dict[str, StrictStr] = {}
    notification: _Notification = _Notification()
    android: _Android | None = None
    webpush: dict[str, Any] | None = None
    apns: dict[str, Any] | None = None
    fcm_options: dict[str, Any] | None = None


class _Request(_Json):
    validate_only: StrictBool = False
    message: _Message


class Fcm:
    """The push provider of Android devices."""

    name = "fcm"
    hosts = ("fcm.googleapis.com",)

    def __init__(self, credentials: Credentials) -> None:
        self._account = credentials.fcm

    def answer(self, call: Call) -> Accepted | Response:
        """Take one message for one registration token."""
        project = _SEND.fullmatch(call.path)
        if call.method != "POST" or project is None:
            return _error(404, "NOT_FOUND", _NOT_FOUND)
        return self._refusal(call, project[1]) or self._accept(call)

    def failure(self, mode: Mode) -> Response:
        """Google's answers for each fault."""
        if mode == "reject":
            return _unregistered()
        status, code, text = {
            "outage": (503, "UNAVAILABLE", "The service is currently unavailable."),
            "throttle": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Send messages'."),
        }[mode]
        fcm_code = {"outage": "UNAVAILABLE", "throttle": "QUOTA_EXCEEDED"}[mode]
        return _error(status, code, text, fcm_code, headers={"Retry-After": str(THROTTLED_SECONDS)})

    def _refusal(self, call: Call, project: str) -> Response | None:
        allowed = may_send(self._account, call.headers.get("authorization", ""))
        if allowed is None:
            return _error(
                401,
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
            )
        if not allowed or project != self._account.project_id:
            return _error(
                403,
                "PERMISSION_DENIED",
                "Permission 'cloudmessaging.messages.create' denied on resource "
                f"'//cloudresourcemanager.googleapis.com/projects/{project}' (or it may not exist).",
            )
        return None

    def _accept(self, call: Call) -> Accepted | Response:
        try:
            request = _Request.model_validate_json(call.body)
        except ValidationError as error:
            violations = [
                {"field": ".".join(map(str, e["loc"])), "description": e["msg"]}
                for e in error.errors(include_url=False)
            ]
            return _invalid(f"Invalid JSON payload received. {violations[0]['description']}", violations)
        message = request.message
        token = message.token
        if not token:
            return _invalid("Recipient of the message is not set.")
        if reserved := next(filter(_RESERVED_DATA.fullmatch, message.data), None):
            return _invalid(f"Invalid data payload key: {reserved}")
        if len(carried(message.model_dump(exclude_none=True)).encode()) > _MAX_PAYLOAD_BYTES:
            return _invalid("Android message is too big")
        if len(token) < _MIN_TOKEN:
            return _invalid("The registration token is not a valid FCM registration token")
        if token.startswith(DEAD):
            return _unregistered()
        return self._accepted(call, message, token)

    def _accepted(self, call: Call, message: _Message, token: str) -> Accepted:
        payload = json.dumps(json.loads(call.body), indent=2, ensure_ascii=False)
        name = f"projects/{self._account.project_id}/messages/0:{int(time.time() * 1e6)}%{token_hex(8)}"
        shown = message.notification
        kept = Message(
            channel="push",
            provider=self.name,
            to=token,
            subject=shown.title,
            body=shown.body or "",
            details=(("Name", name), ("Payload", payload)),
            **call.ids,
        )
        return Accepted(kept, JSONResponse({"name": name}))


def carried(message: dict[str, Any]) -> str:
    """What of a message goes to the device, as JSON: what is shown, and the data.

    https://firebase.google.com/docs/cloud-messaging/concept-options: both together have 4,096 bytes.
    """
    android = message.get("android") or {}
    shown = {**(message.get("notification") or {}), **(android.get("notification") or {})}
    data = {**(message.get("data") or {}), **(android.get("data") or {})}
    return json.dumps({"notification": shown, "data": data}, ensure_ascii=False, separators=(",", ":"))


def _unregistered() -> Response:
    return _error(404, "NOT_FOUND", _NOT_FOUND, "UNREGISTERED")


def _invalid(text: str, violations: list[dict[str, str]] | None = None) -> Response:
    about = {"@type": _VIOLATIONS_TYPE, "fieldViolations": violations} if violations else None
    return _error(400, "INVALID_ARGUMENT", text, None if violations else "INVALID_ARGUMENT", about)


def _error(
    status: int,
    code: str,
    text: str,
    fcm_code: str | None = None,
    detail: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error as Google's APIs write one: https://cloud.google.com/apis/design/errors#http_mapping."""
    of_fcm = {"@type": _ERROR_TYPE, "errorCode": fcm_code} if fcm_code else None
    details = [each for each in (of_fcm, detail) if each]
    error = {"code": status, "message": text, "status": code, **({"details": details} if details else {})}
    return JSONResponse({"error": error}, status, headers=headers)
