"""Slack's incoming webhooks: the address is the credential, the answer one word.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling-errors
"""

import json
import re
from typing import Any, Final

from starlette.responses import PlainTextResponse, Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.http import THROTTLED_SECONDS, Accepted, Call

_PATH: Final = re.compile(r"/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+")
_MAX_TEXT: Final = 40_000
_MAX_BLOCKS: Final = 50


class Slack:
    """Channels of Slack."""

    name = "slack"
    hosts = ("hooks.slack.com", "hooks.slack-gov.com")

    def __init__(self, credentials: Credentials) -> None:
        """Nobody is known by a credential: whoever has the address may write there."""

    def answer(self, call: Call) -> Accepted | Response:
        """Take one message for one channel."""
        if not _PATH.fullmatch(call.path):
            return PlainTextResponse("no_service", 404)
        payload = _payload(call) if call.method == "POST" else None
        if payload is None:
            return PlainTextResponse("invalid_payload", 400)
        text = _text(payload)
        if not text.strip():
            return PlainTextResponse("no_text", 400)
        if len(str(payload.get("text") or "")) > _MAX_TEXT:  # as it was sent, `&` in five characters
            return PlainTextResponse("msg_too_long", 400)
        if len(payload.get("blocks", [])) > _MAX_BLOCKS:
            return PlainTextResponse("invalid_blocks", 400)
        kept = Message(
            channel="chat",
            provider=self.name,
            to=call.url,
            body=text,
            details=(("Payload", json.dumps(payload, indent=2, ensure_ascii=False)),),
            **call.ids,
        )
        return Accepted(kept, PlainTextResponse("ok"))

    def failure(self, mode: Mode) -> Response:
        """Slack's words for each fault."""
        status, word = {
            "outage": (503, "service_unavailable"),
            "throttle": (429, "rate_limited"),
            "reject": (410, "channel_is_archived"),
        }[mode]
        headers = {"Retry-After": str(THROTTLED_SECONDS)} if mode == "throttle" else None
        return PlainTextResponse(word, status, headers=headers)


def _payload(call: Call) -> dict[str, Any] | None:
    """The message, sent as JSON or as a form's field; None when it is neither."""
    is_json = call.headers.get("content-type", "").startswith("application/json")
    try:
        payload = json.loads(call.body if is_json else call.form.get("payload", ""))
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def _text(payload: dict[str, Any]) -> str:
    """What a reader sees: the blocks' text, or else the plain one, with the three characters that are escaped in it.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    blocks = (block.get("text") for block in payload.get("blocks", []))
    lines = [text["text"] for text in blocks if isinstance(text, dict)]
    text = "\n".join(lines) or str(payload.get("text") or "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
