"""Messages to urls: what is called, and that the trouble of one url stays its own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import islice

import pytest

from handlers.adapters.providers import urls
from handlers.adapters.providers.http import Answer
from handlers.adapters.providers.urls import UrlClient
from handlers.domain.providers.errors import (
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from tests.unit.handlers.adapters.providers.chat import message, url_client
from tests.unit.handlers.adapters.providers.webserver import WebServer, says, serving

DEAD, ALIVE = "https://dead.example/hook", "https://alive.example/hook"


def accepts_2xx(answer: Answer) -> ProviderError | None:
    return None if answer.is_success else RecipientRefusedError(str(answer.status))


def post(client: UrlClient, url: str, *, own_server: bool = False) -> Answer:
    return client.post(message(url), json={}, refusal=accepts_2xx, own_server=own_server)


def failed(client: UrlClient, url: str, *, own_server: bool = False) -> ProviderError:
    with pytest.raises(ProviderError) as error:
        post(client, url, own_server=own_server)
    return error.value


def by_host(answers: dict[str, Callable[[BaseHTTPRequestHandler], None]]) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda request: answers[request.headers["Host"]](request)


@contextmanager
def hosts(**answers: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[WebServer, UrlClient]]:
    named = {f"{name}.example": answer for name, answer in answers.items()}
    with serving(by_host(named)) as server:
        yield server, url_client(server.port)


class Clock:
    """The client's time, which passes when a test says so and while the client sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(urls, "monotonic", clock.monotonic)
    monkeypatch.setattr(urls, "sleep", clock.sleep)
    return clock


def test_the_ids_go_along_and_the_query_of_the_url_stays() -> None:
    with hosts(alive=says(200)) as (server, client):
        client.post(message(f"{ALIVE}?sig=a%2Bb&x="), json={"a": 1}, refusal=accepts_2xx, parameters={"wait": "true"})
    [request] = server.received
    assert request.path == "/hook?sig=a%2Bb&x=&wait=true"
    assert request.headers["host"] == "alive.example"
    assert request.headers["x-carillon-delivery-id"] == "d-1"
    assert request.headers["x-carillon-notification-id"] == "n-1"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://alive.example/hook", "url_not_https"),
        ("ftp://alive.example/hook", "url_not_https"),
        ("file:///etc/passwd", "url_not_https"),
        ("alive.example/hook", "url_not_https"),
        ("https://", "url_not_https"),
        ("https://alive.example:port/", "url_not_valid"),
    ],
)
def test_only_https_is_called(url: str, code: str) -> None:
    with hosts(alive=says(200)) as (server, client):
        error = failed(client, url)
    assert type(error) is RecipientRefusedError
    assert error.code == code
    assert server.received == []


def test_a_redirect_is_no_acceptance_and_is_not_followed() -> None:
    with hosts(alive=says(302, Location=DEAD), dead=says(200)) as (server, client):
        error = failed(client, ALIVE)
    assert type(error) is UnavailableError
    assert len(server.received) == 1


def test_a_failure_of_a_platform_is_not_of_the_url_alone_but_of_somebodys_own_server_it_is() -> None:
    with hosts(dead=says(503)) as (_, client):
        assert not failed(client, f"{DEAD}/1").of_endpoint
        assert failed(client, f"{DEAD}/2", own_server=True).of_endpoint


def test_being_throttled_is_always_of_the_url_alone() -> None:
    with hosts(dead=says(429, Retry_After="70")) as (_, client):
        error = failed(client, DEAD)
    assert isinstance(error, ThrottledError)
    assert (error.retry_after, error.of_endpoint) == (70, True)


@pytest.mark.parametrize("status", [500, 503])
def test_a_url_that_failed_is_left_alone_for_a_while_and_no_other_is(status: int) -> None:
    with hosts(dead=says(status), alive=says(200)) as (server, client):
        failed(client, DEAD)
        resting = failed(client, DEAD)
        assert post(client, ALIVE).status == 200
        assert post(client, "https://alive.example/other").status == 200
    assert (type(resting), resting.code, resting.of_endpoint) == (UnavailableError, "url_resting", True)
    assert [request.headers["host"] for request in server.received].count("dead.example") == 1


def test_of_two_urls_of_one_host_one_can_fail_alone() -> None:
    with hosts(alive=says(503)) as (server, client):
        failed(client, f"{ALIVE}/1")
        server.answer = says(200)
        assert post(client, f"{ALIVE}/2").status == 200


def test_a_url_is_asked_again_after_its_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "_REST_SECONDS", 0.0)
    with hosts(dead=says(503)) as (server, client):
        failed(client, DEAD)
        server.answer = says(200)
        assert post(client, DEAD).status == 200


def test_a_url_that_goes_on_failing_is_asked_less_often_and_as_often_as_at_first_once_it_has_answered(
    clock: Clock,
) -> None:
    begun = clock.now
    with hosts(dead=says(503)) as (server, client):
        asked_after = []
        for second in range(126):
            clock.now = begun + second
            requests = len(server.received)
            failed(client, DEAD)
            asked_after += [second] * (len(server.received) - requests)
        assert asked_after == [0, 5, 15, 35, 65, 95, 125]

        clock.now = begun + 155
        server.answer = says(410)
        assert failed(client, DEAD).code == "410"
        server.answer = says(503)
        assert failed(client, DEAD).code == "503"
        clock.now = begun + 160
        assert failed(client, DEAD).code == "503"


def test_to_be_left_alone_does_not_prolong_the_rest(clock: Clock) -> None:
    with hosts(dead=says(503)) as (server, client):
        failed(client, DEAD)
        server.answer = says(200)
        for _ in range(4):
            clock.now += 1
            assert failed(client, DEAD).code == "url_resting"
        clock.now += 1
        assert post(client, DEAD).status == 200
    assert clock.slept == []


def test_a_refusal_is_an_answer_and_no_reason_to_rest() -> None:
    with hosts(dead=says(410)) as (server, client):
        assert failed(client, DEAD).code == "410"
        assert failed(client, DEAD).code == "410"
    assert len(server.received) == 2


def test_a_short_pause_that_the_url_asks_for_is_waited_out(clock: Clock) -> None:
    with hosts(dead=says(429, Retry_After="1")) as (server, client):
        failed(client, DEAD)
        server.answer = says(200)
        assert post(client, DEAD).status == 200
    assert clock.slept == [1]


def test_a_pause_that_the_url_did_not_ask_for_is_not_waited_for(clock: Clock) -> None:
    with hosts(dead=says(429)) as (server, client):
        failed(client, DEAD)
        assert failed(client, DEAD).code == "url_resting"
    assert clock.slept == []
    assert len(server.received) == 1


def test_a_long_pause_is_not_waited_for(clock: Clock) -> None:
    with hosts(dead=says(429, Retry_After="60")) as (server, client):
        failed(client, DEAD)
        clock.now += 10
        error = failed(client, DEAD)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 50
    assert clock.slept == []
    assert len(server.received) == 1


def test_no_url_can_ask_to_be_left_alone_for_ever(clock: Clock) -> None:
    with hosts(dead=says(429, Retry_After="86400")) as (_, client):
        failed(client, DEAD)
        error = failed(client, DEAD)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 300


def test_a_url_is_called_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request is answered when all the others want their turn too."""
    at_once, most, lock, wanted = 0, 0, threading.Lock(), threading.Semaphore(0)

    class Turns:
        def __init__(self) -> None:
            self._lock = threading.Lock()

        def acquire(self, timeout: float) -> bool:
            wanted.release()
            return self._lock.acquire(timeout=timeout)

        def release(self) -> None:
            self._lock.release()

    def counts(request: BaseHTTPRequestHandler) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            first = not server.received[1:]
        if first:
            assert all(wanted.acquire(timeout=60) for _ in range(5))
        with lock:
            at_once -= 1
        says(200)(request)

    monkeypatch.setattr(urls, "Lock", Turns)
    monkeypatch.setattr(urls, "_PATIENCE_SECONDS", 60.0)
    with hosts(alive=counts) as (server, client), ThreadPoolExecutor(5) as threads:
        for sent in [threads.submit(post, client, ALIVE) for _ in range(5)]:
            assert sent.result().status == 200
    assert (len(server.received), most) == (5, 1)


def test_a_dead_url_slows_no_other_and_costs_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine messages to a url that does not answer, and one to another, as in one batch."""
    monkeypatch.setattr(urls, "_PATIENCE_SECONDS", 0.05)
    over = threading.Event()

    def hangs_up_in_the_end(request: BaseHTTPRequestHandler) -> None:
        over.wait(60)
        request.close_connection = True

    with hosts(dead=hangs_up_in_the_end, alive=says(200)) as (server, client), ThreadPoolExecutor(10) as threads:
        dead = [threads.submit(failed, client, DEAD, own_server=True) for _ in range(9)]
        # All this while the dead url has its one request.
        assert threads.submit(post, client, ALIVE).result().status == 200
        gave_up = [each.result() for each in islice(as_completed(dead), 8)]
        assert [error.code for error in gave_up] == ["url_busy"] * 8
        over.set()
        errors = [each.result() for each in dead]
    assert sorted(type(error).__name__ for error in errors) == ["OutcomeUnknownError", *["UnavailableError"] * 8]
    assert all(error.of_endpoint for error in errors)
    assert [request.headers["host"] for request in server.received].count("dead.example") == 1


def test_what_is_shared_reaches_the_stand_ins_of_the_environment_and_nothing_else_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "carillon/test/providers/")
    with serving(says(200)) as stand_in, serving(says(200)) as inside:
        monkeypatch.setenv("CARILLON_PROVIDER_HOSTS", f'{{"hooks.slack.com": "http://localhost:{stand_in.port}"}}')
        client = urls.shared.__wrapped__()
        assert post(client, "https://hooks.slack.com/services/T0/B0/x").status == 200
        with pytest.raises(RecipientRefusedError) as error:
            post(client, f"https://localhost:{inside.port}/")
    assert error.value.code == "address_not_public"
    assert inside.received == []
