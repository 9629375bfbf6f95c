"""Calls of AWS services pass through here: failed on demand, forwarded byte for byte, recorded when accepted.

What AWS would not take, and the emulator does, is refused here.

A signed request is forwarded exactly as it came, Host header included, so that its signature stays valid and the
emulator judges the caller's own permissions.
"""

import re

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.sandbox.alerts import notice_of
from local.sandbox.faults import Faults, is_still_there_after, until_disconnected
from local.sandbox.messages import Inbox
from local.sandbox.providers import AWS_PROVIDERS
from local.sandbox.providers.aws import AwsProvider, AwsRequest, json_error

# Connection-specific (RFC 9110, 7.6.1) or set again by the server that answers.
_NOT_RELAYED = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
_SIGNED_FOR = re.compile(r"AWS4-HMAC-SHA256 .*?Credential=[^/]+/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")


def signing_name(scope: Scope) -> str | None:
    """The AWS service that a request is signed for; None when it is not an AWS request."""
    authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    signed = _SIGNED_FOR.match(authorization)
    return signed["service"] if signed else None


class PassThrough:
    """An ASGI application in front of the emulator."""

    def __init__(self, emulator_url: str, inbox: Inbox, faults: Faults) -> None:
        self._emulator_url = httpx.URL(emulator_url)
        # The caller's own timeout decides how long is too long.
        self._http = httpx.AsyncClient(timeout=None, trust_env=False)  # noqa: S113
        self._inbox, self._faults = inbox, faults
        self._providers = [provider() for provider in AWS_PROVIDERS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one signed request."""
        request = Request(scope, receive)
        body = await request.body()
        asked = AwsRequest(request.method, request.url.path, body)
        provider = self._concerned(signing_name(scope), asked)
        failure = self._faults.next_failure(provider.name) if provider and provider.sends(asked) else None
        late = failure if failure and failure.mode == "timeout" else None
        if late and not late.accepts:
            await until_disconnected(receive)
            return
        if provider and failure and not late:
            answer = provider.failure(failure.mode)
        elif refusal := provider.refusal(asked) if provider and provider.sends(asked) else None:
            answer = refusal
        else:
            answer = await self._forward(request, asked, provider)
        if late and not await is_still_there_after(late.seconds, receive):
            return
        await answer(scope, receive, send)

    def _concerned(self, service: str | None, asked: AwsRequest) -> AwsProvider | None:
        return next((each for each in self._providers if each.signing_name == service and each.concerns(asked)), None)

    async def aclose(self) -> None:
        """Close the connections to the emulator."""
        await self._http.aclose()

    async def _forward(self, request: Request, asked: AwsRequest, provider: AwsProvider | None) -> Response:
        target = self._emulator_url.copy_with(raw_path=_raw_path(request.scope))
        # Built by hand: `client.request` would add headers of its own.
        forwarded = httpx.Request(request.method, target, headers=request.headers.raw, content=asked.body)
        try:
            answer = await self._http.send(forwarded, stream=True)
        except httpx.TransportError as error:
            return json_error(503, "ServiceUnavailable", f"The emulator does not answer: {type(error).__name__}")
        content = b"".join([chunk async for chunk in answer.aiter_raw()])
        await answer.aclose()
        if provider and answer.is_success:
            message = provider.message(asked, content)
            if message:
                await self._inbox.add(message)
        if answer.is_success and (notice := notice_of(asked)):
            await self._inbox.tell(notice)
        headers = {name: value for name, value in answer.headers.items() if name not in _NOT_RELAYED}
        return Response(content, answer.status_code, headers)


def _raw_path(scope: Scope) -> bytes:
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path
