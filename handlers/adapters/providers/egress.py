"""Calling urls that other people chose: only what is on the public internet can be reached, and every call ends.

A webhook's url comes from outside, so its host may name the metadata service, the runtime's own API or anything else
that only we can reach (server-side request forgery, https://cwe.mitre.org/data/definitions/918.html). A check of the
name alone is worth nothing, as its owner can change what it resolves to between the check and the connection (DNS
rebinding). So the check is where connections are made: the name is resolved once, all its addresses are checked, and
the connection goes to one of these and nowhere else. TLS then verifies the name as ever.

What answers is not trusted either: it gets a limited time for a whole answer, however slowly it sends.
"""

import socket
import time
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from ssl import SSLContext
from typing import Any, Final

import httpcore
import httpx

from handlers.domain.providers.errors import RecipientRefusedError
from handlers.domain.urls import is_public

EXCHANGE_SECONDS: Final = 10.0
"""From the first byte of a request to the last of its answer."""

_HTTPS: Final = 443
_MAX_CONNECTIONS: Final = 20
_KEPT_SECONDS: Final = 60.0

# As httpcore has it in its signatures.
_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


def transport(allowed: Collection[tuple[str, int]] = ()) -> httpx.BaseTransport:
    """Return a transport that reaches public addresses on port 443 only, and besides them `allowed`: hosts and ports of
    our own.

    Any other is refused: `RecipientRefusedError`, before a connection is made.
    """
    return _GuardedTransport(_Guard(frozenset(allowed)))


class _GuardedTransport(httpx.HTTPTransport):
    def __init__(self, guard: httpcore.NetworkBackend) -> None:
        tls = httpx.create_ssl_context()
        super().__init__(verify=tls)
        # httpx has no parameter for the network below it, which httpcore documents as the place for this:
        # https://www.encode.io/httpcore/network-backends/
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=guard,
        )


class _Guard(httpcore.NetworkBackend):
    """Connects where it may. A connection that is kept and used again was made to an address that had been checked."""

    def __init__(self, allowed: frozenset[tuple[str, int]]) -> None:
        self._allowed = allowed
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that answers; `timeout`, in seconds, is for all of them."""
        targets = [host] if (host, port) in self._allowed else _checked_addresses(host, port)
        deadline = None if timeout is None else time.monotonic() + timeout
        failure: Exception = httpcore.ConnectError("the host has no address")
        for target in targets:
            try:
                stream = self._network.connect_tcp(target, port, _left(deadline), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream)
        raise failure


def _checked_addresses(host: str, port: int) -> list[str]:
    """Return all addresses of the host, or none at all: one bad address among good ones is a trap, not a mistake."""
    if port != _HTTPS:
        raise RecipientRefusedError("port_not_443")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that IDNA does not take
        raise httpcore.ConnectError(type(error).__name__) from None
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if not all(is_public(ip_address(address)) for address in addresses):
        raise RecipientRefusedError("address_not_public")
    return addresses


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise httpcore.ConnectTimeout
    return seconds


class _TimedStream(httpcore.NetworkStream):
    """A connection whose exchanges end: httpx's timeouts are for each read, and a byte now and then satisfies them."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._ends = 0.0
        self._answering = True

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; the first after an answer begins an exchange."""
        if self._answering:
            self._ends, self._answering = time.monotonic() + EXCHANGE_SECONDS, False
        self._stream.write(buffer, self._within(timeout, httpcore.WriteTimeout))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive what there is."""
        self._answering = True
        return self._stream.read(max_bytes, self._within(timeout, httpcore.ReadTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the connection in TLS; Python's handshake keeps to its timeout as a whole."""
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks of a connection."""
        return self._stream.get_extra_info(info)

    def _within(self, timeout: float | None, too_late: type[Exception]) -> float:
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise too_late
        return seconds if timeout is None else min(timeout, seconds)
