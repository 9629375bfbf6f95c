"""What keeps messages, and pages from elsewhere, from acting here by the engineer's browser."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SITE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
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


_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = frozenset({"same-origin", "none"})


class OwnChanges:
    """Refuses changes that a page of another origin asks for (cross-site request forgery).

    Browsers say from where they ask, by `Sec-Fetch-Site` or, older ones, `Origin`; programs, which nobody can lead
    here unasked, say neither. There are no cookies to protect, so no token is needed beside that.
    https://developer.mozilla.org/en-US/docs/Web/Security/Practical_implementation_guides/CSRF_prevention
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] not in _READS and not _is_own(Headers(scope=scope)):
            await PlainTextResponse("Only pages of this site may change anything here.", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_own(headers: Headers) -> bool:
    if site := headers.get("sec-fetch-site"):
        return site in _OWN
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")
