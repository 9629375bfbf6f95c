"""What the providers that are called over HTTP have in common: one pool of connections, and what no answer means.

A request that a provider may have acted on is never repeated here: none of these providers knows an idempotency key, so
a repetition belongs into the log, as an attempt of its own. What certainly did not reach one, as an idle connection had
been closed, is made again at once on another connection, and counts as one attempt. A redirect is not followed, as it
would send a message, and with it the credentials, to somebody else.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from time import monotonic
from typing import Any, Final

import httpx

from handlers.adapters.providers.connections import KEPT_SECONDS, MAX_CONNECTIONS, Progress, http2_transport
from handlers.config import HostsSettings
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    CONNECTION_LOST,
    NO_ANSWER,
    NOT_REACHED,
    OutcomeUnknownError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)

_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 10
_TIMEOUT: Final = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS, pool=_CONNECT_SECONDS)
_LIMITS: Final = httpx.Limits(
    max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEPT_SECONDS
)

_NO_USE_TO_REPEAT: Final = (httpx.TimeoutException, httpx.LocalProtocolError)
"""What takes long to fail, or will fail again; it is not for an idle connection that was closed."""

_MAX_ANSWER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer, 2xx or 4xx. `headers` are looked up in any case; `body` is cut at 64 KB."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body; an empty one when there is none."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):  # the latter when it is nested without end
            return {}
        return document if isinstance(document, dict) else {}


Meaning = Callable[[str], ProviderError]
"""Makes the error that a provider's code means."""


class HttpProviderClient:
    """Makes requests of providers, from several threads at once, each bounded in time and in the size of its answer."""

    def __init__(self, client: httpx.Client, hosts: Mapping[str, str] | None = None) -> None:
        """`hosts` is `HostsSettings.provider_hosts`."""
        self._client = client
        self._hosts = {host: httpx.URL(origin) for host, origin in (hosts or {}).items()}

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Answer:
        """Make a request with one kind of body at most, and return its answer if that is 2xx or 4xx.

        Raises `UnavailableError` when nothing was sent (no connection, no free one in time), and for 5xx and 3xx;
        `OutcomeUnknownError` when no answer came. A `form` may have lists for values.
        """
        target, host = self._route(httpx.URL(url))
        # `identity`: an answer must not grow beyond its bound by being unpacked; one that does not comply is not read.
        sent_headers = {"Accept-Encoding": "identity", **(headers or {}), "Host": host}
        request = self._client.build_request(
            method, target, headers=sent_headers, json=json, data=dict(form) if form else None, content=content
        )
        return _checked(self._send(request, auth))

    def _send(self, request: httpx.Request, auth: tuple[str, str] | None) -> Answer:
        deadline = monotonic() + _READ_SECONDS
        response = self._exchange(request, auth)
        try:
            return Answer(response.status_code, response.headers, _body(response, deadline))
        finally:
            response.close()

    def _exchange(self, request: httpx.Request, auth: tuple[str, str] | None) -> httpx.Response:
        """Make a request and return its answer, whose body is still to be read.

        On another connection when it certainly did not reach the provider on one that had been kept: each such failure
        removes one of these, so it ends. What fails on a connection made for it is the provider's trouble.
        """
        for kept_connections in reversed(range(MAX_CONNECTIONS + 1)):
            progress = Progress()
            request.extensions["trace"] = progress
            try:
                return self._client.send(request, auth=auth, stream=True, follow_redirects=False)
            except httpx.TransportError as error:
                if not progress.is_unsent(error):
                    raise OutcomeUnknownError(_lost(error)) from None
                if not kept_connections or not progress.on_kept_connection or isinstance(error, _NO_USE_TO_REPEAT):
                    raise UnavailableError(NOT_REACHED) from None
        raise AssertionError("the last time returns or raises")

    def _route(self, url: httpx.URL) -> tuple[httpx.URL, str]:
        """Return where the request goes, and its Host header."""
        host = url.netloc.decode("ascii")
        origin = self._hosts.get(url.host, self._hosts.get("*"))
        if origin is None:
            return url, host
        return url.copy_with(scheme=origin.scheme, host=origin.host, port=origin.port), host


@cache
def shared() -> HttpProviderClient:
    """Return the client of this execution environment: its connections outlive the invocation."""
    return create()


def create(*, http2: bool = False, transport: httpx.BaseTransport | None = None) -> HttpProviderClient:
    """Return a client with connections of its own, made by `transport` if there is one.

    With `http2` it speaks nothing else: over plain http with prior knowledge (RFC 9113 3.3). That needs the package h2,
    which only the function that uses it has.
    """
    client = httpx.Client(
        timeout=_TIMEOUT,
        limits=_LIMITS,
        headers={"User-Agent": "Carillon"},
        transport=http2_transport() if http2 else transport,
        trust_env=False,
    )
    return HttpProviderClient(client, HostsSettings.read().provider_hosts)


def ids_of(message: Message) -> dict[str, str]:
    """Return the headers that name the message to us, wherever the request is seen."""
    return {"X-Carillon-Notification-Id": message.notification_id, "X-Carillon-Delivery-Id": message.delivery_id}


def _body(response: httpx.Response, deadline: float) -> bytes:
    """Return what came of the body: the status has said what was done, so a body that ends early changes nothing."""
    kept = bytearray()
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return b""
    try:
        for chunk in response.iter_bytes():
            kept += chunk
            if len(kept) >= _MAX_ANSWER_BYTES or monotonic() > deadline:
                break
    except httpx.TransportError:
        pass
    return bytes(kept[:_MAX_ANSWER_BYTES])


def _checked(answer: Answer) -> Answer:
    if answer.is_success or 400 <= answer.status < 500:
        return answer
    raise UnavailableError(str(answer.status))


def throttled(answer: Answer, code: str, *, of_endpoint: bool = False) -> ThrottledError:
    """Return what an answer means that asks for patience: of us, or of this address alone."""
    return ThrottledError(code, retry_after(answer.headers, datetime.now(UTC)), of_endpoint=of_endpoint)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return in how many seconds a provider that asked for patience may be asked again; None if it does not say.

    By its Retry-After, in either of its forms (RFC 9110 10.2.3), or else by the time of X-RateLimit-Reset, as SendGrid.
    """
    reset = headers.get("X-RateLimit-Reset", "")
    if "Retry-After" not in headers and reset.isascii() and reset.isdigit():
        return max(0.0, int(reset) - now.timestamp())
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def _lost(error: httpx.TransportError) -> str:
    """Return our word for what became of a request that had left."""
    return NO_ANSWER if isinstance(error, httpx.TimeoutException) else CONNECTION_LOST
