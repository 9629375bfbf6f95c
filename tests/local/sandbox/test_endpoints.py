"""Producers' endpoints: what they take, keep and refuse."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.local.sandbox.providers import calls
from tests.local.support import HTTP, Sandbox

SECRET, OTHER = (f"whsec_{letter * 32}" for letter in "aB")
EVENT = {"type": "delivery.status_changed", "timestamp": "2030-01-31T12:00:07.000Z", "data": {"status": "sent"}}


class Endpoint:
    """One of a producer, at a host of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.host = sandbox, f"{uuid.uuid4().hex[:8]}.example.com"
        self.api = f"{sandbox.url}/api/endpoints/{self.host}"

    def expect(self, secret: str) -> httpx.Response:
        return HTTP.put(self.api, json={"secret": secret})

    def tell(self, secret: str, **headers: str) -> int:
        now, body = datetime.now(UTC), json.dumps(EVENT)
        signed = {
            "webhook-id": "m-1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign("m-1", now, body),
        }
        url = f"https://{self.host}/statuses?of=billing"
        return self.sandbox.post(url, content=body, headers={**signed, **headers}).status_code

    def told(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = HTTP.get(self.api).raise_for_status().json()
        return found


@pytest.fixture
def endpoint(sandbox: Sandbox) -> Iterator[Endpoint]:
    made = Endpoint(sandbox)
    made.expect(SECRET).raise_for_status()
    yield made
    HTTP.delete(made.api).raise_for_status()
    assert HTTP.get(made.api).status_code == 404


def test_what_is_signed_right_is_kept_and_nothing_else_and_none_of_it_is_a_message(endpoint: Endpoint) -> None:
    messages = len(endpoint.sandbox.messages())
    refused = [endpoint.tell(OTHER), endpoint.tell(SECRET, **{"webhook-id": "m-2"})]
    assert (endpoint.tell(SECRET), refused) == (204, [401, 401])
    [kept] = endpoint.told()
    assert (kept["url"], kept["body"]) == (f"https://{endpoint.host}/statuses?of=billing", EVENT)
    assert kept["headers"]["webhook-id"] == "m-1"
    assert len(endpoint.sandbox.messages()) == messages


def test_a_new_secret_is_taken_in_place_of_the_old_one_and_what_was_told_stays(endpoint: Endpoint) -> None:
    assert endpoint.tell(SECRET) == 204
    endpoint.expect(OTHER).raise_for_status()
    assert (endpoint.tell(SECRET), endpoint.tell(OTHER)) == (401, 204)
    assert len(endpoint.told()) == 2


@pytest.mark.parametrize(("mode", "status"), [("reject", 410), ("outage", 503), ("throttle", 429)])
def test_an_endpoint_fails_as_it_is_told_and_no_other_with_it(endpoint: Endpoint, mode: str, status: int) -> None:
    with endpoint.sandbox.fault(mode, provider=endpoint.host):
        assert endpoint.tell(SECRET) == status
        assert calls.webhook(endpoint.sandbox).status_code == 204
    assert endpoint.tell(SECRET) == 204
    assert len(endpoint.told()) == 1


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a", "whsec_é", SECRET.removeprefix("whsec_")])
def test_what_is_no_secret_is_refused_and_not_repeated(endpoint: Endpoint, secret: str) -> None:
    refused = endpoint.expect(secret)
    assert (refused.status_code, [each["field"] for each in refused.json()["errors"]]) == (400, ["secret"])
    assert "aaaa" not in refused.text
