"""APNs, FCM and Google's token endpoint: whom they let in, and what they say to the others."""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import time_machine
from google.auth.exceptions import RefreshError
from google.oauth2 import service_account
from starlette.datastructures import Headers, QueryParams

from local.sandbox.credentials import Credentials
from local.sandbox.faults import KEPT_SECONDS
from local.sandbox.providers.apns import Apns
from local.sandbox.providers.http import Accepted, Call
from tests.local.sandbox.providers import calls
from tests.local.support import Sandbox


@pytest.fixture(scope="module")
def stranger() -> Credentials:
    """Of another developer and another project."""
    return Credentials.generate()


def test_apns_answers_with_an_id_and_nothing_else(sandbox: Sandbox) -> None:
    mine = str(uuid.uuid4())
    answer = calls.apns(sandbox, headers={"apns-id": mine})
    assert (answer.http_version, answer.status_code, answer.content) == ("HTTP/2", 200, b"")
    assert answer.headers["apns-id"] == mine
    assert uuid.UUID(calls.apns(sandbox).headers["apns-id"])


def test_apns_keeps_what_the_device_shows(sandbox: Sandbox) -> None:
    calls.apns(sandbox)
    kept = sandbox.last()
    assert (kept["channel"], kept["to"], kept["subject"], kept["body"]) == ("push", calls.DEVICE, "A title", "Hello")


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"headers": {"authorization": ""}}, 403, "MissingProviderToken"),
        ({"headers": {"authorization": "bearer nonsense"}}, 403, "InvalidProviderToken"),
        ({"headers": {"apns-topic": ""}}, 400, "MissingTopic"),
        ({"headers": {"apns-topic": "com.example.other"}}, 400, "TopicDisallowed"),
        ({"headers": {"apns-push-type": "shout"}}, 400, "InvalidPushType"),
        ({"headers": {"apns-priority": "11"}}, 400, "BadPriority"),
        ({"headers": {"apns-expiration": "tomorrow"}}, 400, "BadExpirationDate"),
        ({"headers": {"apns-collapse-id": "x" * 65}}, 400, "BadCollapseId"),
        ({"headers": {"apns-id": "1"}}, 400, "BadMessageId"),
        ({"device": "xyz"}, 400, "BadDeviceToken"),
        ({"device": ""}, 400, "MissingDeviceToken"),
        ({"device": "dead" * 16}, 410, "Unregistered"),
        ({"content": b""}, 400, "PayloadEmpty"),
        ({"content": b'{"aps": {"alert": "' + b"x" * 4096 + b'"}}'}, 413, "PayloadTooLarge"),
        ({"content": b'{"aps": {"alert": "' + "é".encode() * 2048 + b'"}}'}, 413, "PayloadTooLarge"),
    ],
)
def test_apns_names_the_reason(sandbox: Sandbox, changed: dict[str, Any], status: int, reason: str) -> None:
    before = sandbox.messages()
    answer = calls.apns(sandbox, **changed)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert ("timestamp" in answer.json()) is (status == 410)
    assert sandbox.messages() == before


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (lambda: {"iss": "OTHERTEAM1"}, "InvalidProviderToken"),
        (lambda: {"iat": int(time.time()) - 3700}, "ExpiredProviderToken"),
        (lambda: {"iat": int(time.time()) + 600}, "InvalidProviderToken"),
    ],
)
def test_apns_looks_at_the_tokens_claims(sandbox: Sandbox, claims: Callable[[], dict[str, Any]], reason: str) -> None:
    token = calls.provider_token(sandbox, **claims())
    answer = calls.apns(sandbox, headers={"authorization": f"bearer {token}"})
    assert (answer.status_code, answer.json()["reason"]) == (403, reason)


def test_apns_verifies_the_signature(sandbox: Sandbox, stranger: Credentials) -> None:
    forged = calls.provider_token(sandbox, key=stranger.apns.private_key)
    assert calls.apns(sandbox, headers={"authorization": f"bearer {forged}"}).json() == {
        "reason": "InvalidProviderToken"
    }


def test_apns_wants_a_connection_to_keep_its_token(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/3/device/{calls.DEVICE}"
    headers = {"host": "api.push.apple.com", "apns-topic": sandbox.credentials.apns.topic}

    def send(client: httpx.Client, issued: int) -> httpx.Response:
        token = calls.provider_token(sandbox, iat=issued)
        return client.post(url, content=b'{"aps": {}}', headers={**headers, "authorization": f"bearer {token}"})

    now = int(time.time())
    with httpx.Client(http1=False, http2=True) as client:
        assert send(client, now - 1300).status_code == 200
        assert send(client, now - 1300).status_code == 200
        assert send(client, now).status_code == 200, "after 20 minutes it may be renewed"
        assert send(client, now - 1).json() == {"reason": "TooManyProviderTokenUpdates"}
    with httpx.Client(http1=False, http2=True) as other:
        assert send(other, now - 1).status_code == 200, "another connection has a token of its own"


def test_apns_knows_another_connection_from_the_same_port_by_the_silence_before(stranger: Credentials) -> None:
    """A suite makes thousands of connections, and the system gives their ports out again."""
    provider = Apns(stranger)

    def status(issued_at: int) -> int:
        token = calls.signed_by(stranger.apns, iat=issued_at)
        headers = Headers({"authorization": f"bearer {token}", "apns-topic": stranger.apns.topic})
        path, body = f"/3/device/{calls.DEVICE}", b'{"aps": {}}'
        answer = provider.answer(Call("POST", "api.push.apple.com", path, QueryParams(), headers, body, "a:1", "2"))
        return answer.response.status_code if isinstance(answer, Accepted) else answer.status_code

    with time_machine.travel(datetime(2026, 11, 28, tzinfo=UTC), tick=False) as traveller:
        now = int(time.time())
        assert [status(now), status(now - 60), status(now)] == [200, 429, 200]
        traveller.shift(KEPT_SECONDS)
        assert status(now - 60) == 429, "it may still be the same"
        traveller.shift(KEPT_SECONDS + 1)
        assert [status(now - 60), status(now)] == [200, 429], "the other has a token of its own"


def test_apns_does_not_speak_http_1(sandbox: Sandbox) -> None:
    assert not calls.apns(sandbox, http2=False).is_success


class _ToSandbox:
    """The transport of Google's library, which calls the sandbox instead of Google."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __call__(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> Any:
        assert method == "POST"
        answer = self._sandbox.post(url, content=body, headers=headers)
        return type("Response", (), {"status": answer.status_code, "headers": answer.headers, "data": answer.content})


def google_credentials(sandbox: Sandbox, **changed: str) -> Any:
    info = {**sandbox.credentials.fcm.model_dump(), **changed}
    return service_account.Credentials.from_service_account_info(info, scopes=[calls.SCOPE])  # type: ignore[no-untyped-call]


def test_googles_own_library_gets_a_token_with_which_fcm_takes_a_message(sandbox: Sandbox) -> None:
    credentials = google_credentials(sandbox)
    credentials.refresh(_ToSandbox(sandbox))
    answer = calls.fcm(sandbox, token=credentials.token)
    assert answer.status_code == 200
    assert answer.json()["name"].startswith(f"projects/{sandbox.credentials.fcm.project_id}/messages/")
    kept = sandbox.last()
    assert (kept["channel"], kept["to"], kept["subject"]) == ("push", calls.REGISTRATION, "A title")


def test_googles_own_library_understands_why_it_gets_none(sandbox: Sandbox, stranger: Credentials) -> None:
    forged = google_credentials(sandbox, private_key=stranger.fcm.private_key)
    with pytest.raises(RefreshError, match="invalid_grant: Invalid JWT Signature"):
        forged.refresh(_ToSandbox(sandbox))


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://example.com/token"}, "invalid_grant"),
        ({"iss": "other@example.iam.gserviceaccount.com"}, "invalid_grant"),
        ({"exp": int(time.time()) - 600}, "invalid_grant"),
        ({"exp": int(time.time()) + 7200}, "invalid_grant"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
def test_google_looks_at_each_claim(sandbox: Sandbox, claims: dict[str, Any], error: str) -> None:
    answer = calls.google_oauth(sandbox, signed=calls.assertion(sandbox, **claims))
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_fcm_refuses_a_token_that_is_none(sandbox: Sandbox) -> None:
    answer = calls.fcm(sandbox, token="ya29.nonsense")
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_fcm_refuses_a_token_that_was_granted_for_something_else(sandbox: Sandbox) -> None:
    signed = calls.assertion(sandbox, scope="https://www.googleapis.com/auth/devstorage.read_only")
    token = calls.google_oauth(sandbox, signed=signed).json()["access_token"]
    answer = calls.fcm(sandbox, token=token)
    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


FRAME = len('{"notification":{"body":""},"data":{}}')


@pytest.mark.parametrize(("character", "size"), [("x", 1), ("é", 2), ("😀", 4), ('"', 2)])
def test_fcm_counts_the_bytes_of_what_goes_to_the_device(sandbox: Sandbox, character: str, size: int) -> None:
    def send(characters: int) -> httpx.Response:
        shown = {"body": character * characters}
        return calls.fcm(sandbox, message={"token": calls.REGISTRATION, "notification": shown})

    most = (4096 - FRAME) // size
    assert send(most).status_code == 200
    before = sandbox.messages()
    refused = send(most + 1)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "Android message is too big")
    assert sandbox.messages() == before


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"notification": {"body": "x"}}, "INVALID_ARGUMENT"),
        ({"token": "short", "notification": {"body": "x"}}, "INVALID_ARGUMENT"),
        ({"token": calls.REGISTRATION, "notification": {"text": "x"}}, "INVALID_ARGUMENT"),
        ({"token": calls.REGISTRATION, "data": {"count": 1}}, "INVALID_ARGUMENT"),
        ({"token": calls.REGISTRATION, "data": {"google.x": "1"}}, "INVALID_ARGUMENT"),
        ({"token": calls.REGISTRATION, "data": {"x": "y" * 4096}}, "INVALID_ARGUMENT"),
        ({"token": calls.REGISTRATION, "android": {"priority": "urgent"}}, "INVALID_ARGUMENT"),
        ({"token": "dead" + "x" * 140, "notification": {"body": "x"}}, "NOT_FOUND"),
    ],
)
def test_fcm_refuses_what_the_protocol_does_not_have(sandbox: Sandbox, message: dict[str, Any], code: str) -> None:
    before = sandbox.messages()
    answer = calls.fcm(sandbox, message=message)
    assert answer.json()["error"]["status"] == code
    assert sandbox.messages() == before
