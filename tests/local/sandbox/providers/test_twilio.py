"""Twilio, as its own library sees it."""

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.local.sandbox.providers import calls
from tests.local.support import Sandbox


class _ToSandbox(HttpClient):  # type: ignore[misc]  # which has no types
    """Calls the sandbox instead of Twilio."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(None, False, None)
        self._sandbox = sandbox

    def request(self, method: str, url: str, params: Any = None, data: Any = None, *rest: Any, **more: Any) -> Response:
        assert method == "POST"
        headers, auth = more.get("headers") or rest[0], more.get("auth") or rest[1]
        answer = self._sandbox.post(url, params=params, data=data, headers=dict(headers), auth=auth)
        return Response(answer.status_code, answer.text)


def client(sandbox: Sandbox, token: str | None = None) -> Client:
    account = sandbox.credentials.twilio
    return Client(account.account_sid, token or account.auth_token, http_client=_ToSandbox(sandbox))


def test_twilios_own_library_sends(sandbox: Sandbox) -> None:
    sender = sandbox.credentials.twilio.sender
    made = client(sandbox).messages.create(to="+14155552671", from_=sender, body="Grüße")
    assert (made.status, made.to, made.body, len(made.sid or "")) == ("queued", "+14155552671", "Grüße", 34)
    kept = sandbox.last()
    assert (kept["channel"], kept["to"], kept["body"]) == ("sms", "+14155552671", "Grüße")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": ""}, 21604),
        ({"From": ""}, 21603),
        ({"Body": ""}, 21602),
        ({"To": "12"}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"From": "+14155550000"}, 21606),
        ({"Body": "", "From": "", "MessagingServiceSid": "MG" + "0" * 32}, 21619),
        ({"Body": "x" * 1601}, 21617),
        ({"Body": "😀" * 801}, 21617),
    ],
)
def test_twilio_says_what_is_wrong_by_its_codes(sandbox: Sandbox, form: dict[str, str], code: int) -> None:
    answer = calls.twilio(sandbox, form=form)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (400, code, 400)


def test_twilios_own_library_understands_the_errors(sandbox: Sandbox) -> None:
    with pytest.raises(TwilioRestException) as failed:
        client(sandbox, "wrong").messages.create(to="+14155552671", from_="+15017122661", body="x")
    assert (failed.value.status, failed.value.code) == (401, 20003)
    with sandbox.fault("throttle", provider="twilio"), pytest.raises(TwilioRestException) as failed:
        client(sandbox).messages.create(to="+14155552671", from_="+15017122661", body="x")
    assert (failed.value.status, failed.value.code) == (429, 20429)
