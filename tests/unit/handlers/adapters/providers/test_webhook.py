"""Anybody's own webhook: signed so that the reference library verifies it, and what its answers mean."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import boto3
import pytest
import time_machine
from aws_lambda_powertools.utilities.parameters.secrets import SecretsProvider
from botocore.stub import Stubber
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from handlers.adapters.aws.provider_credentials import ProviderCredentials
from handlers.adapters.providers.webhook import WebhookCredentials, WebhookProvider
from handlers.domain.providers.errors import (
    CredentialsMissingError,
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from tests.unit.handlers.adapters.providers.chat import message, url_client
from tests.unit.handlers.adapters.providers.webserver import Answer, WebServer, says, serving

URL = "https://hooks.example.com/carillon?team=7"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW = datetime(2026, 3, 1, 12, 30, 15, 500000, tzinfo=UTC)


@contextmanager
def webhook(answer: Answer, secret: str | None = SECRET) -> Iterator[tuple[WebServer, WebhookProvider]]:
    client = boto3.client(
        "secretsmanager", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with serving(answer) as server, Stubber(client) as stub:
        if secret is None:
            stub.add_client_error("get_secret_value", "ResourceNotFoundException")
        else:
            stub.add_response("get_secret_value", {"SecretString": json.dumps({"secret": secret})})
        secrets = SecretsProvider(boto3_client=client)
        credentials = ProviderCredentials("webhook", WebhookCredentials, prefix="carillon/test/", secrets=secrets)
        yield server, WebhookProvider(url_client(server.port), credentials)


def refused(answer: Answer) -> ProviderError:
    with webhook(answer) as (_, provider), pytest.raises(ProviderError) as error:
        provider.send(message(URL))
    return error.value


def test_the_reference_library_verifies_what_is_sent() -> None:
    with webhook(says(204)) as (server, provider):
        assert provider.send(message(URL, "Grüße, Ada")) == "d-1"
    [request] = server.received
    verified = Webhook(SECRET).verify(request.body, request.headers)
    assert verified["data"] == {
        "notification_id": "n-1",
        "delivery_id": "d-1",
        "category": "payment",
        "body": "Grüße, Ada",
    }
    assert request.path == "/carillon?team=7"
    assert request.headers["content-type"] == "application/json"


def test_what_was_changed_on_the_way_does_not_verify() -> None:
    with webhook(says(204)) as (server, provider):
        provider.send(message(URL))
    [request] = server.received
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body.replace(b"Ada", b"Eve"), request.headers)


def test_the_id_is_the_deliverys_and_the_time_that_of_the_attempt() -> None:
    with webhook(says(204)) as (server, provider):
        for seconds in (0, 90):
            with time_machine.travel(NOW.timestamp() + seconds, tick=False):
                provider.send(message(URL))
    first, second = server.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "d-1"
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 90
    assert int(first.headers["webhook-timestamp"]) == int(NOW.timestamp())
    assert json.loads(first.body)["timestamp"] == "2026-03-01T12:30:15.500+00:00"
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, RecipientRefusedError),
        (403, RecipientRefusedError),
        (404, RecipientRefusedError),
        (405, RecipientRefusedError),
        (410, EndpointGoneError),
        (400, MessageRefusedError),
        (413, MessageRefusedError),
        (422, MessageRefusedError),
        (408, UnavailableError),
        (421, UnavailableError),
        (425, UnavailableError),
        (429, ThrottledError),
        (301, UnavailableError),
        (500, UnavailableError),
        (504, UnavailableError),
    ],
)
def test_each_answer_means_something_and_nothing_of_other_webhooks(status: int, kind: type[ProviderError]) -> None:
    error = refused(says(status, b"who@example.com"))
    assert (type(error), error.code) == (kind, str(status))
    assert error.of_endpoint


def test_without_a_secret_it_is_off_and_calls_nobody() -> None:
    with webhook(says(204), secret=None) as (server, provider):
        assert not provider.available()
        with pytest.raises(CredentialsMissingError):
            provider.send(message(URL))
    assert server.received == []


@pytest.mark.parametrize("secret", ["", "whsec_", "hunter2", base64.b64encode(bytes(32)).decode(), "whsec_a"])
def test_a_secret_that_cannot_sign_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValidationError) as error:
        WebhookCredentials(secret=secret)
    assert not secret or f"'{secret}'" not in str(error.value)


def test_a_secret_of_another_form_turns_it_off() -> None:
    with webhook(says(204), secret="hunter2") as (server, provider):
        assert not provider.available()
    assert server.received == []
