"""A provider that is called over HTTP, as the tests see it: what it was sent, and what it is to answer."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
from aws_lambda_powertools.utilities.parameters.secrets import SecretsProvider

from handlers.adapters.aws.provider_credentials import C, ProviderCredentials
from handlers.adapters.providers.http import HttpProviderClient
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.people.reach import Endpoint
from handlers.domain.providers.routing import CLOSED, Circuit, Event, Signal, Switches

SMS = Message(Endpoint("+4915112345678"), RenderedContent(body="Grüße €"), "n-1", "d-1", "payment")
EMAIL = Message(
    Endpoint("ada@example.com"),
    RenderedContent(subject="Grüße", body="<b>Ada</b>", text="Ada"),
    "n-1",
    "d-1",
    "payment",
    unsubscribe_url="https://api.example.com/u/token",
)


class Exchange:
    """Keeps the requests, and gives the answers one after the other; the last one for ever."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = answers
        self.client = HttpProviderClient(httpx.Client(transport=httpx.MockTransport(self._answer)))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def request(self) -> httpx.Request:
        """The only request."""
        (request,) = self.requests
        return request


class Signals:
    """The state of the providers: closed circuits, and every signal that they were given."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def switches(self) -> Switches:
        return Switches()

    def circuit(self, _provider: str) -> Circuit:
        return CLOSED

    def signal(self, _provider: str, signal: Signal, _now: datetime) -> bool:
        self.told.append(signal.event)
        return False


class Secrets(SecretsProvider):
    """Secrets Manager with a value for each name, and `Secrets.reads`, the names that were read from it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(boto3_client=object())  # type: ignore[arg-type]
        self.values = dict(values)
        self.reads: list[str] = []

    def _get(self, name: str, **sdk_options: Any) -> str:
        self.reads.append(name)
        return json.dumps(self.values[name])


def credentials(name: str, model: type[C], value: Mapping[str, Any]) -> ProviderCredentials[C]:
    return ProviderCredentials(name, model, prefix="p/", secrets=Secrets({f"p/{name}": value}))


def form(body: bytes) -> dict[str, list[str]]:
    return parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True)


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
