"""Messages to urls: what is called, and that the trouble of one url stays its own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from handlers.adapters.providers import http, urls
from handlers.adapters.providers.http import Answer, HttpProviderClient
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


class Clock:
    """A monotonic clock that tests move."""

    now: float = 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(urls, "monotonic", lambda: clock.now)
    return clock


def accepts_2xx(answer: Answer) -> ProviderError | None:
    if answer.status == 429:
        return http.throttled(answer, "429", of_endpoint=True)
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
def hosts(
    read_seconds: float = 60, **answers: Callable[[BaseHTTPRequestHandler], None]
) -> Iterator[tuple[WebServer, UrlClient]]:
    named = {f"{name}.example": answer for name, answer in answers.items()}
    with serving(by_host(named)) as server:
        yield server, url_client(server.port, read_seconds=read_seconds)


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
    "url",
    [
        "http://alive.example/hook",
        "ftp://alive.example/hook",
        "file:///etc/passwd",
        "alive.example/hook",
        "https://",
        "https://alive.example:port/",
        "https://alive.example:8443/hook",
        "https://dead.example\\@alive.example/hook",
        "https://user@alive.example/hook",
        "https://alive.example\n/hook",
    ],
)
def test_only_a_url_that_can_be_read_in_one_way_is_called(url: str) -> None:
    with hosts(alive=says(200)) as (server, client):
        error = failed(client, url)
    assert type(error) is RecipientRefusedError
    assert error.code == "url_not_valid"
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


def test_being_throttled_keeps_the_time_to_come_back() -> None:
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
    assert (type(resting), resting.code, resting.of_endpoint) == (ThrottledError, "url_resting", True)
    assert [request.headers["host"] for request in server.received].count("dead.example") == 1


def test_of_two_urls_of_one_host_one_can_fail_alone() -> None:
    with hosts(alive=says(503)) as (server, client):
        failed(client, f"{ALIVE}/1")
        server.answer = says(200)
        assert post(client, f"{ALIVE}/2").status == 200


def test_a_url_that_goes_on_failing_is_asked_less_often_and_as_often_as_at_first_once_it_has_answered(
    clock: Clock,
) -> None:
    with hosts(dead=says(503)) as (server, client):
        asked_at = []
        for clock.now in range(126):
            requests = len(server.received)
            failed(client, DEAD)
            asked_at += [clock.now] * (len(server.received) - requests)
        assert asked_at == [0, 5, 15, 35, 65, 95, 125]

        clock.now = 155
        server.answer = says(410)
        assert failed(client, DEAD).code == "410"
        server.answer = says(503)
        assert failed(client, DEAD).code == "503"
        clock.now = 160
        assert failed(client, DEAD).code == "503"


def test_to_be_left_alone_does_not_prolong_the_rest(clock: Clock) -> None:
    with hosts(dead=says(503)) as (server, client):
        failed(client, DEAD)
        server.answer = says(200)
        for left in (5, 4, 3, 2, 1):
            error = failed(client, DEAD)
            assert isinstance(error, ThrottledError)
            assert (error.code, error.retry_after) == ("url_resting", left)
            clock.now += 1
        assert post(client, DEAD).status == 200


def test_a_refusal_is_an_answer_and_no_reason_to_rest() -> None:
    with hosts(dead=says(410)) as (server, client):
        assert failed(client, DEAD).code == "410"
        assert failed(client, DEAD).code == "410"
    assert len(server.received) == 2


@pytest.mark.parametrize(("asked_for", "kept"), [("1", 1), ("60", 60), ("86400", 300)])
def test_a_pause_that_the_url_asks_for_is_kept_and_waited_for_by_nobody(
    asked_for: str, kept: float, clock: Clock
) -> None:
    with hosts(dead=says(429, Retry_After=asked_for)) as (server, client):
        failed(client, DEAD)
        error = failed(client, DEAD)
        assert isinstance(error, ThrottledError)
        assert (error.code, error.retry_after) == ("url_resting", kept)
        assert len(server.received) == 1
        server.answer = says(200)
        clock.now += kept
        assert post(client, DEAD).status == 200


def test_a_url_is_called_once_at_a_time() -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def counts(request: BaseHTTPRequestHandler) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        says(200)(request)
        with lock:
            at_once -= 1

    with hosts(alive=counts) as (server, client), ThreadPoolExecutor(5) as threads:
        for sent in [threads.submit(post, client, ALIVE) for _ in range(5)]:
            assert sent.result().status == 200
    assert (len(server.received), most) == (5, 1)


def test_a_dead_url_slows_no_other_and_costs_one_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine messages to a url that never answers, and one to another, as in one batch."""
    monkeypatch.setattr(urls, "_PATIENCE_SECONDS", 0.1)
    over = threading.Event()
    with (
        hosts(read_seconds=2, dead=lambda _: (over.wait(240), None)[1], alive=says(200)) as (server, client),
        ThreadPoolExecutor(10) as threads,
    ):
        dead = [threads.submit(failed, client, DEAD, own_server=True) for _ in range(9)]
        assert threads.submit(post, client, ALIVE).result().status == 200
        errors = [each.result() for each in dead]
        over.set()
    assert sorted(type(error).__name__ for error in errors) == ["OutcomeUnknownError", *["UnavailableError"] * 8]
    assert all(error.of_endpoint for error in errors)
    assert [request.headers["host"] for request in server.received].count("dead.example") == 1


# -- what a slow url costs the others: by a clock that only requests and the tests move --------------------------------

TIMEOUT = 10
"""As long as a request is waited for, in seconds."""


class Internet:
    """What answers behind each host, after how many seconds, or never; it keeps who was asked."""

    def __init__(self, clock: Clock, answers: dict[str, float | None]) -> None:
        self.asked: list[str] = []
        self._clock, self._answers = clock, answers

    def worker(self) -> UrlClient:
        return UrlClient(HttpProviderClient(httpx.Client(transport=httpx.MockTransport(self._answer))))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.host)
        took = self._answers[request.url.host]
        self._clock.now += TIMEOUT if took is None else took
        if took is None:
            raise httpx.ReadTimeout("no answer", request=request)
        return httpx.Response(200)


def outcomes(client: UrlClient, *targets: str) -> list[str]:
    codes = []
    for url in targets:
        try:
            post(client, url, own_server="slack" not in url)
        except ProviderError as error:
            codes.append(error.code)
        else:
            codes.append("sent")
    return codes


SLACK = "https://hooks.slack.com/services/T0/B0/x"


def test_120_messages_to_a_url_that_times_out_cost_each_worker_one_timeout(clock: Clock) -> None:
    """Issue 7, line 30: a healthy channel waited for one timeout after the other."""
    internet = Internet(clock, {"dead.example": None, "hooks.slack.com": 0})
    for worker in (internet.worker(), internet.worker(), internet.worker()):
        for _ in range(4):
            assert outcomes(worker, *[DEAD] * 10, SLACK)[-1] == "sent"
            clock.now += 5  # until its next batch
    assert internet.asked.count("dead.example") == 3
    assert internet.asked.count("hooks.slack.com") == 12
    assert clock.now == 3 * (TIMEOUT + 4 * 5)


def test_a_url_that_goes_on_timing_out_takes_less_and_less_of_a_workers_time(clock: Clock) -> None:
    internet, asked_at = Internet(clock, {"dead.example": None}), []
    worker = internet.worker()
    while clock.now < 1000:
        begun, before = clock.now, len(internet.asked)
        outcomes(worker, DEAD)
        asked_at += [begun] * (len(internet.asked) - before)
        clock.now += 1 if clock.now == begun else 0
    assert asked_at == [0, 40, 110, 240, 490, 800]


def test_a_url_that_answers_slowly_takes_a_quarter_of_a_workers_time(clock: Clock) -> None:
    internet = Internet(clock, {"dead.example": 4})
    worker = internet.worker()
    while clock.now < 400:
        begun = clock.now
        outcomes(worker, DEAD)
        clock.now += 1 if clock.now == begun else 0
    assert len(internet.asked) == 400 / 4 / 4


def test_a_dead_server_costs_two_timeouts_however_many_urls_it_has(clock: Clock) -> None:
    internet = Internet(clock, {"dead.example": None, "alive.example": 0})
    worker = internet.worker()
    codes = outcomes(worker, *[f"https://dead.example/{n}" for n in range(120)], ALIVE)
    assert codes == [*["no_answer"] * 2, *["url_resting"] * 118, "sent"]
    assert clock.now == 2 * TIMEOUT


def test_one_url_that_times_out_says_nothing_of_its_neighbours(clock: Clock) -> None:
    answers: dict[str, float | None] = {"dead.example": None}
    internet = Internet(clock, answers)
    worker = internet.worker()
    for _ in range(3):
        answers["dead.example"] = None
        assert outcomes(worker, DEAD) == ["no_answer"]
        answers["dead.example"] = 0
        assert outcomes(worker, "https://dead.example/neighbour") == ["sent"]
        clock.now += 300


def test_who_comes_back_when_the_rest_is_over_is_told_when_that_is(clock: Clock) -> None:
    worker = Internet(clock, {"dead.example": None}).worker()
    failed(worker, DEAD)
    error = failed(worker, DEAD)
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 30


def test_nobody_waits_behind_a_url_that_failed_last(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(urls, "_PATIENCE_SECONDS", 600)
    asked, over = threading.Event(), threading.Event()

    def is_silent(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        over.wait(240)
        says(200)(request)

    with hosts(dead=says(503)) as (server, client), ThreadPoolExecutor(1) as threads:
        failed(client, DEAD)
        clock.now += 5
        server.answer = is_silent
        probe = threads.submit(post, client, DEAD)
        assert asked.wait(240)
        assert failed(client, DEAD).code == "url_busy"
        over.set()
        assert probe.result().status == 200


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
            post(client, "https://localhost/")
    assert error.value.code == "address_not_public"
    assert inside.received == []
