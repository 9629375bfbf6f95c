"""An app's endpoint is told by requests that the reference library verifies, and left alone after it has failed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from threading import Event

import pytest
from standardwebhooks import Webhook as Signature
from standardwebhooks import WebhookVerificationError

from handlers.adapters.providers import urls
from handlers.adapters.status_webhook import HttpStatusEndpoint
from handlers.domain.providers.errors import ProviderError, RecipientRefusedError, ThrottledError, UnavailableError
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.webhooks import StatusChanged, Webhook, signing_secret
from tests.unit.handlers.adapters.providers.chat import url_client
from tests.unit.handlers.adapters.providers.webserver import WebServer, says, serving
from tests.unit.handlers.samples import delivery

WEBHOOK = Webhook("billing", "https://billing.example/statuses?team=7", frozenset(), 2)


class Keys:
    def key(self, app_key: str, version: int) -> bytes:
        return f"{app_key} {version}".encode().ljust(32)


def message() -> StatusChanged:
    told = StatusChanged.of(Change(ordered("7"), None, delivery(app_key="billing")))
    assert told is not None
    return told


def endpoint(server: WebServer) -> HttpStatusEndpoint:
    return HttpStatusEndpoint(url_client(server.port), Keys(), lambda: datetime.now(UTC))


def test_the_reference_library_verifies_what_is_sent_with_the_key_of_this_version_alone() -> None:
    told = message()
    with serving(says(204)) as server:
        endpoint(server).post(WEBHOOK, told)
    [request] = server.received
    assert request.path == "/statuses?team=7"
    assert request.headers["host"] == "billing.example"
    assert request.headers["webhook-id"] == told.event_id
    verified = Signature(signing_secret(Keys().key("billing", 2))).verify(request.body, request.headers)
    assert verified["data"]["delivery_id"] == told.delivery_id
    with pytest.raises(WebhookVerificationError):
        Signature(signing_secret(Keys().key("billing", 1))).verify(request.body, request.headers)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says(400), UnavailableError),
        (says(404), UnavailableError),
        (says(500), UnavailableError),
        (says(302), UnavailableError),
        (says(410), RecipientRefusedError),
        (says(429), ThrottledError),
    ],
)
def test_only_2xx_is_well_and_only_410_is_the_end(
    answer: Callable[[BaseHTTPRequestHandler], None], error: type[ProviderError]
) -> None:
    with serving(answer) as server, pytest.raises(ProviderError) as raised:
        endpoint(server).post(WEBHOOK, message())
    assert type(raised.value) is error


def test_an_endpoint_that_has_failed_is_not_called_while_it_rests_and_others_are() -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        says(503 if request.headers["Host"] == "billing.example" else 204)(request)

    other = Webhook("other", "https://other.example/", frozenset(), 1)
    with serving(answer) as server:
        client = endpoint(server)
        for _ in range(3):
            with pytest.raises(ProviderError):
                client.post(WEBHOOK, message())
        client.post(other, message())
    assert [each.headers["host"] for each in server.received] == ["billing.example", "other.example"]


def test_an_endpoint_that_is_busy_with_other_messages_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "_PATIENCE_SECONDS", 0)
    met, go_on = Event(), Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        met.set()
        assert go_on.wait(60)
        says(204)(request)

    with serving(answer) as server, ThreadPoolExecutor(1) as thread:
        client = endpoint(server)
        first = thread.submit(client.post, WEBHOOK, message())
        assert met.wait(60)
        with pytest.raises(ThrottledError):
            client.post(WEBHOOK, message())
        go_on.set()
        first.result()
    assert len(server.received) == 1


def test_an_address_that_is_not_public_is_not_called() -> None:
    private = Webhook("billing", "https://169.254.169.254/latest", frozenset(), 1)
    with serving(says(204)) as server, pytest.raises(RecipientRefusedError):
        endpoint(server).post(private, message())
    assert server.received == []
