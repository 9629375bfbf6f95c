"""What certainly did not reach a provider is made again at once, and nothing else is."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from handlers.adapters.providers.connections import http2_transport
from handlers.adapters.providers.http import HttpProviderClient
from handlers.domain.providers.errors import OutcomeUnknownError, ProviderError, UnavailableError
from tests.unit.handlers.adapters.providers.http2server import Connection, answers, connections
from tests.unit.handlers.adapters.providers.webserver import says, serving

URL = "https://api.example.com/v1/messages"
LARGE = b"x" * 20_000_000
"""More than the buffers of a connection hold, so that writing it fails when the other side closes."""


def http2_client(origin: str) -> HttpProviderClient:
    return HttpProviderClient(httpx.Client(transport=http2_transport(), timeout=60, trust_env=False), {"*": origin})


def http1_client(origin: str) -> HttpProviderClient:
    return HttpProviderClient(httpx.Client(timeout=60, trust_env=False), {"*": origin})


def post(client: HttpProviderClient, content: bytes = b"{}") -> int:
    return client.request("POST", URL, content=content).status


def failed(client: HttpProviderClient, content: bytes = b"{}") -> type[ProviderError]:
    with pytest.raises(ProviderError) as error:
        post(client, content)
    return type(error.value)


# -- HTTP/2: an idle connection that the server closed -----------------------------------------------------------------


def going_away(connection: Connection) -> None:
    connection.goaway(1)
    connection.close()


@pytest.mark.parametrize("leave", [going_away, Connection.close, lambda connection: connection.goaway(1)])
def test_a_connection_that_was_closed_while_it_was_idle_costs_nothing(leave: Callable[[Connection], None]) -> None:
    left = threading.Event()

    def answers_once(connection: Connection) -> None:
        connection.answer(connection.request())
        leave(connection)
        left.set()

    with connections(answers_once, answers) as (origin, accepted):
        client = http2_client(origin)
        assert post(client) == 200
        assert left.wait(240)
        assert [post(client) for _ in range(3)] == [200] * 3
    assert len(accepted) == 2


@pytest.mark.parametrize("leave", [lambda connection, _: going_away(connection), Connection.refuse])
def test_a_request_that_the_server_says_it_did_not_act_on_is_made_again(
    leave: Callable[[Connection, int], None],
) -> None:
    def answers_the_first(connection: Connection) -> None:
        connection.answer(connection.request())
        leave(connection, connection.request())
        answers(connection)

    with connections(answers_the_first, answers) as (origin, accepted):
        client = http2_client(origin)
        assert [post(client), post(client)] == [200, 200]
    assert len(accepted) <= 2


def all_are_refused(connection: Connection) -> None:
    while True:
        connection.refuse(connection.request())


def goes_away_from_all(connection: Connection) -> None:
    connection.request()
    connection.goaway(0)
    connection.close()


@pytest.mark.parametrize("script", [all_are_refused, goes_away_from_all])
def test_who_acts_on_nothing_even_on_a_new_connection_does_not_serve_us(script: Callable[[Connection], None]) -> None:
    with connections(script) as (origin, accepted):
        assert failed(http2_client(origin)) is UnavailableError
    assert len(accepted) == 1


@pytest.mark.parametrize("frame", [lambda connection: connection.goaway(3), lambda _: None])
def test_what_may_have_been_acted_on_is_not_made_again(frame: Callable[[Connection], None]) -> None:
    def breaks(connection: Connection) -> None:
        connection.answer(connection.request())
        assert connection.request() == 3
        frame(connection)
        connection.close()

    with connections(breaks, answers) as (origin, accepted):
        client = http2_client(origin)
        assert post(client) == 200
        assert failed(client) is OutcomeUnknownError
    assert len(accepted) == 1


def test_a_request_that_could_not_be_written_whole_was_not_acted_on() -> None:
    def stops_reading(connection: Connection) -> None:
        connection.close()

    with connections(stops_reading) as (origin, accepted):
        assert failed(http2_client(origin), LARGE) is UnavailableError
    assert len(accepted) == 1


def test_threads_do_not_share_a_connection_of_http_2() -> None:
    together = threading.Barrier(5)

    def answers_when_all_have_come(connection: Connection) -> None:
        stream = connection.request()
        together.wait(240)
        connection.answer(stream)

    with connections(answers_when_all_have_come) as (origin, accepted), ThreadPoolExecutor(5) as threads:
        client = http2_client(origin)
        assert list(threads.map(lambda _: post(client), range(5))) == [200] * 5
    assert len(accepted) == 5


# -- HTTP/1.1 ----------------------------------------------------------------------------------------------------------


def closes_after_the_first(request: BaseHTTPRequestHandler) -> None:
    says(200)(request)
    request.close_connection = True


def test_a_kept_connection_of_http_1_that_was_closed_costs_nothing() -> None:
    with serving(closes_after_the_first) as server:
        client = http1_client(f"http://127.0.0.1:{server.port}")
        for _ in range(3):
            assert post(client) == 200
            assert server.closed.acquire(timeout=60)
    assert len(server.received) == 3


def test_a_kept_connection_of_http_1_that_breaks_after_the_request_leaves_the_outcome_unknown() -> None:
    with serving(says(200)) as server:
        client = http1_client(f"http://127.0.0.1:{server.port}")
        assert post(client) == 200
        server.answer = lambda request: request.connection.shutdown(socket.SHUT_RDWR)
        assert failed(client) is OutcomeUnknownError
    assert len(server.received) == 2


def test_a_kept_connection_of_http_1_that_breaks_during_the_request_costs_nothing() -> None:
    with serving(says(200)) as server:
        client = http1_client(f"http://127.0.0.1:{server.port}")
        assert post(client) == 200
        server.unread = 1
        assert post(client, LARGE) == 200
    assert [len(request.body) for request in server.received] == [2, len(LARGE)]


def test_a_new_connection_of_http_1_that_breaks_during_the_request_is_the_providers_trouble() -> None:
    with serving(says(200)) as server:
        server.unread = 1
        assert failed(http1_client(f"http://127.0.0.1:{server.port}"), LARGE) is UnavailableError
    assert server.received == []
