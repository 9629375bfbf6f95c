"""Anybody's own receiver of webhooks, which verifies them as Standard Webhooks says, with its reference library.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
from typing import Any, Final

from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from starlette.responses import JSONResponse, PlainTextResponse, Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.http import THROTTLED_SECONDS, Accepted, Call

_SIGNED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Webhook:
    """Every host that is no other provider's."""

    name = "webhook"
    hosts = ("",)

    def __init__(self, credentials: Credentials) -> None:
        self._verifier = Verifier(credentials.webhook.secret)

    def answer(self, call: Call) -> Accepted | Response:
        """Take one message whose signature is right."""
        headers = verified(self._verifier, call)
        if isinstance(headers, Response):
            return headers
        payload = json.loads(call.body)
        kept = Message(
            channel="chat",
            provider=self.name,
            to=call.url,
            body=_text(payload),
            details=(*headers.items(), ("Payload", json.dumps(payload, indent=2, ensure_ascii=False))),
            **call.ids,
        )
        return Accepted(kept, Response(status_code=204))

    def failure(self, mode: Mode) -> Response:
        """As of any receiver."""
        return failure(mode)


def verified(verifier: Verifier, call: Call) -> dict[str, str] | Response:
    """The headers that sign a call, or how the call is refused that they do not."""
    if call.method != "POST":
        return PlainTextResponse("method not allowed", 405)
    headers = {name: call.headers[name] for name in _SIGNED if name in call.headers}
    try:
        verifier.verify(call.body, headers)
    except WebhookVerificationError as error:
        return JSONResponse({"error": str(error)}, 401)
    return headers


def failure(mode: Mode) -> Response:
    """A receiver has no error format; the specification gives these statuses their meaning."""
    status = {"outage": 503, "throttle": 429, "reject": 410}[mode]
    headers = {"Retry-After": str(THROTTLED_SECONDS)} if mode == "throttle" else None
    return Response(status_code=status, headers=headers)


def _text(payload: Any) -> str:
    """The message in the event, wherever such receivers look for it; all of the event when there is none."""
    data = payload.get("data", {}) if isinstance(payload, dict) else {}
    found = next((data[field] for field in ("body", "text", "message") if isinstance(data.get(field), str)), None)
    return found if found is not None else json.dumps(payload, indent=2, ensure_ascii=False)
