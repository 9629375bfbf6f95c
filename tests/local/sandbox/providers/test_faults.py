"""Every third party fails on demand in its own words, keeps nothing then, and works again afterwards."""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.local.sandbox.providers.calls import CALLS
from tests.local.support import Sandbox


@dataclass(frozen=True)
class Failure:
    provider: str
    mode: str
    status: int
    says: Any
    """A part of the body: of a JSON object, the value at a path; else the whole text."""
    at: tuple[str | int, ...] = ()


FAILURES = [
    Failure("apns", "outage", 503, "ServiceUnavailable", ("reason",)),
    Failure("apns", "throttle", 429, "TooManyRequests", ("reason",)),
    Failure("apns", "reject", 410, "Unregistered", ("reason",)),
    Failure("fcm", "outage", 503, "UNAVAILABLE", ("error", "status")),
    Failure("fcm", "throttle", 429, "QUOTA_EXCEEDED", ("error", "details", 0, "errorCode")),
    Failure("fcm", "reject", 404, "UNREGISTERED", ("error", "details", 0, "errorCode")),
    Failure("google-oauth", "outage", 503, "temporarily_unavailable", ("error",)),
    Failure("google-oauth", "throttle", 429, "rate_limit_exceeded", ("error",)),
    Failure("google-oauth", "reject", 400, "invalid_grant", ("error",)),
    Failure("twilio", "outage", 503, 20503, ("code",)),
    Failure("twilio", "throttle", 429, 20429, ("code",)),
    Failure("twilio", "reject", 400, 21610, ("code",)),
    Failure("sendgrid", "outage", 503, "Service Unavailable", ("errors", 0, "message")),
    Failure("sendgrid", "throttle", 429, "too many requests", ("errors", 0, "message")),
    Failure("sendgrid", "reject", 400, "personalizations.0.to.0.email", ("errors", 0, "field")),
    Failure("slack", "outage", 503, "service_unavailable"),
    Failure("slack", "throttle", 429, "rate_limited"),
    Failure("slack", "reject", 410, "channel_is_archived"),
    Failure("teams", "outage", 503, "ServiceUnavailable", ("error", "code")),
    Failure("teams", "throttle", 429, "TooManyRequests", ("error", "code")),
    Failure("teams", "reject", 404, "WorkflowNotFound", ("error", "code")),
    Failure("discord", "outage", 503, 0, ("code",)),
    Failure("discord", "throttle", 429, 1.0, ("retry_after",)),
    Failure("discord", "reject", 404, 10015, ("code",)),
    Failure("webhook", "outage", 503, ""),
    Failure("webhook", "throttle", 429, ""),
    Failure("webhook", "reject", 410, ""),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: f"{failure.provider}-{failure.mode}")
def test_a_provider_fails_in_its_own_words(sandbox: Sandbox, failure: Failure) -> None:
    call, before = CALLS[failure.provider], sandbox.messages()
    with sandbox.fault(failure.mode, provider=failure.provider):
        answer = call(sandbox)
    said: Any = json.loads(answer.text) if failure.at else answer.text
    for step in failure.at:
        said = said[step]
    assert (answer.status_code, said) == (failure.status, failure.says)
    assert sandbox.messages() == before
    assert call(sandbox).is_success


THIRD_PARTIES = sorted(set(CALLS) - {"google-oauth"})


@pytest.mark.parametrize("provider", sorted(CALLS))
def test_a_provider_that_times_out_never_answers(sandbox: Sandbox, provider: str) -> None:
    before = sandbox.messages()
    with sandbox.fault("timeout", provider=provider), pytest.raises(httpx.ReadTimeout):
        CALLS[provider](sandbox, timeout=0.3)
    assert sandbox.messages() == before


@pytest.mark.parametrize("provider", ["slack", "teams", "fcm", "twilio", "discord", "webhook"])
def test_a_provider_that_throttles_says_how_long_where_its_protocol_can(sandbox: Sandbox, provider: str) -> None:
    with sandbox.fault("throttle", provider=provider):
        assert CALLS[provider](sandbox).headers["retry-after"] == "1"


@pytest.mark.parametrize("provider", THIRD_PARTIES)
def test_one_providers_outage_is_not_anothers(sandbox: Sandbox, provider: str) -> None:
    other = next(each for each in THIRD_PARTIES if each != provider)
    with sandbox.fault("outage", provider=provider):
        assert CALLS[other](sandbox).is_success


@pytest.mark.parametrize("provider", THIRD_PARTIES)
def test_what_a_provider_accepted_is_kept_with_its_delivery(sandbox: Sandbox, provider: str) -> None:
    headers = {"X-Carillon-Notification-Id": "n-1", "X-Carillon-Delivery-Id": f"d-{provider}"}
    CALLS[provider](sandbox, headers=headers).raise_for_status()
    kept = sandbox.last()
    assert (kept["provider"], kept["delivery_id"]) == (provider, f"d-{provider}")
    assert "Hello" in kept["body"]


@pytest.mark.parametrize("provider", THIRD_PARTIES)
def test_a_timeout_may_have_taken_the_message(sandbox: Sandbox, provider: str) -> None:
    before = len(sandbox.messages())
    with sandbox.fault("timeout", provider=provider, accepts=True), pytest.raises(httpx.ReadTimeout):
        CALLS[provider](sandbox, timeout=0.3)
    assert len(sandbox.messages()) == before + 1


def test_and_may_be_answered_late(sandbox: Sandbox) -> None:
    with sandbox.fault("timeout", provider="slack", accepts=True, seconds=0.1):
        assert CALLS["slack"](sandbox).is_success


def test_with_a_rate_below_one_a_provider_flaps(sandbox: Sandbox) -> None:
    with sandbox.fault("outage", 0.5, provider="slack"):
        assert [CALLS["slack"](sandbox).is_success for _ in range(4)] == [True, False, True, False]
