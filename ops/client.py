"""A producer's client of the API: one token for as long as it is good, and answers as the API gives them."""

import os
import time
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx
import jwt

from ops.errors import OperatorError

TOKEN_SECONDS = 120
"""How long a token is good for; the API takes at most 300."""
_ASKED_AGAIN_AFTER = (1.0, 3.0)
"""How many seconds a question waits that got no answer, or a 5xx. What only reads may be asked again."""
RENEWED_SECONDS = 30
"""How long before its end a token is used no more: a call on its way, or a clock that is ahead, must not miss it."""


class ApiError(OperatorError):
    """The API refused a call or did not answer; the message has the status and the problem's details (RFC 9457)."""


class UnavailableError(ApiError):
    """The API did not answer, or failed itself (5xx): the same call may be answered a little later."""


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


class BearerToken(httpx.Auth):
    """Puts one token on all calls until shortly before its end, and then the next one.

    API Gateway remembers what the authorizer said of a token, so a new one for each call would be checked each time.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._token = ""
        self._good_until = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with the token, once."""
        now = time.time()
        if now >= self._good_until:
            self._token, self._good_until = self._credentials.token(), now + TOKEN_SECONDS - RENEWED_SECONDS
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class Client:
    """Calls the API of one environment as one app. A context manager: connections are kept until its end."""

    def __init__(self, api_url: str, credentials: Credentials) -> None:
        self._http = httpx.Client(base_url=api_url, timeout=30, auth=BearerToken(credentials))

    def send(self, notification: Mapping[str, Any], idempotency_key: str | None = None) -> dict[str, Any]:
        """Have a notification accepted: `{"notification_id", "deliveries": […]}`. Raises `ApiError`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._call("POST", "/v1/notifications", notification, headers)

    def dry_run(self, notification: Mapping[str, Any]) -> dict[str, Any]:
        """What would be sent, and why not: `{"deliveries": […]}`. Raises `ApiError`."""
        return self._call("POST", "/v1/notifications?dry_run=true", notification)

    def notification(self, notification_id: str) -> dict[str, Any]:
        """A notification with its deliveries, attempts and timelines. Raises `ApiError`."""
        return self._read(f"/v1/notifications/{notification_id}")

    def stats(self) -> dict[str, Any]:
        """What became of the last seven days' deliveries: `{"total", "groups", …}`. Raises `ApiError`."""
        return self._read("/v1/stats")

    def broadcast(
        self, broadcast: Mapping[str, Any], idempotency_key: str | None = None, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Have a broadcast accepted: how far it is, and where to put its file. Raises `ApiError`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._call("POST", f"/v1/broadcasts?dry_run={str(dry_run).lower()}", broadcast, headers)

    def broadcast_state(self, broadcast_id: str) -> dict[str, Any]:
        """How far a broadcast is. Raises `ApiError`."""
        return self._read(f"/v1/broadcasts/{broadcast_id}")

    def move_broadcast(self, broadcast_id: str, move: str) -> dict[str, Any]:
        """Start, pause, resume or cancel a broadcast. Raises `ApiError`."""
        return self._call("POST", f"/v1/broadcasts/{broadcast_id}/{move}")

    def upload(self, url: str, file: BinaryIO) -> None:
        """Put a file, piece by piece, to the url of an upload, which needs no token. Raises `ApiError`."""
        size = os.fstat(file.fileno()).st_size
        try:
            answer = httpx.put(url, content=file, headers={"Content-Length": str(size)}, timeout=300)
        except httpx.TransportError as error:
            raise ApiError(f"the file cannot be uploaded ({error})") from error
        if not answer.is_success:
            raise ApiError(f"the file is not taken: {answer.status_code} {answer.reason_phrase}")

    def put_contact(self, user_id: str, contact: Mapping[str, Any]) -> dict[str, Any]:
        """Store a user's addresses. Raises `ApiError`."""
        return self._call("PUT", f"/v1/contacts/{user_id}", contact)

    def put_template(self, name: str, channel: str, locale: str, template: Mapping[str, Any]) -> dict[str, Any]:
        """Store a template. Raises `ApiError`."""
        return self._call("PUT", f"/v1/templates/{name}/{channel}/{locale}", template)

    def _read(self, path: str) -> dict[str, Any]:
        for pause in _ASKED_AGAIN_AFTER:
            try:
                return self._call("GET", path)
            except UnavailableError:
                time.sleep(pause)
        return self._call("GET", path)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise UnavailableError(f"{method} {path}: no answer from {self._http.base_url} ({error})") from error
        if not answer.is_success:
            refused = UnavailableError if answer.is_server_error else ApiError
            raise refused(f"{method} {path}: {answer.status_code} {_reason(answer)}")
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
    return "; ".join(errors) or problem.get("detail") or problem.get("title") or answer.reason_phrase
