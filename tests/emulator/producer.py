"""A producer as the design page describes one, written without any of the project's own code.

What passes here passes for a client that knows only the design page and `.carillon/local.json`.
"""

import math
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import jwt

T = TypeVar("T")

READER = httpx.Client(timeout=600)
"""Whoever follows a link. Patient, as a busy machine may take long to start a function."""

FINAL = {"sent", "opened", "clicked", "error", "unsubscribed", "canceled"}


def token(app_key: str, secret: str, *, issued_at: float | None = None, lifetime: float = 120, **claims: Any) -> str:
    """A bearer token of the design: HS256, `iss`, `iat`, `exp`, `jti`."""
    now = time.time() if issued_at is None else issued_at
    body = {"iss": app_key, "iat": int(now), "exp": int(now + lifetime), "jti": str(uuid.uuid4()), **claims}
    return jwt.encode({k: v for k, v in body.items() if v is not None}, secret, algorithm="HS256")


SLOW = timedelta(seconds=3)
"""On a machine that is so busy, a call of a function's to the emulator runs out of time, and it answers 500: send it
again. What fails sooner is a failure of ours.
"""
TIMES = 5


class Producer:
    """Calls the API with one token for a minute, as any client should: the authorizer is not asked each time."""

    def __init__(self, api_url: str, app_key: str, app_secret: str, inbox_url: str) -> None:
        self._http = httpx.Client(base_url=api_url, timeout=600)
        self._inbox = httpx.Client(base_url=inbox_url, timeout=600)
        self.app_key, self.app_secret = app_key, app_secret
        self.api_url, self.inbox_url = api_url, inbox_url
        self._bearer, self._renewed_at = "", -math.inf

    def bearer(self) -> str:
        if time.monotonic() >= self._renewed_at + 60:
            self._bearer, self._renewed_at = token(self.app_key, self.app_secret), time.monotonic()
        return self._bearer

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        bearer: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        bearer = bearer or self.bearer()
        sent = {"Authorization": f"Bearer {bearer}", **(headers or {})}
        return self._asked(method, path, json=json, headers=sent)

    def _asked(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = self._http.request(method, path, **request)
        for _ in range(TIMES):
            if answer.status_code < 500 or answer.elapsed < SLOW:
                break
            answer = self._http.request(method, path, **request)
        return answer

    def raw(self, method: str, path: str, content: bytes) -> httpx.Response:
        """A body as it stands, said to be JSON."""
        headers = {"Authorization": f"Bearer {self.bearer()}", "Content-Type": "application/json"}
        return self._asked(method, path, content=content, headers=headers)

    def send(self, body: dict[str, Any], **kwargs: Any) -> httpx.Response:
        return self.call("POST", "/v1/notifications", body, **kwargs)

    def contact(self, **fields: Any) -> str:
        """A new contact with these fields; its user id."""
        user_id = f"user-{uuid.uuid4().hex[:12]}"
        answer = self.call("PUT", f"/v1/contacts/{user_id}", fields)
        assert answer.status_code == 201, answer.text
        return user_id

    def notification(self, notification_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/v1/notifications/{notification_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def until_final(self, notification_id: str, seconds: float = 600) -> dict[str, Any]:
        """The notification once each of its deliveries is in a final status (or `sent`)."""
        return until(
            lambda: self.notification(notification_id),
            lambda n: all(d["status"] in FINAL for d in n["deliveries"]),
            seconds,
        )

    def messages(self) -> list[dict[str, Any]]:
        body: list[dict[str, Any]] = self._inbox.get("/api/messages").raise_for_status().json()
        return body


def until(read: Callable[[], T], satisfied: Callable[[T], bool], seconds: float = 600) -> T:
    """Read again until it satisfies; the last thing read is in the failure.

    Ever more seldom, as to read takes the time of the emulator that what is waited for needs.
    """
    deadline, pause = time.monotonic() + seconds, 0.02
    while not satisfied(value := read()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {value}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.3)
    return value
