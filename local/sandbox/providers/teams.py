"""Microsoft Teams' Workflows: a card is posted to a flow's address, whose query holds the signature that lets it in.

Source: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
and https://learn.microsoft.com/en-us/azure/logic-apps/logic-apps-http-endpoint
"""

import json
import re
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError
from starlette.responses import JSONResponse, Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import Mode
from local.sandbox.messages import Message
from local.sandbox.providers.http import THROTTLED_SECONDS, Accepted, Call

_PATH: Final = re.compile(r".*/workflows/([0-9a-f]{32})/triggers/[^/]+/paths/invoke")
_MAX_BYTES: Final = 28 * 1024


class _Card(BaseModel):
    type: Literal["AdaptiveCard"]
    version: str
    body: list[dict[str, Any]]


class _Attachment(BaseModel):
    content_type: Annotated[Literal["application/vnd.microsoft.card.adaptive"], Field(alias="contentType")]
    content: _Card


class _Post(BaseModel):
    type: Literal["message"]
    attachments: Annotated[list[_Attachment], Field(min_length=1)]


class Teams:
    """Channels of Microsoft Teams."""

    name = "teams"
    hosts = (
        ".logic.azure.com",
        ".logic.azure.us",
        ".logic.azure.cn",
        ".api.powerplatform.com",
        ".powerplatform.microsoft.us",
        ".webhook.office.com",
        "outlook.office.com",
    )

    def __init__(self, credentials: Credentials) -> None:
        """Nobody is known by a credential: whoever has the address may write there."""

    def answer(self, call: Call) -> Accepted | Response:
        """Start the flow that posts one card."""
        flow = _PATH.fullmatch(call.path)
        if flow is None:
            return _error(404, "ResourceNotFound", "The requested resource does not exist.")
        if not call.query.get("sig"):
            text = "The request must be authenticated by Shared Access scheme."
            return _error(401, "DirectApiAuthorizationRequired", text)
        if call.method != "POST":
            return _error(405, "MethodNotAllowed", f"The HTTP method '{call.method}' is not supported.")
        if len(call.body) > _MAX_BYTES:
            return _error(413, "RequestEntityTooLarge", "The request is larger than a message may be.")
        try:
            post = _Post.model_validate_json(call.body)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(map(str, problem["loc"]))
            text = (
                f"The input body for trigger 'manual' of type 'Request' did not match its schema definition. '{where}'"
            )
            return _error(400, "TriggerInputSchemaMismatch", text)
        kept = Message(
            channel="chat",
            provider=self.name,
            to=call.url,
            body="\n".join(line for attachment in post.attachments for line in _lines(attachment.content.body)),
            details=(("Payload", json.dumps(json.loads(call.body), indent=2, ensure_ascii=False)),),
            **call.ids,
        )
        return Accepted(kept, Response(status_code=202, headers={"x-ms-workflow-run-id": uuid4().hex}))

    def failure(self, mode: Mode) -> Response:
        """The flow service's answers for each fault."""
        status, code, text = {
            "outage": (503, "ServiceUnavailable", "The service is temporarily unavailable."),
            "throttle": (429, "TooManyRequests", "Rate limit is exceeded. Try again later."),
            "reject": (404, "WorkflowNotFound", "The workflow could not be found."),
        }[mode]
        return _error(status, code, text, {"Retry-After": str(THROTTLED_SECONDS)} if mode == "throttle" else None)


def _lines(elements: list[dict[str, Any]]) -> list[str]:
    """The text of a card, from its containers too."""
    lines = []
    for element in elements:
        lines += [str(element["text"])] if "text" in element else []
        lines += _lines(element.get("items", []))
    return lines


def _error(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": text}}, status, headers=headers)
