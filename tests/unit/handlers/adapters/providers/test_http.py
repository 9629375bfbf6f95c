"""A request over HTTP: where it goes, how it is bounded, and what each failure on the way means."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import pytest

from handlers.adapters.providers import http
from handlers.adapters.providers.http import HttpProviderClient, retry_after
from handlers.domain.providers.errors import OutcomeUnknownError, ProviderError, UnavailableError
from tests.unit.handlers.adapters.providers.exchange import SMS, Exchange

URL = "https://api.example.com/v1/messages"
Answer = Callable[[BaseHTTPRequestHandler], None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer: ClassVar[Callable[..., None]]
    connections: ClassVar[set[Any]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.connections.add(self.client_address)
        self.answer()

    def log_message(self, *args: Any) -> None:
        pass


def says(status: int, body: bytes, length: int | None = None, encoding: str = "identity") -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.send_header("Content-Encoding", encoding)
        request.end_headers()
        request.wfile.write(body)

    return answer


@contextmanager
def provider(answer: Answer) -> Iterator[tuple[str, set[Any]]]:
    """A provider on loopback: yields its origin, and the connections that were made to it."""
    connections: set[Any] = set()
    handler = type("Handler", (_Handler,), {"answer": answer, "connections": connections})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", connections
    finally:
        server.shutdown()
        server.server_close()


def client(origin: str, read_seconds: float = 60) -> HttpProviderClient:
    return HttpProviderClient(
        httpx.Client(timeout=httpx.Timeout(60, read=read_seconds), trust_env=False), {"*": origin}
    )


def raised(answer: Answer, read_seconds: float = 60) -> ProviderError:
    with provider(answer) as (origin, connections), pytest.raises(ProviderError) as error:
        client(origin, read_seconds).request("POST", URL, json={})
    assert len(connections) == 1
    return error.value


# -- where it goes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hosts", "target"),
    [
        ({}, "https://api.example.com:8443/v1/a%20b?c=d"),
        ({"api.example.com": "http://localhost:81", "*": "http://localhost:82"}, "http://localhost:81/v1/a%20b?c=d"),
        ({"api.other.com": "http://localhost:81", "*": "http://localhost:82"}, "http://localhost:82/v1/a%20b?c=d"),
        ({"api.other.com": "http://localhost:81"}, "https://api.example.com:8443/v1/a%20b?c=d"),
    ],
)
def test_a_host_that_is_stood_in_for_is_still_named(hosts: dict[str, str], target: str) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200)

    transport = httpx.MockTransport(answer)
    HttpProviderClient(httpx.Client(transport=transport), hosts).request(
        "GET", "https://api.example.com:8443/v1/a%20b?c=d"
    )
    assert str(requests[0].url) == target
    assert requests[0].headers["Host"] == "api.example.com:8443"


def test_the_environment_says_who_is_stood_in_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with provider(says(200, b"{}")) as (origin, connections):
        monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
        monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "p/")
        monkeypatch.setenv("CARILLON_PROVIDER_HOSTS", f'{{"api.example.com": "{origin}"}}')
        assert http.create().request("POST", URL, json={}).is_success
    assert len(connections) == 1


def test_a_connection_is_used_again() -> None:
    with provider(says(200, b"{}")) as (origin, connections):
        same = client(origin)
        for _ in range(3):
            same.request("POST", URL, json={})
    assert len(connections) == 1


def test_a_message_is_named_in_headers() -> None:
    assert http.ids_of(SMS) == {"X-Carillon-Notification-Id": "n-1", "X-Carillon-Delivery-Id": "d-1"}


# -- what came back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 400, 404, 410, 429])
def test_what_a_provider_says_is_its_own_to_judge(status: int) -> None:
    answer = Exchange(httpx.Response(status, json={"a": 1}, headers={"X-Id": "1"})).client.request("POST", URL)
    assert (answer.status, answer.is_success) == (status, status < 300)
    assert answer.document == {"a": 1}
    assert answer.headers["x-id"] == "1"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b"[" * 60_000, b'{"a":' * 12_000])
def test_a_body_that_is_no_object_is_an_empty_one(body: bytes) -> None:
    assert Exchange(httpx.Response(200, content=body)).client.request("POST", URL).document == {}


@pytest.mark.parametrize("status", [301, 307, 500, 502, 503])
def test_a_provider_that_does_not_serve_us_sent_nothing(status: int) -> None:
    exchange = Exchange(httpx.Response(status, headers={"Location": "https://elsewhere.example.com/"}))
    with pytest.raises(UnavailableError) as error:
        exchange.client.request("POST", URL)
    assert error.value.code == str(status)
    assert exchange.request.url == URL, "a redirect is not followed"


def test_a_provider_that_asks_for_patience_says_for_how_long() -> None:
    answer = Exchange(httpx.Response(429, headers={"Retry-After": "7"})).client.request("POST", URL)
    error = http.throttled(answer, "slow_down", of_endpoint=True)
    assert (error.code, error.retry_after, error.of_endpoint) == ("slow_down", 7, True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
    ],
)
def test_the_time_to_come_back_has_two_forms(value: str | None, seconds: float | None) -> None:
    headers = httpx.Headers({} if value is None else {"Retry-After": value})
    assert retry_after(headers, datetime(2015, 10, 21, 7, 28, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"X-RateLimit-Reset": "1445412490"}, 10),
        ({"X-RateLimit-Reset": "60"}, 0),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "1445412490", "Retry-After": "7"}, 7),
    ],
)
def test_who_does_not_say_when_to_come_back_may_say_when_a_limit_is_reset(
    given: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(httpx.Headers(given), datetime(2015, 10, 21, 7, 28, tzinfo=UTC)) == seconds


# -- what did not ------------------------------------------------------------------------------------------------------


def test_an_answer_that_never_comes_leaves_the_outcome_unknown() -> None:
    silence = threading.Event()
    error = raised(lambda _: (silence.wait(60), None)[1], read_seconds=0.05)
    silence.set()
    assert (type(error), error.code) == (OutcomeUnknownError, "no_answer")


def test_a_connection_that_breaks_leaves_the_outcome_unknown() -> None:
    def hangs_up(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True

    error = raised(hangs_up)
    assert (type(error), error.code) == (OutcomeUnknownError, "connection_lost")


def test_a_connection_that_was_never_made_sent_nothing() -> None:
    with provider(says(200, b"")) as (origin, _):
        pass
    with pytest.raises(UnavailableError) as error:
        client(origin).request("POST", URL)
    assert error.value.code == "not_reached"


def test_a_pool_without_a_free_connection_sent_nothing() -> None:
    asked, silence = threading.Event(), threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        silence.wait(60)
        says(200, b"")(request)

    with provider(answer) as (origin, _):
        timeout = httpx.Timeout(60, pool=0.05)
        pool = httpx.Client(timeout=timeout, limits=httpx.Limits(max_connections=1), trust_env=False)
        only = HttpProviderClient(pool, {"*": origin})
        busy = threading.Thread(target=only.request, args=("POST", URL), kwargs={"json": {}})
        busy.start()
        assert asked.wait(60)
        with pytest.raises(UnavailableError) as error:
            only.request("POST", URL, json={})
        silence.set()
        busy.join()
    assert error.value.code == "not_reached"


def test_a_status_stands_though_its_body_ends_early() -> None:
    def hangs_up(request: BaseHTTPRequestHandler) -> None:
        says(202, b'{"a"', length=100)(request)
        request.close_connection = True

    with provider(hangs_up) as (origin, _):
        answer = client(origin).request("POST", URL, json={})
    assert (answer.status, answer.body) == (202, b'{"a"')


def test_a_status_stands_though_the_rest_of_its_body_does_not_come() -> None:
    class Stalls(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"a"'
            raise httpx.ReadTimeout("")

    transport = httpx.MockTransport(lambda _: httpx.Response(202, stream=Stalls()))
    answer = HttpProviderClient(httpx.Client(transport=transport)).request("POST", URL, json={})
    assert (answer.status, answer.body) == (202, b'{"a"')


def test_an_answer_that_comes_in_drops_is_cut_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte a second, by the clock that the client looks at before it reads on."""
    looks = threading.Semaphore(0)
    now = 1000.0

    def look() -> float:
        looks.release()
        return now

    def answer(request: BaseHTTPRequestHandler) -> None:
        nonlocal now
        says(400, b"", length=1000)(request)
        with suppress(OSError):  # it is hung up on
            while looks.acquire(timeout=60):
                now += 1
                request.wfile.write(b"x")

    monkeypatch.setattr(http, "monotonic", look)
    with provider(answer) as (origin, _):
        body = client(origin).request("POST", URL, json={}).body
        looks.release()
    assert 1 < len(body) <= http._READ_SECONDS + 1


def test_an_answer_without_end_is_cut() -> None:
    with provider(says(400, b"x" * 200_000)) as (origin, _):
        assert len(client(origin).request("POST", URL, json={}).body) == 64 * 1024


def test_an_answer_that_would_have_to_be_unpacked_is_not_read() -> None:
    accepted: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        accepted.append(request.headers["Accept-Encoding"])
        says(400, gzip.compress(b"x" * 1_000_000), encoding="gzip")(request)

    with provider(answer) as (origin, _):
        assert client(origin).request("POST", URL, json={}).body == b""
    assert accepted == ["identity"]
