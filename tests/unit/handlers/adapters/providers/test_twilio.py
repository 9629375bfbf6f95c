"""Twilio: sent what its own client sends, and each of its answers means something."""

import logging
from typing import Any

import httpx
import pytest
import twilio.rest
from twilio.http import HttpClient
from twilio.http.response import Response

from handlers.adapters.providers.twilio import TwilioCredentials, TwilioProvider
from handlers.domain.providers.errors import (
    AuthenticationError,
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from tests.unit.handlers.adapters.providers.exchange import SMS, Exchange, Secrets, basic, credentials, form

SID, TOKEN, NUMBER = "AC" + "0" * 32, "t" * 32, "+15005550006"
SECRET = {"account_sid": SID, "auth_token": TOKEN, "from": NUMBER}
ACCEPTED = httpx.Response(201, json={"sid": "SM1", "status": "queued"})


def provider(exchange: Exchange, secret: Any = SECRET) -> TwilioProvider:
    return TwilioProvider(exchange.client, credentials("twilio", TwilioCredentials, secret))


def refusal(status: int, code: int | None) -> httpx.Response:
    body = {"code": code, "message": f"no to {SMS.endpoint.address}", "more_info": "https://…", "status": status}
    return httpx.Response(status, json=body)


def raised(*answers: httpx.Response) -> ProviderError:
    exchange = Exchange(*answers)
    with pytest.raises(ProviderError) as error:
        provider(exchange).send(SMS)
    assert len(exchange.requests) == 1
    assert SMS.endpoint.address not in str(error.value)
    return error.value


class Recorder(HttpClient):  # type: ignore[misc]
    """What Twilio's own client would send, kept instead."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False)

    def request(self, method: str, url: str, *args: Any, data: Any = None, auth: Any = None, **_: Any) -> Response:
        self.sent = (method, url, data, auth)
        return Response(201, ACCEPTED.text)


@pytest.mark.parametrize(
    ("sender", "argument"), [(NUMBER, "from_"), ("Carillon", "from_"), ("MG" + "0" * 32, "messaging_service_sid")]
)
def test_it_is_sent_what_its_own_client_sends(sender: str, argument: str) -> None:
    recorder = Recorder()
    client = twilio.rest.Client(SID, TOKEN, http_client=recorder)
    client.messages.create(to=SMS.endpoint.address, body=SMS.content.body, **{argument: sender})
    method, url, data, auth = recorder.sent

    exchange = Exchange(ACCEPTED)
    provider(exchange, SECRET | {"from": sender}).send(SMS)
    request = exchange.request
    assert (request.method, str(request.url)) == (method, url)
    assert form(request.content) == {name: [value] for name, value in data.items()}
    assert request.headers["Authorization"] == basic(*auth)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_the_id_it_gives_is_returned_and_ours_are_told() -> None:
    exchange = Exchange(ACCEPTED)
    assert provider(exchange).send(SMS) == "SM1"
    assert exchange.request.headers["X-Carillon-Delivery-Id"] == "d-1"
    assert exchange.request.headers["X-Carillon-Notification-Id"] == "n-1"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21211, EndpointGoneError),
        (400, 21610, RecipientRefusedError),
        (400, 21614, EndpointGoneError),
        (400, 21635, RecipientRefusedError),
        (400, 21602, MessageRefusedError),
        (400, 21617, MessageRefusedError),
        (400, 21611, ThrottledError),
        (400, 21408, UnavailableError),
        (400, 21606, UnavailableError),
        (400, 21612, UnavailableError),
        (403, 20005, UnavailableError),
        (404, 20404, UnavailableError),
    ],
)
def test_each_of_its_errors_means_something(status: int, code: int, kind: type[ProviderError]) -> None:
    error = raised(refusal(status, code))
    assert type(error) is kind
    assert error.code == str(code)


def test_a_token_it_does_not_know_is_no_fault_of_the_message() -> None:
    assert type(raised(refusal(401, 20003))) is AuthenticationError


def test_a_new_token_is_found_when_the_old_one_is_no_longer_known() -> None:
    exchange = Exchange(refusal(401, 20003), ACCEPTED)
    rotated = credentials("twilio", TwilioCredentials, SECRET)
    rotated.current()
    secrets = rotated._secrets
    assert isinstance(secrets, Secrets)
    secrets.values["p/twilio"] = SECRET | {"auth_token": "n" * 32}
    assert TwilioProvider(exchange.client, rotated).send(SMS) == "SM1"
    assert [request.headers["Authorization"] for request in exchange.requests] == [
        basic(SID, TOKEN),
        basic(SID, "n" * 32),
    ]


def test_an_error_without_a_code_is_told_by_its_status() -> None:
    assert raised(httpx.Response(400, text="<html>")).code == "400"


def test_an_acceptance_without_an_id_leaves_the_outcome_unknown() -> None:
    assert type(raised(httpx.Response(200, text="<html>"))) is OutcomeUnknownError
