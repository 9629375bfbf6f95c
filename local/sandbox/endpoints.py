"""Endpoints of producers, which are told what becomes of deliveries: set up and read by the API, by their hosts.

Each verifies what it gets as Standard Webhooks says, with its reference library, and keeps it in memory.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook as Verifier
from starlette.responses import Response

from local.sandbox.faults import Mode
from local.sandbox.messages import rfc3339
from local.sandbox.providers import webhook
from local.sandbox.providers.http import Call


@dataclass(frozen=True)
class Told:
    """One request that was signed right: where it came, the headers that sign it, and its body, read as JSON."""

    url: str
    headers: dict[str, str]
    body: Any
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_json(self) -> dict[str, Any]:
        """An entry of `GET /api/endpoints/{host}`."""
        return {"url": self.url, "headers": self.headers, "body": self.body, "at": rfc3339(self.at)}


@dataclass(frozen=True)
class Endpoint:
    """What answers at all paths of a host. `name` is that host, also as in `/api/faults/{name}`."""

    name: str
    verifier: Verifier
    told: list[Told]

    @property
    def hosts(self) -> tuple[str, ...]:
        """As of a provider."""
        return (self.name,)

    def answer(self, call: Call) -> Response:
        """Keep one request whose signature is right; it is no message, so the inbox does not get it."""
        headers = webhook.verified(self.verifier, call)
        if isinstance(headers, Response):
            return headers
        self.told.append(Told(call.url, headers, json.loads(call.body)))
        return Response(status_code=204)

    def failure(self, mode: Mode) -> Response:
        """As of any receiver."""
        return webhook.failure(mode)


class Endpoints:
    """All of them, by their hosts."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}

    def put(self, host: str, secret: str) -> None:
        """Let there be one that takes what is signed with this secret alone; what it got before stays.

        Raises `ValueError` if that is no secret.
        """
        known = self._endpoints.get(host)
        self._endpoints[host] = Endpoint(host, Verifier(secret), known.told if known else [])

    def at(self, host: str) -> Endpoint | None:
        """The one at this host, if there is one."""
        return self._endpoints.get(host)

    def delete(self, host: str) -> None:
        """Forget one and what it got; no harm if there is none."""
        self._endpoints.pop(host, None)
