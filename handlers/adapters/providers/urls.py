"""Messages to urls: what the providers of chat have in common. The url is address and credential in one.

The trouble of one url is its own, and costs the others no more than one timeout of a worker each time that it is asked:

- Requests to a url are made one at a time (most platforms limit the rate of each url), so a burst meets a healthy one
  in order, and a dead one takes the time of one request, not of ten: whoever has waited for `_PATIENCE_SECONDS` goes
  back to the queue, and behind a url that failed last nobody waits at all.
- After a failure the url is left alone for a while, and longer after each in a row: at first for less than a message
  stays away that failed (`domain.providers.retries`), but always for `_SHARE` times as long as it has kept us waiting.
  So does one that answers slowly. Messages to it go back to the queue at once, without a call, and come back when its
  rest is over. A worker therefore spends a quarter of its time on a slow url at most, and soon much less.
- When two urls of one server have kept us waiting in vain, all urls of that server rest: one dead server with a hundred
  urls is one trouble, not a hundred. (Of a platform's own hosts the provider's circuit sees to that.)

All this is known to one execution environment only, which costs no call and is enough: each learns it by one timeout.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from threading import Lock
from time import monotonic
from typing import Any, Final

import httpx

from handlers.adapters.providers import egress, http
from handlers.adapters.providers.http import Answer, HttpProviderClient
from handlers.config import HostsSettings
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.domain.urls import UrlError, https_url

_PATIENCE_SECONDS: Final = 5.0
_FIRST_REST_SECONDS: Final = 5.0
_REST_SECONDS: Final = 30.0
_LONGEST_REST_SECONDS: Final = 300.0
_SLOW_SECONDS: Final = 2.0
_SHARE: Final = 3
_REMEMBERED: Final = 1024
BUSY: Final = "url_busy"
"""The code of who has waited for a url in vain: it was not called."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Refusal = Callable[[Answer], ProviderError | None]
"""What an answer means, if it does not mean acceptance."""


class UrlClient:
    """Posts to urls, https only, each at its own pace."""

    def __init__(self, client: HttpProviderClient) -> None:
        self._client = client
        self._lane = lru_cache(_REMEMBERED)(_lane_of)
        self._server = lru_cache(_REMEMBERED)(_server_of)

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
        `RecipientRefusedError` for a url that `https_url` does not take or that is not at a public address. A failure
        is `of_endpoint` when behind each url is a server of somebody's own.
        """
        ids = http.ids_of(message)
        return self.post_to(
            message.endpoint.address,
            refusal=refusal,
            own_server=own_server,
            parameters=parameters,
            headers={**ids, **(headers or {})},
            json=json,
            content=content,
        )

    def post_to(
        self,
        address: str,
        *,
        refusal: Refusal,
        own_server: bool = False,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
    ) -> Answer:
        """Post as `post` does what is no message to a recipient."""
        url = _https(address)
        server = self._server(url.netloc) if own_server else None
        try:
            with self._lane(str(url)).turn(server):
                answer = self._client.request(
                    "POST",
                    str(url.copy_merge_params(parameters or {})),
                    headers=headers,
                    json=json,
                    content=content,
                )
                if error := refusal(answer):
                    raise error
        except ProviderError as error:
            error.of_endpoint |= own_server
            raise
        return answer


@cache
def shared() -> UrlClient:
    """Return the client of this execution environment; besides the internet it reaches the stand-ins for providers."""
    origins = (httpx.URL(origin) for origin in HostsSettings.read().provider_hosts.values())
    allowed = {(origin.host, origin.port or _DEFAULT_PORTS[origin.scheme]) for origin in origins}
    return UrlClient(http.create(transport=egress.transport(allowed)))


def _https(address: str) -> httpx.URL:
    """Return the url as httpx calls it: read again, as it may have been stored before the rules became stricter."""
    try:
        return httpx.URL(str(https_url(address)))
    except (UrlError, httpx.InvalidURL):
        raise RecipientRefusedError("url_not_valid") from None


class _Rest:
    """Until when something is left alone, and how often in a row it has failed."""

    def __init__(self) -> None:
        self._until = 0.0
        self._failures = 0

    @property
    def has_failed(self) -> bool:
        """Whether the last that is known of it is a failure."""
        return self._failures > 0

    @property
    def seconds(self) -> float:
        """How much of the rest is left; 0 or less when it is over."""
        return self._until - monotonic()

    def check(self) -> None:
        """Raise what tells when to come back, while it is left alone."""
        if (seconds := self.seconds) > 0:
            raise ThrottledError("url_resting", seconds, of_endpoint=True)

    def after_failure(self, took: float) -> None:
        """Rest after each failure in a row for twice as long as before, and for longer when it kept us waiting."""
        doubled = 1 << min(self._failures, 10)
        self.for_seconds(max(min(_FIRST_REST_SECONDS * doubled, _REST_SECONDS), took * _SHARE * doubled))
        self._failures += 1

    def after_answer(self, took: float) -> None:
        """Forget the failures; who was slow to answer rests for as long as that is worth."""
        self._failures = 0
        if took > _SLOW_SECONDS:
            self.for_seconds(took * _SHARE)

    def for_seconds(self, seconds: float) -> None:
        """Rest for so long."""
        self._until = monotonic() + min(seconds, _LONGEST_REST_SECONDS)


class _Server:
    """What is known of a server of somebody's own from all its urls."""

    def __init__(self) -> None:
        self.rest = _Rest()
        self._first_to_fail: str | None = None

    def failed(self, url: str, took: float) -> None:
        """Learn that a request to one of its urls has failed; with the second url that kept us waiting, it rests."""
        if took <= _SLOW_SECONDS or self.rest.seconds > 0:
            return  # it said so at once, or the request had begun before the others failed
        if self._first_to_fail is None:
            self._first_to_fail = url
        elif url != self._first_to_fail or self.rest.has_failed:
            self.rest.after_failure(took)

    def answered(self) -> None:
        """Learn that one of its urls has answered."""
        self._first_to_fail = None
        self.rest.after_answer(0)


class _Lane:
    """The queue for one url, and how long the url is left alone."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = Lock()
        self._rest = _Rest()

    @contextmanager
    def turn(self, server: _Server | None) -> Iterator[None]:
        """Wait for a turn and take it; nobody waits for a url that has failed, nor for the end of a rest."""
        if not self._lock.acquire(timeout=0 if self._rest.has_failed else _PATIENCE_SECONDS):
            raise UnavailableError(BUSY, of_endpoint=True)
        try:
            if server is not None:
                server.rest.check()
            self._rest.check()
            begun = monotonic()
            try:
                yield
            except ProviderError as error:
                self._learn(error, monotonic() - begun, server)
                raise
            self._learn(None, monotonic() - begun, server)
        finally:
            self._lock.release()

    def _learn(self, error: ProviderError | None, took: float, server: _Server | None) -> None:
        if isinstance(error, ThrottledError) and error.retry_after is not None:
            self._rest.for_seconds(error.retry_after)
        elif isinstance(error, UnavailableError | OutcomeUnknownError):
            self._rest.after_failure(took)
        else:
            self._rest.after_answer(took)
        if server is None:
            return
        if isinstance(error, UnavailableError | OutcomeUnknownError):
            server.failed(self._url, took)
        else:
            server.answered()


def _lane_of(url: str) -> _Lane:
    return _Lane(url)


def _server_of(_netloc: bytes) -> _Server:
    return _Server()
