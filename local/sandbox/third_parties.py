"""Third parties, told apart by the Host header as they are by their names on the internet."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local.sandbox.credentials import Credentials
from local.sandbox.endpoints import Endpoint, Endpoints
from local.sandbox.faults import Faults, is_still_there_after, until_disconnected
from local.sandbox.messages import Inbox
from local.sandbox.providers import HTTP_PROVIDERS
from local.sandbox.providers.http import Accepted, Call, HttpProvider


class ThirdParties:
    """An ASGI application that is all of them."""

    def __init__(self, credentials: Credentials, inbox: Inbox, faults: Faults, endpoints: Endpoints) -> None:
        self._providers = [provider(credentials) for provider in HTTP_PROVIDERS]
        self._inbox, self._faults, self._endpoints = inbox, faults, endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call as the provider, or the producer's endpoint, whose host was asked."""
        call = await _call(Request(scope, receive))
        provider = self._endpoints.at(call.host) or self._provider(call.host)
        failure = self._faults.next_failure(provider.name)
        late = failure if failure and failure.mode == "timeout" else None
        if late and not late.accepts:
            await until_disconnected(receive)
            return
        response = provider.failure(failure.mode) if failure and not late else await self._taken(provider, call)
        if late and not await is_still_there_after(late.seconds, receive):
            return
        await response(scope, receive, send)

    def _provider(self, host: str) -> HttpProvider:
        return next(each for each in self._providers if _answers_at(each, host))

    async def _taken(self, provider: HttpProvider | Endpoint, call: Call) -> Response:
        answer = provider.answer(call)
        if not isinstance(answer, Accepted):
            return answer
        await self._inbox.add(answer.message)
        return answer.response


def host_of(scope: Scope) -> str:
    """The name that the caller asked for, without port."""
    host = Headers(scope=scope).get("host", "").lower()
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host


def _answers_at(provider: HttpProvider, host: str) -> bool:
    return any(host.endswith(name) if name[:1] in {"", "."} else host == name for name in provider.hosts)


async def _call(request: Request) -> Call:
    client = request.client
    return Call(
        method=request.method,
        host=host_of(request.scope),
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.query_params,
        headers=request.headers,
        body=await request.body(),
        peer=f"{client.host}:{client.port}" if client else "",
        http_version=request.scope["http_version"],
    )
