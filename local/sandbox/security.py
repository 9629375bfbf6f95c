"""Headers that keep what a message contains from acting in the engineer's browser."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SITE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LINKS_ALONE = "allow-popups allow-popups-to-escape-sandbox"
"""What a message's frame may do: its links open in a tab of their own, which is as free as any other, and no more.

https://html.spec.whatwg.org/multipage/iframe-embed-object.html#attr-iframe-sandbox
"""
MESSAGE = f"sandbox {LINKS_ALONE}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
"""For a message's own document: no script, no form, an origin of its own, and nothing fetched from anywhere."""


class SecurityHeaders:
    """Adds the site's policy to every answer that has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", _SITE)
                headers["Referrer-Policy"] = "no-referrer"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)
