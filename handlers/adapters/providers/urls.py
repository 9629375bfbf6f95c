"""Messages to urls: what the providers of chat have in common. The url is address and credential in one.

The trouble of one url is its own. Requests to it are made one at a time (most platforms limit the rate of each url), so
a burst meets a healthy one in order, and a dead one takes the time of one request, not of ten: whoever has waited for
`_PATIENCE_SECONDS` goes back to the queue. After a failure the url is left alone for a while, at first for less than a
message stays away that failed (`domain.providers.retries`), and longer each time. All this is known to one execution
environment only, which costs no call and is enough: each learns it by one request of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from threading import Lock
from time import monotonic, sleep
from typing import Any, Final

import httpx

from handlers.adapters.providers import egress, http
from handlers.adapters.providers.http import Answer, HttpProviderClient
from handlers.config import ProviderSettings
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)

_PATIENCE_SECONDS: Final = 5.0
_FIRST_REST_SECONDS: Final = 5.0
_REST_SECONDS: Final = 30.0
_LONGEST_REST_SECONDS: Final = 300.0
_REMEMBERED: Final = 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Refusal = Callable[[Answer], ProviderError | None]
"""What an answer means, if it does not mean acceptance."""


class UrlClient:
    """Posts to urls, https only, each at its own pace."""

    def __init__(self, client: HttpProviderClient) -> None:
        self._client = client
        self._lane = lru_cache(_REMEMBERED)(_lane_of)

    def post(
        self,
        message: Message,
        *,
        refusal: Refusal,
        own_server: bool = False,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
    ) -> Answer:
        """Post one body to the url of the message, with `parameters` besides its own, and return the acceptance.

        Raises what `refusal` makes of the answer, what `HttpProviderClient.request` raises, and
        `RecipientRefusedError` for a url that is not https or is not at a public address. A failure is `of_endpoint`
        when behind each url is a server of somebody's own; being throttled always is.
        """
        url = _https(message.endpoint.address)
        try:
            with self._lane(str(url)).turn():
                answer = self._client.request(
                    "POST",
                    str(url.copy_merge_params(parameters or {})),
                    headers={**http.ids_of(message), **(headers or {})},
                    json=json,
                    content=content,
                )
                if error := refusal(answer):
                    raise error
        except ProviderError as error:
            error.of_endpoint |= own_server or isinstance(error, ThrottledError)
            raise
        return answer


@cache
def shared() -> UrlClient:
    """Return the client of this execution environment; besides the internet it reaches the stand-ins for providers."""
    origins = (httpx.URL(origin) for origin in ProviderSettings().provider_hosts.values())
    allowed = {(origin.host, origin.port or _DEFAULT_PORTS[origin.scheme]) for origin in origins}
    return UrlClient(http.create(transport=egress.transport(allowed)))


def _https(address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        raise RecipientRefusedError("url_not_valid") from None
    if url.scheme != "https" or not url.host:
        raise RecipientRefusedError("url_not_https")
    return url


class _Lane:
    """Whose turn it is at one url, and until when the url is left alone."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rests_until = 0.0
        self._asked_for_it = False
        self._next_rest = _FIRST_REST_SECONDS

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and take it. A short pause that the url asked for is waited out; no other rest is."""
        deadline = monotonic() + _PATIENCE_SECONDS
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            raise UnavailableError("url_busy", of_endpoint=True)
        try:
            self._wait_out(deadline)
            try:
                yield
            except ThrottledError as error:
                self._rest(error.retry_after)
                raise
            except (UnavailableError, OutcomeUnknownError):
                self._rest()
                raise
            except RefusedError:
                self._next_rest = _FIRST_REST_SECONDS
                raise
            self._next_rest = _FIRST_REST_SECONDS
        finally:
            self._lock.release()

    def _wait_out(self, deadline: float) -> None:
        seconds = self._rests_until - monotonic()
        if seconds <= 0:
            return
        if not self._asked_for_it:
            raise UnavailableError("url_resting", of_endpoint=True)
        if self._rests_until > deadline:
            raise ThrottledError("url_resting", seconds, of_endpoint=True)
        sleep(seconds)

    def _rest(self, asked_for: float | None = None) -> None:
        """Rest for as long as the url asked for; or else after each failure in a row twice as long as before."""
        if asked_for is None:
            seconds = min(self._next_rest, _REST_SECONDS)
            self._next_rest = 2 * seconds
        else:
            seconds = min(asked_for, _LONGEST_REST_SECONDS)
        self._rests_until, self._asked_for_it = monotonic() + seconds, asked_for is not None


def _lane_of(_url: str) -> _Lane:
    return _Lane()
