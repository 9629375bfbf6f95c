"""The sandbox's ASGI application: AWS calls pass through, third parties answer for their hosts, else the inbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from local.directory import APP_KEY
from local.engine.emulator import Emulator
from local.sandbox.api import Api
from local.sandbox.credentials import Credentials
from local.sandbox.endpoints import Endpoints
from local.sandbox.engagement import Engagement
from local.sandbox.faults import Faults
from local.sandbox.health import Health
from local.sandbox.links import LinkChecks
from local.sandbox.messages import Inbox
from local.sandbox.operations import Operations
from local.sandbox.page import STATIC, Page
from local.sandbox.passthrough import PassThrough, signing_name
from local.sandbox.receipts import Receipts
from local.sandbox.security import OwnChanges, SecurityHeaders
from local.sandbox.third_parties import ThirdParties, host_of
from local.sandbox.timelines import Timelines

# A page elsewhere whose name resolves to this machine (DNS rebinding) sends its own name as Host: it meets a third
# party, which keeps what is signed and shows nothing, or is refused.
_OWN_HOSTS = ["localhost", "127.0.0.1"]


def create_app(emulator: Emulator, credentials: Credentials, table: str, faults: Faults) -> ASGIApp:
    """The sandbox in front of `emulator`, whose log is `table`; third parties know their customer by `credentials`."""
    inbox = Inbox()
    aws = PassThrough(emulator.endpoint_url, inbox, faults)
    endpoints = Endpoints()
    third_parties = ThirdParties(credentials, inbox, faults, endpoints)
    receipts = Receipts(emulator, credentials)
    inbox.tell_of_each(receipts.follow)
    prefix = table.removesuffix("-notifications")
    links = LinkChecks(emulator, prefix)
    page = Page(inbox, faults, Timelines(emulator, table), Engagement(emulator, table, APP_KEY), links)
    operations = Operations(page, inbox, faults, Health(emulator, prefix))
    site = _site(page, operations, Api(inbox, faults, receipts, endpoints), aws)

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


def _site(page: Page, operations: Operations, api: Api, aws: PassThrough) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await aws.aclose()

    return Starlette(
        routes=[
            Route("/", page.show),
            Route("/alerts", page.alerts),
            Route("/engagement", page.engagement),
            Route("/platform", operations.show),
            Route("/platform/faults/{provider}", operations.put_fault, methods=["POST"]),
            Route("/runbooks/{name}", page.runbook),
            Route("/messages/{id}/body", page.body),
            Route("/messages/{id}/source", page.source),
            Route("/changes", page.changes),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/api/messages", api.messages),
            Route("/api/alerts", api.alerts),
            Route("/api/platform", operations.as_json),
            Route("/api/receipts", api.tell_receipt, methods=["POST"]),
            Route("/api/webhooks/{provider}", api.put_webhook, methods=["PUT"]),
            Route("/api/endpoints/{host}", api.told, methods=["GET"]),
            Route("/api/endpoints/{host}", api.put_endpoint, methods=["PUT"]),
            Route("/api/endpoints/{host}", api.delete_endpoint, methods=["DELETE"]),
            Route("/api/faults", api.faults),
            Route("/api/faults/{provider}", api.put_fault, methods=["PUT"]),
            Route("/api/faults/{provider}", api.delete_fault, methods=["DELETE"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=_OWN_HOSTS, www_redirect=False),
            Middleware(SecurityHeaders),
            Middleware(OwnChanges),
        ],
        lifespan=lifespan,
    )
