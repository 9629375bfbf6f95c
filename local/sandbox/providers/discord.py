"""Discord's webhooks.

Source: https://docs.discord.com/developers/resources/webhook#execute-webhook, its errors
https://docs.discord.com/developers/topics/opcodes-and-status-codes#json and its limits
https://docs.discord.com/developers/topics/rate-limits
"""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.http import THROTTLED_SECONDS, Accepted, Call

_PATH: Final = re.compile(r"/api(?:/v\d+)?/webhooks/(?P<id>\d{17,20})/(?P<token>[A-Za-z0-9_-]+)")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20,}")
_MAX_CONTENT: Final = 2000
_MAX_EMBEDS: Final = 10
_EPOCH_MS: Final = 1_420_070_400_000


class Discord:
    """Channels of Discord."""

    name = "discord"
    hosts = ("discord.com", "ptb.discord.com", "canary.discord.com", "discordapp.com")

    def __init__(self, credentials: Credentials) -> None:
        """Nobody is known by a credential: whoever has the address may write there."""

    def answer(self, call: Call) -> Accepted | Response:
        """Take one message for one channel; `?wait=true` asks for the message that was made of it."""
        webhook = _PATH.fullmatch(call.path)
        if webhook is None:
            return _error(404, 10015, "Unknown Webhook")
        if not _TOKEN.fullmatch(webhook["token"]):
            return _error(401, 50027, "Invalid Webhook Token")
        if call.method != "POST":
            return _error(405, 0, "405: Method Not Allowed")
        try:
            asked = json.loads(call.body)
        except ValueError:
            return _error(400, 50109, "The request body contains invalid JSON.")
        return _refusal(asked) or self._accept(call, webhook["id"], asked)

    def failure(self, mode: Mode) -> Response:
        """Discord's answers for each fault."""
        if mode == "outage":
            return _error(503, 0, "503: Service Unavailable")
        if mode == "reject":
            return _error(404, 10015, "Unknown Webhook")
        told = {"message": "You are being rate limited.", "retry_after": float(THROTTLED_SECONDS), "global": False}
        headers = {
            "Retry-After": str(THROTTLED_SECONDS),
            "X-RateLimit-Limit": "5",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset-After": str(THROTTLED_SECONDS),
            "X-RateLimit-Scope": "user",
        }
        return JSONResponse(told, 429, headers=headers)

    def _accept(self, call: Call, webhook_id: str, asked: dict[str, Any]) -> Accepted:
        snowflake = str((int(time.time() * 1000) - _EPOCH_MS) << 22)
        text = asked.get("content") or "\n".join(_embedded(embed) for embed in asked["embeds"])
        kept = Message(
            channel="chat",
            provider=self.name,
            to=f"https://{call.host}{call.path}",
            body=text,
            details=(("Message id", snowflake), ("Payload", json.dumps(asked, indent=2, ensure_ascii=False))),
            **call.ids,
        )
        if call.query.get("wait") != "true":
            return Accepted(kept, Response(status_code=204))
        made = {
            "id": snowflake,
            "type": 0,
            "content": asked.get("content") or "",
            "channel_id": webhook_id,
            "author": {"id": webhook_id, "username": asked.get("username") or "Carillon", "bot": True},
            "embeds": asked.get("embeds") or [],
            "timestamp": datetime.now(UTC).isoformat(),
            "webhook_id": webhook_id,
        }
        return Accepted(kept, JSONResponse(made))


def _refusal(asked: Any) -> Response | None:
    if not isinstance(asked, dict):
        return _error(400, 50035, "Invalid Form Body")
    content, embeds = asked.get("content") or "", asked.get("embeds") or []
    if not content.strip() and not embeds:
        return _error(400, 50006, "Cannot send an empty message")
    if len(content) > _MAX_CONTENT:  # code points: https://github.com/discord/discord-api-docs/issues/1315
        return _invalid("content", "BASE_TYPE_MAX_LENGTH", f"Must be {_MAX_CONTENT} or fewer in length.")
    if len(embeds) > _MAX_EMBEDS:
        return _invalid("embeds", "BASE_TYPE_MAX_LENGTH", f"Must be {_MAX_EMBEDS} or fewer in length.")
    return None


def _embedded(embed: dict[str, Any]) -> str:
    return "\n".join(str(embed[field]) for field in ("title", "description") if embed.get(field))


def _invalid(field: str, code: str, text: str) -> Response:
    errors = {field: {"_errors": [{"code": code, "message": text}]}}
    return JSONResponse({"message": "Invalid Form Body", "code": 50035, "errors": errors}, 400)


def _error(status: int, code: int, text: str) -> Response:
    return JSONResponse({"message": text, "code": code}, status)
