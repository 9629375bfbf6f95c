"""What a third party is to the sandbox: hosts it answers for, one call at a time, and its own way to say no."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response

from local.sandbox.credentials import Credentials
from local.sandbox.faults import Mode
from local.sandbox.messages import Message

DELIVERY_HEADER = "x-carillon-delivery-id"
NOTIFICATION_HEADER = "x-carillon-notification-id"
THROTTLED_SECONDS = 1
"""How long a throttling provider asks to wait, where its protocol can say so."""


@dataclass(frozen=True)
class Call:
    """One request as it came. `host` is without port; `peer` tells connections apart."""

    method: str
    host: str
    path: str
    query: QueryParams
    headers: Headers
    body: bytes
    peer: str
    http_version: str = "1.1"

    @property
    def url(self) -> str:
        """The address that the caller meant."""
        query = f"?{self.query}" if self.query else ""
        return f"https://{self.host}{self.path}{query}"

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form; of a repeated one, the last."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def ids(self) -> Mapping[str, Any]:
        """Which delivery it is, as arguments of `Message`; nobody when the caller is not Carillon."""
        return {
            "notification_id": self.headers.get(NOTIFICATION_HEADER),
            "delivery_id": self.headers.get(DELIVERY_HEADER),
        }


@dataclass(frozen=True)
class Accepted:
    """A message was taken, and what the sender is answered."""

    message: Message
    response: Response


class HttpProvider(Protocol):
    """A third party that takes messages over HTTP."""

    name: str
    """As in `/api/faults/{name}`."""

    def __init__(self, credentials: Credentials) -> None:
        """Know the customer by these."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names it answers to; one with a leading dot stands for all below it, an empty one for any."""

    def answer(self, call: Call) -> Accepted | Response:
        """Take a message, or answer as the provider does when it takes none."""

    def failure(self, mode: Mode) -> Response:
        """The provider's own answer when it fails this way; never asked for `timeout` and `idle_close`."""
