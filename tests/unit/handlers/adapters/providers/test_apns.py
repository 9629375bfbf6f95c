"""APNs: what it is sent, with which token, and what each of its answers means."""

import json
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
import time_machine

from handlers.adapters.aws.provider_credentials import ProviderCredentials
from handlers.adapters.providers.apns import ApnsCredentials, ApnsProvider, create
from handlers.domain.content.push_payloads import apns_headers, apns_payload
from handlers.domain.notifications.deliveries import Priority
from handlers.domain.providers.errors import (
    AuthenticationError,
    CredentialsMissingError,
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from tests.unit.handlers.adapters.providers.exchange import Exchange, Secrets, credentials
from tests.unit.handlers.adapters.providers.push import APNS_TOKEN, DELIVERY_ID, NOW, ec_key, pem, push

SECRET = {"team_id": "TEAM567890", "key_id": "KEY4567890", "private_key": pem(ec_key()), "topic": "com.example.app"}
TAKEN = httpx.Response(200, headers={"apns-id": DELIVERY_ID})


def provider(exchange: Exchange, secret: Any = SECRET) -> ApnsProvider:
    return ApnsProvider(exchange.client, credentials("apns", ApnsCredentials, secret))


def refusal(status: int, reason: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"reason": reason, **more}, headers={"apns-id": DELIVERY_ID})


def raised(*answers: httpx.Response, calls: int = 1) -> ProviderError:
    exchange = Exchange(*answers)
    with pytest.raises(ProviderError) as error:
        provider(exchange).send(push())
    assert len(exchange.requests) == calls
    assert APNS_TOKEN not in str(error.value)
    return error.value


def token_of(request: httpx.Request) -> str:
    return request.headers["authorization"].removeprefix("bearer ")


def test_it_is_sent_what_apple_documents() -> None:
    exchange, message = Exchange(TAKEN), push(priority=Priority.HIGH, expires_at=NOW + timedelta(hours=1))
    assert provider(exchange).send(message) == DELIVERY_ID
    request = exchange.request
    assert (request.method, str(request.url)) == ("POST", f"https://api.push.apple.com/3/device/{APNS_TOKEN}")
    expected = {
        "apns-id": DELIVERY_ID,
        "apns-topic": "com.example.app",
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-collapse-id": DELIVERY_ID,
        "apns-expiration": str(int(NOW.timestamp()) + 3600),
    }
    assert {name: value for name, value in request.headers.items() if name.startswith("apns-")} == expected
    assert expected.items() >= apns_headers(message).items()
    assert json.loads(request.content) == apns_payload(message)
    assert request.headers["X-Carillon-Delivery-Id"] == DELIVERY_ID
    assert request.headers["X-Carillon-Notification-Id"] == "n-1"


def test_the_host_is_the_one_the_credentials_name() -> None:
    exchange = Exchange(TAKEN)
    provider(exchange, SECRET | {"host": "api.sandbox.push.apple.com"}).send(push())
    assert exchange.request.url.host == "api.sandbox.push.apple.com"


def test_the_provider_token_is_signed_as_apple_wants_it() -> None:
    exchange = Exchange(TAKEN)
    with time_machine.travel(NOW, tick=False):
        provider(exchange).send(push())
        token = token_of(exchange.request)
        claims = jwt.decode(token, ec_key().public_key(), algorithms=["ES256"])
    assert claims == {"iss": "TEAM567890", "iat": int(NOW.timestamp())}
    assert {"alg": "ES256", "kid": "KEY4567890"}.items() <= jwt.get_unverified_header(token).items()


def test_the_provider_token_is_replaced_no_sooner_than_20_minutes_and_no_later_than_60() -> None:
    exchange = Exchange(TAKEN)
    sender = provider(exchange)
    with time_machine.travel(NOW, tick=False) as clock:
        for minutes in (0, 20, 19, 21):  # at 0, 20, 39 and 60
            clock.shift(timedelta(minutes=minutes))
            sender.send(push())
    first, after_20, after_39, after_60 = map(token_of, exchange.requests)
    assert first == after_20 == after_39 != after_60


def test_a_token_that_apple_calls_expired_is_made_anew_once() -> None:
    exchange = Exchange(refusal(403, "ExpiredProviderToken"), TAKEN)
    assert provider(exchange).send(push()) == DELIVERY_ID
    first, second = map(token_of, exchange.requests)
    assert first != second
    assert isinstance(raised(refusal(403, "ExpiredProviderToken"), calls=2), AuthenticationError)


def test_credentials_that_are_refused_are_read_again_and_the_new_ones_used() -> None:
    rotated = SECRET | {"key_id": "NEW4567890"}
    secrets = Secrets({"p/apns": SECRET})
    exchange = Exchange(refusal(403, "InvalidProviderToken"), TAKEN)
    sender = ApnsProvider(exchange.client, ProviderCredentials("apns", ApnsCredentials, prefix="p/", secrets=secrets))
    assert sender.available()
    secrets.values["p/apns"] = rotated
    assert sender.send(push()) == DELIVERY_ID
    assert [jwt.get_unverified_header(token_of(each))["kid"] for each in exchange.requests] == [
        "KEY4567890",
        "NEW4567890",
    ]


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (410, "ExpiredToken", EndpointGoneError),
        (400, "BadDeviceToken", RecipientRefusedError),
        (400, "DeviceTokenNotForTopic", RecipientRefusedError),
        (413, "PayloadTooLarge", MessageRefusedError),
        (400, "PayloadEmpty", MessageRefusedError),
        (400, "BadCollapseId", MessageRefusedError),
        (400, "BadExpirationDate", MessageRefusedError),
        (403, "InvalidProviderToken", AuthenticationError),
        (403, "MissingProviderToken", AuthenticationError),
        (403, "UnrelatedKeyIdInToken", AuthenticationError),
        (403, "BadEnvironmentKeyIdInToken", AuthenticationError),
        (403, "Forbidden", UnavailableError),
        (400, "TopicDisallowed", UnavailableError),
        (400, "BadTopic", UnavailableError),
        (400, "MissingTopic", UnavailableError),
        (404, "BadPath", UnavailableError),
        (405, "MethodNotAllowed", UnavailableError),
    ],
)
def test_each_of_its_reasons_means_something(status: int, reason: str, kind: type[ProviderError]) -> None:
    error = raised(refusal(status, reason))
    assert type(error) is kind
    assert error.code == reason


def test_a_device_without_the_app_any_more_is_unregistered() -> None:
    error = raised(refusal(410, "Unregistered", timestamp=int(NOW.timestamp() * 1000)))
    assert type(error) is EndpointGoneError
    assert error.code == "Unregistered"


@pytest.mark.parametrize("reason", ["TooManyRequests", "TooManyProviderTokenUpdates"])
def test_apple_may_ask_for_patience(reason: str) -> None:
    assert type(raised(refusal(429, reason))) is ThrottledError


@pytest.mark.parametrize(
    ("status", "reason"), [(500, "InternalServerError"), (503, "ServiceUnavailable"), (503, "Shutdown")]
)
def test_apple_may_be_out_of_order(status: int, reason: str) -> None:
    assert type(raised(refusal(status, reason))) is UnavailableError


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"reason": 7}'])
def test_an_answer_without_a_reason_has_its_status_for_one(body: bytes) -> None:
    error = raised(httpx.Response(418, content=body))
    assert (type(error), error.code) == (UnavailableError, "418")


@pytest.mark.parametrize("key", ["", "-----BEGIN PRIVATE KEY-----\nZm9v\n-----END PRIVATE KEY-----", "not a key"])
def test_a_key_that_is_none_makes_no_call_and_is_not_told(key: str) -> None:
    exchange = Exchange(TAKEN)
    with pytest.raises(AuthenticationError) as error:
        provider(exchange, SECRET | {"private_key": key}).send(push())
    assert (error.value.code, exchange.requests) == ("UnusablePrivateKey", [])
    assert error.value.__cause__ is None


def test_a_secret_of_another_form_is_off() -> None:
    sender = provider(Exchange(TAKEN), {"team_id": "TEAM567890"})
    assert not sender.available()
    with pytest.raises(CredentialsMissingError):
        sender.send(push())


def test_credentials_do_not_show_their_key() -> None:
    assert "PRIVATE KEY" not in repr(ApnsCredentials.model_validate(SECRET))


def test_it_is_made_from_the_environment_for_apples_devices_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "carillon/test/providers/")
    assert (create().name, create().platforms) == ("apns", frozenset({"apns"}))
