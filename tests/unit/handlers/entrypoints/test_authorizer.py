"""Who is let in, what API Gateway is told of them, and that nobody learns why another is not."""

import time
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from handlers.domain.tokens import App, Reason, RefusedTokenError
from handlers.entrypoints import authorizer
from tests.unit.handlers.entrypoints.gateway import LambdaContext

SECRET = "s" * 32
API = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3"
DEMO = App(secrets=(SecretStr(SECRET),), categories=frozenset({"payment"}), channels=frozenset({"sms", "email"}))


class Apps:
    """The one app, and an outage."""

    def app(self, app_key: str) -> App:
        if app_key == "outage":
            raise TimeoutError
        if app_key != "demo":
            raise RefusedTokenError(Reason.UNKNOWN_APP)
        return DEMO


@pytest.fixture(autouse=True)
def _apps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorizer, "apps", Apps())


def bearer(app_key: str = "demo", secret: str = SECRET) -> str:
    now = int(time.time())
    claims = {"iss": app_key, "iat": now, "exp": now + 60, "jti": "6f1c"}
    return "Bearer " + jwt.encode(claims, secret, algorithm="HS256")


def authorize(authorization: str) -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": authorization, "methodArn": f"{API}/live/GET/v1/contacts/ada"}
    return authorizer.handler(event, LambdaContext())  # type: ignore[arg-type]


def test_an_app_may_call_the_whole_stage_as_the_policy_is_cached_for_its_token() -> None:
    [statement] = authorize(bearer())["policyDocument"]["Statement"]
    assert statement == {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{API}/live/*"}


def test_the_functions_behind_are_told_the_app_and_its_scopes() -> None:
    answer = authorize(bearer())
    assert answer["principalId"] == "demo"
    context = answer["context"]
    assert (context["app_key"], context["categories"], context["channels"]) == (
        "demo",
        '["payment"]',
        '["email", "sms"]',
    )


def test_the_scheme_may_be_in_any_case() -> None:
    assert authorize(bearer().replace("Bearer", "bearer"))["principalId"] == "demo"


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (bearer(secret="x" * 32), "signature"),
        (bearer("somebody"), "unknown_app"),
        (bearer().removeprefix("Bearer "), "malformed"),
        (bearer().replace("Bearer", "Basic"), "malformed"),
        ("Bearer", "malformed"),
        ("", "malformed"),
    ],
)
def test_who_is_refused_learns_nothing_and_the_log_only_a_code(
    authorization: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$") as refused:
        authorize(authorization)
    assert refused.value.__suppress_context__
    [record] = caplog.records
    assert (record.message, vars(record)["reason"]) == ("refused", reason)
    assert not [value for value in vars(record).values() if isinstance(value, str) and "eyJ" in value]


def test_who_is_admitted_is_in_the_log_and_their_token_is_not(caplog: pytest.LogCaptureFixture) -> None:
    authorize(bearer())
    [record] = caplog.records
    assert (record.message, vars(record)["app_key"]) == ("admitted", "demo")
    assert not [value for value in vars(record).values() if isinstance(value, str) and "eyJ" in value]


def test_an_outage_is_not_called_a_refusal() -> None:
    with pytest.raises(TimeoutError):
        authorize(bearer("outage"))
