"""SES: what it is sent, and what each of its answers, or none, means."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from handlers.adapters.aws import clients
from handlers.adapters.providers.ses import SesProvider
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.people.reach import Endpoint
from handlers.domain.providers.errors import (
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)

Answer = Callable[[BaseHTTPRequestHandler], None]

MESSAGE = Message(
    endpoint=Endpoint("ada@example.com"),
    content=RenderedContent(subject="Grüße", body="<b>Ada</b>", text="Ada"),
    notification_id="n-1",
    delivery_id="d-1",
    category="payment",
    unsubscribe_url="https://api.example.com/u/token",
)


class Ses(ThreadingHTTPServer):
    """SES on loopback: keeps each request, and answers as it is told."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.received: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Ses

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append({"path": self.path, **json.loads(body)})
        self.server.answer(self)

    def log_message(self, *args: Any) -> None:
        pass


def says(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        content = json.dumps(body).encode()
        request.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    return answer


def refuses(status: int, code: str, message: str = "no", **headers: str) -> Answer:
    return says(status, {"message": message}, {"x-amzn-ErrorType": code, **headers})


@contextmanager
def ses(answer: Answer, read_timeout: float = 5) -> Iterator[tuple[Ses, SesProvider]]:
    """A provider whose client differs from `clients.sesv2` in its endpoint and patience alone."""
    server = Ses(answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    client = boto3.client(
        "sesv2",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        config=clients.sesv2().meta.config.merge(Config(read_timeout=read_timeout)),
    )
    try:
        yield server, SesProvider(client, sender="Carillon <no-reply@example.com>", configuration_set="carillon-test")
    finally:
        server.shutdown()
        server.server_close()


def raised(answer: Answer, **kwargs: Any) -> ProviderError:
    with ses(answer, **kwargs) as (server, provider), pytest.raises(ProviderError) as error:
        provider.send(MESSAGE)
    assert len(server.received) == 1, "botocore must not send twice by itself"
    return error.value


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


def test_a_message_is_sent_whole_and_its_id_returned() -> None:
    with ses(says(200, {"MessageId": "m-1"})) as (server, provider):
        assert provider.send(MESSAGE) == "m-1"
    utf8 = {"Charset": "UTF-8"}
    assert server.received == [
        {
            "path": "/v2/email/outbound-emails",
            "FromEmailAddress": "Carillon <no-reply@example.com>",
            "Destination": {"ToAddresses": ["ada@example.com"]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": "Grüße", **utf8},
                    "Body": {"Html": {"Data": "<b>Ada</b>", **utf8}, "Text": {"Data": "Ada", **utf8}},
                    "Headers": [
                        {"Name": "List-Unsubscribe", "Value": "<https://api.example.com/u/token>"},
                        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                    ],
                }
            },
            "ConfigurationSetName": "carillon-test",
            "EmailTags": [
                {"Name": "notification_id", "Value": "n-1"},
                {"Name": "delivery_id", "Value": "d-1"},
                {"Name": "category", "Value": "payment"},
            ],
        }
    ]


def test_without_a_text_part_there_is_none() -> None:
    html = Message(Endpoint("a@example.com"), RenderedContent(subject="s", body="b"), "n-1", "d-1", "payment")
    with ses(says(200, {"MessageId": "m-1"})) as (server, provider):
        provider.send(html)
    assert "Text" not in server.received[0]["Content"]["Simple"]["Body"]


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "MessageRejected", "Email contains illegal content", MessageRefusedError),
        (400, "BadRequestException", "Missing final '@domain'", MessageRefusedError),
        (400, "MessageRejected", "Email address is not verified. The following identities failed", UnavailableError),
        (400, "MailFromDomainNotVerifiedException", "no", UnavailableError),
        (400, "SendingPausedException", "no", UnavailableError),
        (400, "AccountSuspendedException", "no", UnavailableError),
        (404, "NotFoundException", "no such configuration set", UnavailableError),
        (403, "AccessDeniedException", "no", UnavailableError),
        (500, "InternalFailure", "no", UnavailableError),
        (503, "ServiceUnavailable", "no", UnavailableError),
        (429, "TooManyRequestsException", "no", ThrottledError),
        (400, "LimitExceededException", "no", ThrottledError),
        (400, "ThrottlingException", "Maximum sending rate exceeded", ThrottledError),
    ],
)
def test_each_of_its_errors_means_something(status: int, code: str, message: str, kind: type[ProviderError]) -> None:
    error = raised(refuses(status, code, message))
    assert type(error) is kind
    assert error.code == code


def test_the_time_to_come_back_is_kept() -> None:
    error = raised(refuses(429, "TooManyRequestsException", **{"Retry-After": "7"}))
    assert isinstance(error, ThrottledError)
    assert error.retry_after == 7


def test_an_error_repeats_nothing_of_what_ses_said() -> None:
    error = raised(refuses(400, "MessageRejected", "Address is blacklisted: ada@example.com"))
    assert "ada" not in str(error)


def test_an_answer_that_never_comes_leaves_the_outcome_unknown() -> None:
    silence = threading.Event()
    error = raised(lambda _: (silence.wait(5), None)[1], read_timeout=0.2)
    silence.set()
    assert isinstance(error, OutcomeUnknownError)
    assert error.code == "no_answer"


def test_a_connection_that_breaks_leaves_the_outcome_unknown() -> None:
    error = raised(lambda request: request.connection.close())
    assert isinstance(error, OutcomeUnknownError)


def test_a_connection_that_was_never_made_sent_nothing() -> None:
    with ses(says(200, {})) as (_, provider):
        pass
    with pytest.raises(UnavailableError) as error:
        provider.send(MESSAGE)
    assert error.value.code == "not_reached"


def test_a_client_without_credentials_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    session = boto3.session.Session(region_name="eu-central-1")
    provider = SesProvider(session.client("sesv2"), sender="a@example.com", configuration_set="c")
    with pytest.raises(UnavailableError) as error:
        provider.send(MESSAGE)
    assert error.value.code == "not_reached"
