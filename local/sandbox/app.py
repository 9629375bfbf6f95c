"""The sandbox's ASGI application: AWS calls pass through, third parties answer for their hosts, else the inbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from local.engine.emulator import Emulator
from local.sandbox.api import Api
from local.sandbox.credentials import Credentials
from local.sandbox.faults import Faults
from local.sandbox.messages import Inbox
from local.sandbox.page import STATIC, Page
from local.sandbox.passthrough import PassThrough, signing_name
from local.sandbox.security import SecurityHeaders
from local.sandbox.third_parties import ThirdParties, host_of
from local.sandbox.timelines import Timelines

# A page elsewhere whose name resolves to this machine (DNS rebinding) sends its own name as Host: it meets a third
# party, which keeps what is signed and shows nothing, or is refused.
_OWN_HOSTS = ["localhost", "127.0.0.1"]


def create_app(emulator: Emulator, credentials: Credentials, table: str, faults: Faults) -> ASGIApp:
    """The sandbox in front of `emulator`, whose log is `table`; third parties know their customer by `credentials`."""
    inbox = Inbox()
    aws = PassThrough(emulator.endpoint_url, inbox, faults)
    third_parties = ThirdParties(credentials, inbox, faults)
    site = _site(inbox, faults, Timelines(emulator, table), aws)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        serving: ASGIApp = site
        if scope["type"] == "http" and signing_name(scope):
            serving = aws
        elif scope["type"] == "http" and _is_for_third_party(scope):
            serving = third_parties
        await serving(scope, receive, send)

    return app


def _is_for_third_party(scope: Scope) -> bool:
    return scope["method"] == "POST" and host_of(scope) not in _OWN_HOSTS


def _site(inbox: Inbox, faults: Faults, timelines: Timelines, aws: PassThrough) -> Starlette:
    page, api = Page(inbox, faults, timelines), Api(inbox, faults)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await aws.aclose()

    return Starlette(
        routes=[
            Route("/", page.show),
            Route("/messages/{id}/body", page.body),
            Route("/changes", page.changes),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/api/messages", api.messages),
            Route("/api/faults", api.faults),
            Route("/api/faults/{provider}", api.put_fault, methods=["PUT"]),
            Route("/api/faults/{provider}", api.delete_fault, methods=["DELETE"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=_OWN_HOSTS, www_redirect=False),
            Middleware(SecurityHeaders),
        ],
        lifespan=lifespan,
    )
