"""The client against a server that keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
import time_machine

from ops.client import ApiError, Client, Credentials, UnavailableError

CREDENTIALS = Credentials("billing", "a secret of at least thirty-two bytes")


class Api(BaseHTTPRequestHandler):
    """Answers what the test has put in `first`, one after the other, and then `answer`."""

    asked: "list[tuple[str, str, dict[str, str], bytes]]"
    first: "list[tuple[int, object]]"
    answer: tuple[int, object]

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        type(self).asked.append((self.command, self.path, dict(self.headers), body))
        status, content = self.first.pop(0) if self.first else self.answer
        text = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def api() -> Iterator[type[Api]]:
    handler = type("OneTestsApi", (Api,), {"asked": [], "first": [], "answer": (200, {})})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.url = f"http://127.0.0.1:{server.server_port}/stage/live"  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield handler
        server.shutdown()


@pytest.fixture
def client(api: type[Api]) -> Iterator[Client]:
    with Client(api.url, CREDENTIALS) as made:  # type: ignore[attr-defined]
        yield made


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the client would have waited."""
    made: list[float] = []
    monkeypatch.setattr("ops.client.time.sleep", made.append)
    return made


def test_one_token_serves_all_calls_until_shortly_before_its_end(api: type[Api], client: Client) -> None:
    start = 1_900_000_000
    with time_machine.travel(start, tick=False) as clock:
        for second in (0, 1, 89, 90, 179):
            clock.move_to(start + second)
            client.notification("n-1")
    tokens = [headers["Authorization"].removeprefix("Bearer ") for _, _, headers, _ in api.asked]
    assert [token == tokens[0] for token in tokens] == [True, True, True, False, False]
    assert tokens[3] == tokens[4]
    claims = [
        jwt.decode(token, CREDENTIALS.app_secret, algorithms=["HS256"], options={"verify_iat": False})
        for token in (tokens[0], tokens[3])
    ]
    assert [claim["iss"] for claim in claims] == ["billing", "billing"]
    assert [(claim["iat"], claim["exp"]) for claim in claims] == [(start, start + 120), (start + 90, start + 210)]
    assert claims[0]["jti"] != claims[1]["jti"]


def test_paths_and_bodies_are_the_designs(api: type[Api], client: Client) -> None:
    client.send({"category": "payment"}, idempotency_key="receipt-42")
    client.put_contact("ada", {"email": "ada@example.com"})
    client.put_template("receipt", "email", "default", {"body": "b"})
    assert [(method, path) for method, path, _, _ in api.asked] == [
        ("POST", "/stage/live/v1/notifications"),
        ("PUT", "/stage/live/v1/contacts/ada"),
        ("PUT", "/stage/live/v1/templates/receipt/email/default"),
    ]
    assert [json.loads(body) for _, _, _, body in api.asked] == [
        {"category": "payment"},
        {"email": "ada@example.com"},
        {"body": "b"},
    ]
    assert api.asked[0][2]["Idempotency-Key"] == "receipt-42"


def test_a_refusal_says_what_the_problem_says_with_its_fields(api: type[Api], client: Client) -> None:
    errors = [{"field": "to.0.email", "message": "is not an address"}]
    api.answer = (400, {"title": "Bad request", "detail": "One field is wrong.", "errors": errors})
    with pytest.raises(ApiError, match=r"400 to\.0\.email: is not an address$") as refused:
        client.send({})
    assert CREDENTIALS.app_secret not in str(refused.value)


def test_an_error_that_is_no_problem_is_said_by_its_status(api: type[Api], client: Client) -> None:
    api.answer = (502, "<html>")
    with pytest.raises(ApiError, match="502 Bad Gateway"):
        client.send({})


def test_what_only_reads_is_asked_again_when_the_api_fails_and_nothing_else_is(
    api: type[Api], client: Client, pauses: list[float]
) -> None:
    api.first, api.answer = [(500, {}), (503, {})], (200, {"status": "running"})
    assert client.broadcast_state("b-1") == {"status": "running"}
    assert (len(api.asked), pauses) == (3, [1, 3])
    api.answer = (500, {})
    with pytest.raises(UnavailableError, match="500"):
        client.broadcast_state("b-1")
    assert len(api.asked) == 6
    with pytest.raises(UnavailableError, match="500"):
        client.move_broadcast("b-1", "pause")
    api.answer = (404, {})
    with pytest.raises(ApiError, match="404"):
        client.notification("n-1")
    assert len(api.asked) == 8


@pytest.mark.usefixtures("pauses")
def test_no_answer_is_an_error_of_the_api_too() -> None:
    with Client("http://127.0.0.1:9", CREDENTIALS) as client, pytest.raises(ApiError, match="no answer from"):
        client.notification("n-1")
