"""A producer's client of the API: a fresh token for each call, and answers as the API gives them."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import jwt

TOKEN_SECONDS = 120
"""How long a token is good for; the API takes at most 300."""


class ApiError(Exception):
    """The API refused a call or did not answer; the message has the status and the problem's details (RFC 9457)."""


@dataclass(frozen=True)
class Credentials:
    """An app key and its secret."""

    app_key: str
    app_secret: str

    def token(self, seconds: int = TOKEN_SECONDS) -> str:
        """A bearer token, valid from now for this long."""
        now = int(time.time())
        claims = {"iss": self.app_key, "iat": now, "exp": now + seconds, "jti": str(uuid.uuid4())}
        return jwt.encode(claims, self.app_secret, algorithm="HS256")


class Client:
    """Calls the API of one environment as one app. A context manager: connections are kept until its end."""

    def __init__(self, api_url: str, credentials: Credentials) -> None:
        self._http = httpx.Client(base_url=api_url, timeout=30)
        self._credentials = credentials

    def send(self, notification: Mapping[str, Any], idempotency_key: str | None = None) -> dict[str, Any]:
        """Have a notification accepted: `{"notification_id", "deliveries": […]}`. Raises `ApiError`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._call("POST", "/v1/notifications", notification, headers)

    def notification(self, notification_id: str) -> dict[str, Any]:
        """A notification with its deliveries, attempts and timelines. Raises `ApiError`."""
        return self._call("GET", f"/v1/notifications/{notification_id}")

    def put_contact(self, user_id: str, contact: Mapping[str, Any]) -> dict[str, Any]:
        """Store a user's addresses. Raises `ApiError`."""
        return self._call("PUT", f"/v1/contacts/{user_id}", contact)

    def put_template(self, name: str, channel: str, locale: str, template: Mapping[str, Any]) -> dict[str, Any]:
        """Store a template. Raises `ApiError`."""
        return self._call("PUT", f"/v1/templates/{name}/{channel}/{locale}", template)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._credentials.token()}", **(headers or {})}
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise ApiError(f"{method} {path}: no answer from {self._http.base_url} ({error})") from error
        if not answer.is_success:
            raise ApiError(f"{method} {path}: {answer.status_code} {_reason(answer)}")
        found: dict[str, Any] = answer.json()
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()


def _reason(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return answer.reason_phrase
    errors = [f"{error['field']}: {error['message']}" for error in problem.get("errors", [])]
    return "; ".join([problem.get("detail") or problem.get("title") or answer.reason_phrase, *errors])
