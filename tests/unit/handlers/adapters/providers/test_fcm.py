"""FCM: authorised as Google's own client is, sent what the schema has, and each of its answers means something."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import google.auth.transport
import google.oauth2.service_account
import httpx
import jwt
import pytest
import time_machine

from handlers.adapters.aws.provider_credentials import ProviderCredentials
from handlers.adapters.providers.fcm import FcmCredentials, FcmProvider, create
from handlers.domain.content.push_payloads import fcm_message
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
from tests.unit.handlers.adapters.providers.exchange import Exchange, Secrets, credentials
from tests.unit.handlers.adapters.providers.push import DELIVERY_ID, FCM_TOKEN, NOW, pem, push, rsa_key

TOKEN_URI = "https://oauth2.googleapis.com/token"
SECRET = {
    "type": "service_account",
    "project_id": "carillon-test",
    "private_key_id": "k-1",
    "private_key": pem(rsa_key()),
    "client_email": "sender@carillon-test.iam.gserviceaccount.com",
    "token_uri": TOKEN_URI,
}
TAKEN = httpx.Response(200, json={"name": "projects/carillon-test/messages/0:1"})
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def granted(token: str = "ya29.a", seconds: int = 3599) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


def refusal(status: int, name: str, code: str | None = None, text: str = "no", **detail: Any) -> httpx.Response:
    details = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    details += [{"@type": BAD_REQUEST, **detail}] if detail else []
    return httpx.Response(status, json={"error": {"code": status, "message": text, "status": name, "details": details}})


def provider(exchange: Exchange, secret: Any = SECRET) -> FcmProvider:
    return FcmProvider(exchange.client, credentials("fcm", FcmCredentials, secret))


def raised(*answers: httpx.Response, calls: int = 2) -> ProviderError:
    """What a message comes to; the first answer is the token endpoint's."""
    exchange = Exchange(*answers)
    with pytest.raises(ProviderError) as error:
        provider(exchange).send(push("fcm"))
    assert len(exchange.requests) == calls
    assert FCM_TOKEN not in str(error.value)
    return error.value


class Recorder(google.auth.transport.Request):
    """What Google's own client would send, kept instead."""

    def __call__(
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **_: Any
    ) -> Any:
        self.sent = (method, url, parse_qs(body.decode()), headers["Content-Type"])
        return type("Response", (), {"status": 200, "headers": {}, "data": granted().content})()


def test_a_token_is_asked_for_as_googles_own_client_does() -> None:
    recorder, exchange = Recorder(), Exchange(granted(), TAKEN)
    account: Any = google.oauth2.service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        SECRET, scopes=["https://www.googleapis.com/auth/firebase.messaging"]
    )
    with time_machine.travel(NOW, tick=False):
        account.refresh(recorder)
        provider(exchange).send(push("fcm"))
    method, url, form, content_type = recorder.sent
    request = exchange.requests[0]
    assert (request.method, str(request.url), request.headers["Content-Type"]) == (method, url, content_type)
    ours = parse_qs(request.content.decode())
    assert ours["grant_type"] == form["grant_type"]
    assert decoded(ours["assertion"][0]) == decoded(form["assertion"][0])


def decoded(assertion: str) -> tuple[Any, Any]:
    claims = jwt.decode(
        assertion, rsa_key().public_key(), algorithms=["RS256"], audience=TOKEN_URI, options={"verify_exp": False}
    )
    return jwt.get_unverified_header(assertion), claims


def test_the_message_goes_to_the_project_with_the_token() -> None:
    exchange, message = Exchange(granted(), TAKEN), push("fcm", expires_at=NOW + timedelta(hours=1))
    with time_machine.travel(NOW, tick=False):
        assert provider(exchange).send(message) == "projects/carillon-test/messages/0:1"
    request = exchange.requests[1]
    assert (request.method, str(request.url)) == (
        "POST",
        "https://fcm.googleapis.com/v1/projects/carillon-test/messages:send",
    )
    assert request.headers["Authorization"] == "Bearer ya29.a"
    assert json.loads(request.content) == {"message": {"token": FCM_TOKEN, **fcm_message(message, NOW)}}
    assert request.headers["X-Carillon-Delivery-Id"] == DELIVERY_ID
    assert request.headers["X-Carillon-Notification-Id"] == "n-1"


def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    exchange = Exchange(granted("ya29.a"), TAKEN, TAKEN, granted("ya29.b"), TAKEN)
    sender = provider(exchange)
    with time_machine.travel(NOW, tick=False) as clock:
        sender.send(push("fcm"))
        clock.shift(3599 - 226)
        sender.send(push("fcm"))
        clock.shift(1)
        sender.send(push("fcm"))
    presented = [each.headers.get("Authorization") for each in exchange.requests]
    assert presented == [None, "Bearer ya29.a", "Bearer ya29.a", None, "Bearer ya29.b"]


def test_a_token_that_fcm_refuses_is_replaced_once() -> None:
    unauthenticated = refusal(401, "UNAUTHENTICATED")
    exchange = Exchange(granted("ya29.a"), unauthenticated, granted("ya29.b"), TAKEN)
    assert provider(exchange).send(push("fcm"))
    error = raised(granted("ya29.a"), unauthenticated, granted("ya29.b"), unauthenticated, calls=4)
    assert (type(error), error.code) == (AuthenticationError, "UNAUTHENTICATED")


def test_credentials_that_are_refused_are_read_again_and_the_new_ones_used() -> None:
    secrets = Secrets({"p/fcm": SECRET})
    exchange = Exchange(httpx.Response(400, json={"error": "invalid_grant"}), granted(), TAKEN)
    sender = FcmProvider(exchange.client, ProviderCredentials("fcm", FcmCredentials, prefix="p/", secrets=secrets))
    assert sender.available()
    secrets.values["p/fcm"] = SECRET | {"private_key_id": "k-2"}
    assert sender.send(push("fcm"))
    asserted = [parse_qs(each.content.decode())["assertion"][0] for each in exchange.requests[:2]]
    assert [jwt.get_unverified_header(each)["kid"] for each in asserted] == ["k-1", "k-2"]


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), AuthenticationError, "invalid_grant"),
        (httpx.Response(401, json={"error": "invalid_client"}), AuthenticationError, "invalid_client"),
        (httpx.Response(403), AuthenticationError, "403"),
        (httpx.Response(429), ThrottledError, "429"),
        (httpx.Response(503), UnavailableError, "503"),
        (httpx.Response(200, content=b"<html>"), UnavailableError, "NoAccessToken"),
        (httpx.Response(200, json={"access_token": "ya29.a"}), UnavailableError, "NoAccessToken"),
    ],
)
def test_without_a_token_nothing_is_sent(answer: httpx.Response, kind: type[ProviderError], code: str) -> None:
    error = raised(answer, calls=1)
    assert (type(error), error.code) == (kind, code)


class Silent(Exchange):
    """Never answers one of the requests."""

    def __init__(self, silent: int, *answers: httpx.Response) -> None:
        super().__init__(*answers)
        self._silent = silent

    def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = super()._answer(request)
        if len(self.requests) == self._silent:
            raise httpx.ReadTimeout("no answer")
        return answer


@pytest.mark.parametrize(("silent", "kind"), [(1, UnavailableError), (2, OutcomeUnknownError)])
def test_only_a_message_may_have_been_sent(silent: int, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as error:
        provider(Silent(silent, granted(), TAKEN)).send(push("fcm"))
    assert (type(error.value), error.value.code) == (kind, "no_answer")


@pytest.mark.parametrize(
    ("status", "name", "code", "kind"),
    [
        (404, "NOT_FOUND", "UNREGISTERED", EndpointGoneError),
        (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", RecipientRefusedError),
        (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", MessageRefusedError),
        (401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", UnavailableError),
        (400, "FAILED_PRECONDITION", "UNSPECIFIED_ERROR", UnavailableError),
    ],
)
def test_each_of_its_codes_means_something(status: int, name: str, code: str, kind: type[ProviderError]) -> None:
    error = raised(granted(), refusal(status, name, code))
    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        # Not the device's: the project is not there, or is not ours.
        (404, "NOT_FOUND", UnavailableError),
        (403, "PERMISSION_DENIED", UnavailableError),
        (400, "INVALID_ARGUMENT", MessageRefusedError),
    ],
)
def test_without_a_code_of_fcms_the_status_of_googles_counts(status: int, name: str, kind: type[ProviderError]) -> None:
    error = raised(granted(), refusal(status, name))
    assert (type(error), error.code) == (kind, name)


@pytest.mark.parametrize(
    "answer",
    [
        refusal(
            400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"
        ),
        refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", fieldViolations=[{"field": "message.token"}]),
    ],
)
def test_a_token_that_is_none_is_the_recipients_fault_and_not_the_messages(answer: httpx.Response) -> None:
    assert type(raised(granted(), answer)) is RecipientRefusedError


def test_another_field_is_the_messages() -> None:
    answer = refusal(400, "INVALID_ARGUMENT", None, fieldViolations=[{"field": "message.data[0].value"}])
    assert type(raised(granted(), answer)) is MessageRefusedError


@pytest.mark.parametrize(
    ("status", "name", "code", "kind"),
    [
        (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", ThrottledError),
        (500, "INTERNAL", "INTERNAL", UnavailableError),
        (503, "UNAVAILABLE", "UNAVAILABLE", UnavailableError),
    ],
)
def test_google_may_be_out_of_order_or_ask_for_patience(
    status: int, name: str, code: str, kind: type[ProviderError]
) -> None:
    assert type(raised(granted(), refusal(status, name, code))) is kind


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "no"}', b'{"error": {"details": "no"}}'])
def test_an_answer_without_a_code_has_its_status_for_one(body: bytes) -> None:
    error = raised(granted(), httpx.Response(418, content=body))
    assert (type(error), error.code) == (UnavailableError, "418")


@pytest.mark.parametrize("key", ["", "not a key"])
def test_a_key_that_is_none_makes_no_call(key: str) -> None:
    exchange = Exchange(TAKEN)
    with pytest.raises(AuthenticationError) as error:
        provider(exchange, SECRET | {"private_key": key}).send(push("fcm"))
    assert (error.value.code, exchange.requests) == ("UnusablePrivateKey", [])


def test_it_is_made_from_the_environment_for_googles_tokens_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "carillon/test/providers/")
    assert (create().name, create().platforms) == ("fcm", frozenset({"fcm"}))
