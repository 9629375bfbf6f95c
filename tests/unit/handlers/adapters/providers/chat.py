"""What the tests of chat's providers share: a message, and a client whose urls all lead to a server on loopback."""

import httpx

from handlers.adapters.providers import egress
from handlers.adapters.providers.http import HttpProviderClient
from handlers.adapters.providers.urls import UrlClient
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.people.reach import Endpoint


def message(url: str, body: str = "Ada paid <b>5 €</b> & left") -> Message:
    return Message(Endpoint(url, "webhook"), RenderedContent(body=body), "n-1", "d-1", "payment")


def url_client(port: int, *, read_seconds: float = 60) -> UrlClient:
    """A client as `urls.shared` makes it, with a test's map of hosts and a patience that no busy machine exhausts."""
    client = httpx.Client(
        transport=egress.transport([("localhost", port)]),
        timeout=httpx.Timeout(read_seconds, connect=60),
        trust_env=False,
    )
    return UrlClient(HttpProviderClient(client, {"*": f"http://localhost:{port}"}))
