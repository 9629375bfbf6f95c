"""Connections to providers, and what certainly did not reach one.

A server may close a connection that it has kept idle at any time, just when the next request is on its way. Most of
these requests certainly were not acted on, and may be made again at once on another connection, whatever their method
(RFC 9110 9.2.2). Certain are, and nothing else is:

- no connection: none was made, or none was free in time;
- a request that is incomplete, as writing it failed: what was not handed over whole cannot be acted on (RFC 9112 8, RFC
  9113 8.1.1);
- over HTTP/2, a stream above the last one that a GOAWAY names (RFC 9113 6.8), or one that is reset with REFUSED_STREAM
  (RFC 9113 8.7).

A connection that breaks after the whole request had left proves nothing: the outcome is unknown.
"""

import select
import socket
from collections.abc import Callable, Mapping
from threading import local
from typing import Any, Final

import httpcore
import httpx

MAX_CONNECTIONS: Final = 10
"""A worker has ten threads."""
KEPT_SECONDS: Final = 60.0
"""AWS drops what has been idle for 350 s, and a frozen environment may sleep for longer."""

_REFUSED_STREAM: Final = 0x7
_NEVER_LEFT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Progress:
    """How far a request got: httpcore tells it, as its `trace` (https://www.encode.io/httpcore/extensions/#trace)."""

    def __init__(self) -> None:
        self.on_kept_connection = False
        """Whether it began on a connection that had been made for an earlier request."""
        self._has_connected = False
        self._is_incomplete = False
        self._stream_id = 0

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Learn of one event."""
        match event.split(".")[1:]:
            case ["connect_tcp", "started"]:
                self._has_connected = True
            case ["send_request_headers", "started"]:
                self.on_kept_connection = not self._has_connected
                self._is_incomplete, self._stream_id = False, info.get("stream_id", 0)
            case ["send_request_headers" | "send_request_body", "failed"]:
                self._is_incomplete = True

    def is_unsent(self, error: httpx.TransportError) -> bool:
        """Say whether the request that failed with this error certainly was not acted on."""
        return isinstance(error, _NEVER_LEFT) or self._is_incomplete or self._is_turned_away(error.__cause__)

    def _is_turned_away(self, cause: BaseException | None) -> bool:
        """Say whether the server's frame tells it: httpcore puts h2's own event into its error."""
        told = cause.args[0] if isinstance(cause, httpcore.RemoteProtocolError) and cause.args else None
        last_stream_id = getattr(told, "last_stream_id", None)  # of a GOAWAY (h2.events.ConnectionTerminated)
        if last_stream_id is not None:
            return bool(self._stream_id > last_stream_id)
        return getattr(told, "error_code", None) == _REFUSED_STREAM  # of a RST_STREAM (h2.events.StreamReset)


def http2_transport() -> httpx.BaseTransport:
    """Return a transport that speaks HTTP/2 alone, on one connection for each thread."""
    return _PerThreadTransport(_Http2Transport)


class _PerThreadTransport(httpx.BaseTransport):
    """Gives each thread a transport of its own.

    An HTTP/2 connection of httpcore's cannot be shared by threads: they take each other's stream ids and frames
    (https://github.com/pydantic/httpx2/pull/1153 tells how).
    """

    def __init__(self, make: Callable[[], httpx.BaseTransport]) -> None:
        self._make = make
        self._of_thread = local()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request on this thread's transport."""
        if not hasattr(self._of_thread, "transport"):
            self._of_thread.transport = self._make()
        transport: httpx.BaseTransport = self._of_thread.transport
        return transport.handle_request(request)


class _Http2Transport(httpx.BaseTransport):
    """One connection, and another one when the server has closed it.

    Over HTTP/1.1 httpcore looks itself whether an idle connection is still open; over HTTP/2 it does not.
    """

    def __init__(self) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT_SECONDS)
        self._transport = httpx.HTTPTransport(http1=False, http2=True, limits=limits)
        self._socket: socket.socket | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request."""
        if self._socket is not None and _is_hung_up(self._socket):
            self._transport.close()  # its connection; the request makes another one
        response = self._transport.handle_request(request)
        self._socket = response.extensions["network_stream"].get_extra_info("socket")
        return response


def _is_hung_up(connected: socket.socket) -> bool:
    """Say whether the server has closed its side, even if there is still something to read (`poll(2)`, Linux).

    Where the system cannot tell, as macOS, it is found out by writing or reading.
    """
    if connected.fileno() < 0 or not hasattr(select, "POLLRDHUP"):
        return False
    poll = select.poll()
    poll.register(connected, select.POLLRDHUP)  # POLLHUP and POLLERR are always told
    return bool(poll.poll(0))
