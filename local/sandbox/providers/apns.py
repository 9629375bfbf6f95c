"""Apple Push Notification service: HTTP/2, a provider token per team, one device per request.

Source: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns and, for the
errors, https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

import json
import re
import time
from typing import Any, Final
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.responses import JSONResponse, Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import KEPT_SECONDS, Mode
from local.sandbox.messages import Message
from local.sandbox.providers.http import Accepted, Call

_DEVICE: Final = re.compile(r"/3/device/([^/]*)")
_TOKEN: Final = re.compile(r"([0-9A-Fa-f]{2}){32,100}")
_TOKEN_LIVES_SECONDS: Final = 3600
_TOKEN_RENEWED_AT_MOST_EVERY_SECONDS: Final = 20 * 60
_MAX_PAYLOAD_BYTES: Final = 4096
_MAX_COLLAPSE_ID_BYTES: Final = 64
_PUSH_TYPES: Final = {"alert", "background", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity"}
DEAD: Final = "dead"
"""A device token that starts so belongs to an app that was removed. Apple has none to test with."""


class _RefusedError(Exception):
    """The request gets this status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Apns:
    """The push provider of Apple's devices."""

    name = "apns"
    hosts = ("api.push.apple.com", "api.sandbox.push.apple.com", "api.development.push.apple.com")

    def __init__(self, credentials: Credentials) -> None:
        self._key = credentials.apns
        private = load_pem_private_key(self._key.private_key.encode(), password=None)
        self._public_key: Any = private.public_key()
        self._shown: dict[str, tuple[int, float]] = {}

    def answer(self, call: Call) -> Accepted | Response:
        """Take one notification for one device."""
        apns_id = call.headers.get("apns-id") or str(uuid4())
        try:
            message = self._message(call, apns_id)
        except _RefusedError as refused:
            return _refusal(refused.status, refused.reason, apns_id)
        return Accepted(message, Response(headers={"apns-id": apns_id}))

    def failure(self, mode: Mode) -> Response:
        """Apple's reasons for each fault."""
        status, reason = {
            "outage": (503, "ServiceUnavailable"),
            "throttle": (429, "TooManyRequests"),
            "reject": (410, "Unregistered"),
        }[mode]
        return _refusal(status, reason, str(uuid4()))

    def _message(self, call: Call, apns_id: str) -> Message:
        if call.http_version != "2":
            raise _RefusedError(400, "BadPath")  # Apple speaks nothing else: an HTTP/1.1 connection is just closed
        device = _DEVICE.fullmatch(call.path)
        if device is None:
            raise _RefusedError(404, "BadPath")
        if call.method != "POST":
            raise _RefusedError(405, "MethodNotAllowed")
        self._authenticate(call)
        _check_headers(call, self._key.topic)
        _check_device(device[1])
        payload = _payload(call.body)
        alert = payload["aps"].get("alert", "")
        alert = alert if isinstance(alert, dict) else {"body": alert}
        told = {name: value for name, value in call.headers.items() if name.startswith("apns-")}
        return Message(
            channel="push",
            provider=self.name,
            to=device[1],
            subject=alert.get("title"),
            body=alert.get("body", ""),
            details=(
                *({**told, "apns-id": apns_id}).items(),
                ("Payload", json.dumps(payload, indent=2, ensure_ascii=False)),
            ),
            **call.ids,
        )

    def _authenticate(self, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _RefusedError(403, "MissingProviderToken")
        issued_at = self._issued_at(token)
        if time.time() - issued_at > _TOKEN_LIVES_SECONDS:
            raise _RefusedError(403, "ExpiredProviderToken")
        if not self._may_be_shown(issued_at, call.peer):
            raise _RefusedError(429, "TooManyProviderTokenUpdates")

    def _may_be_shown(self, issued_at: int, peer: str) -> bool:
        """Say whether a connection may show the token of this time, by the one that it showed last.

        Connections do not know of each other's. Who was silent for longer than an idle connection is kept has come on
        another one, from a port that is used again.
        """
        now = time.time()
        last, heard_at = self._shown.get(peer, (issued_at, now))
        if now - heard_at <= KEPT_SECONDS and 0 < abs(issued_at - last) < _TOKEN_RENEWED_AT_MOST_EVERY_SECONDS:
            self._shown[peer] = last, now
            return False
        self._shown[peer] = issued_at, now
        return True

    def _issued_at(self, token: str) -> int:
        try:
            if jwt.get_unverified_header(token).get("kid") != self._key.key_id:
                raise _RefusedError(403, "InvalidProviderToken")
            claims = jwt.decode(
                token,
                self._public_key,
                algorithms=["ES256"],
                issuer=self._key.team_id,
                options={"require": ["iss", "iat"]},
                leeway=60,
            )
        except jwt.InvalidTokenError as error:
            raise _RefusedError(403, "InvalidProviderToken") from error
        return int(claims["iat"])


def _check_headers(call: Call, topic: str) -> None:
    headers = call.headers
    checks = (
        ("MissingTopic", bool(headers.get("apns-topic"))),
        ("TopicDisallowed", headers.get("apns-topic") == topic),
        ("InvalidPushType", headers.get("apns-push-type", "alert") in _PUSH_TYPES),
        ("BadPriority", headers.get("apns-priority", "10") in {"1", "5", "10"}),
        ("BadExpirationDate", headers.get("apns-expiration", "0").isdigit()),
        ("BadCollapseId", len(headers.get("apns-collapse-id", "").encode()) <= _MAX_COLLAPSE_ID_BYTES),
        ("BadMessageId", _is_uuid(headers.get("apns-id", str(uuid4())))),
    )
    for reason, holds in checks:
        if not holds:
            raise _RefusedError(400, reason)


def _check_device(token: str) -> None:
    if not token:
        raise _RefusedError(400, "MissingDeviceToken")
    if not _TOKEN.fullmatch(token):
        raise _RefusedError(400, "BadDeviceToken")
    if token.lower().startswith(DEAD):
        raise _RefusedError(410, "Unregistered")


def _payload(body: bytes) -> dict[str, Any]:
    if not body:
        raise _RefusedError(400, "PayloadEmpty")
    if len(body) > _MAX_PAYLOAD_BYTES:
        raise _RefusedError(413, "PayloadTooLarge")
    try:
        payload = json.loads(body)
    except ValueError as error:
        raise _RefusedError(400, "BadMessage") from error
    if not isinstance(payload, dict) or not isinstance(payload.get("aps"), dict):
        raise _RefusedError(400, "PayloadEmpty")
    return payload


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _refusal(status: int, reason: str, apns_id: str) -> Response:
    since = {"timestamp": int(time.time() * 1000)} if status == 410 else {}  # when the token was last seen dead
    return JSONResponse({"reason": reason, **since}, status, headers={"apns-id": apns_id})
