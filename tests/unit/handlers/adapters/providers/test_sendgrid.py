"""SendGrid: sent what its own client sends, and each of its answers means something."""

import json
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from python_http_client.client import Client
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Content, CustomArg, From, Header, Mail, To

from handlers.adapters.providers.sendgrid import SendGridCredentials, SendGridProvider
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.people.reach import Endpoint
from handlers.domain.providers.errors import (
    AuthenticationError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    UnavailableError,
)
from tests.unit.handlers.adapters.providers.exchange import EMAIL, Exchange, credentials

ACCEPTED = httpx.Response(202, headers={"X-Message-Id": "m-1"})


def provider(exchange: Exchange, sender: str = "Carillon <no-reply@example.com>") -> SendGridProvider:
    secret = credentials("sendgrid", SendGridCredentials, {"api_key": "SG.key"})
    return SendGridProvider(exchange.client, secret, sender=sender)


def refusal(status: int, field: str | None) -> httpx.Response:
    message = f"{EMAIL.endpoint.address} is not taken"
    return httpx.Response(status, json={"errors": [{"message": message, "field": field, "help": None}]})


def raised(answer: httpx.Response) -> ProviderError:
    exchange = Exchange(answer)
    with pytest.raises(ProviderError) as error:
        provider(exchange).send(EMAIL)
    assert len(exchange.requests) == 1
    assert EMAIL.endpoint.address not in str(error.value)
    return error.value


def test_it_is_sent_what_its_own_client_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def keep(self: Client, opener: Any, request: Any, timeout: Any = None) -> Any:
        sent.append(request)
        return Mock()

    monkeypatch.setattr(Client, "_make_request", keep)
    mail = Mail(
        From("no-reply@example.com", "Carillon"),
        To("ada@example.com"),
        "Grüße",
        plain_text_content=Content("text/plain", "Ada"),
        html_content=Content("text/html", "<b>Ada</b>"),
    )
    mail.header = [
        Header("List-Unsubscribe", "<https://api.example.com/u/token>"),
        Header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]
    ids = {"notification_id": "n-1", "delivery_id": "d-1", "category": "payment"}
    mail.custom_arg = [CustomArg(name, value) for name, value in ids.items()]
    SendGridAPIClient("SG.key").send(mail)
    (theirs,) = sent

    exchange = Exchange(ACCEPTED)
    provider(exchange).send(EMAIL)
    ours = exchange.request
    assert (ours.method, str(ours.url)) == (theirs.get_method(), theirs.full_url)
    assert json.loads(ours.content) == json.loads(theirs.data)
    for name in ("Authorization", "Content-Type"):
        assert ours.headers[name] == theirs.get_header(name.capitalize())


def test_the_id_it_gives_is_returned_and_ours_are_told() -> None:
    exchange = Exchange(ACCEPTED)
    assert provider(exchange).send(EMAIL) == "m-1"
    assert exchange.request.headers["X-Carillon-Delivery-Id"] == "d-1"


def test_there_is_no_text_part_nor_name_where_there_is_none() -> None:
    exchange = Exchange(ACCEPTED)
    content = RenderedContent(subject="s", body="b", text="")
    provider(exchange, "no-reply@example.com").send(Message(Endpoint("a@example.com"), content, "n-1", "d-1", "demo"))
    document = json.loads(exchange.request.content)
    assert document["content"] == [{"type": "text/html", "value": "b"}]
    assert document["from"] == {"email": "no-reply@example.com"}
    assert "headers" not in document  # nor a way to unsubscribe, where there is none


@pytest.mark.parametrize(
    ("status", "field", "kind", "code"),
    [
        (400, "personalizations.0.to.0.email", RecipientRefusedError, "400:personalizations.0.to.0.email"),
        (400, "content.0.value", MessageRefusedError, "400:content.0.value"),
        (400, "subject", MessageRefusedError, "400:subject"),
        (400, "from.email", UnavailableError, "400:from.email"),
        (400, None, UnavailableError, "400"),
        (400, "ada@example.com", UnavailableError, "400"),
        (401, None, AuthenticationError, "401"),
        (403, "from", AuthenticationError, "403"),
        (413, None, MessageRefusedError, "413"),
        (404, None, UnavailableError, "404"),
    ],
)
def test_each_of_its_errors_means_something(
    status: int, field: str | None, kind: type[ProviderError], code: str
) -> None:
    error = raised(refusal(status, field))
    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize("body", ["<html>", "[]", '{"errors": []}', '{"errors": ["no"]}'])
def test_an_error_in_a_form_of_its_own_is_told_by_its_status(body: str) -> None:
    error = raised(httpx.Response(400, text=body))
    assert (type(error), error.code) == (UnavailableError, "400")


def test_an_acceptance_without_an_id_leaves_the_outcome_unknown() -> None:
    assert type(raised(httpx.Response(200))) is OutcomeUnknownError
