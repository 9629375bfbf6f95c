"""Who is let in, what API Gateway is told of them, and what who is not let in learns."""

import hmac
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from handlers.domain.tokens import TOLD, App, Reason, RefusedTokenError, Signed
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


def bearer(app_key: str = "demo", secret: str = SECRET, age: int = 0, life: int = 60) -> str:
    issued = int(time.time()) - age
    claims = {"iss": app_key, "iat": issued, "exp": issued + life, "jti": "6f1c"}
    return "Bearer " + jwt.encode(claims, secret, algorithm="HS256")


def authorize(authorization: str) -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": authorization, "methodArn": f"{API}/live/GET/v1/contacts/ada"}
    return authorizer.handler(event, LambdaContext())  # type: ignore[arg-type]


def test_an_app_may_call_the_whole_stage_as_the_policy_is_cached_for_its_token() -> None:
    [statement] = authorize(bearer())["policyDocument"]["Statement"]
    assert statement == {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{API}/live/*"}


def test_the_functions_behind_are_told_the_apps_rate_if_it_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"rate", "burst"} & authorize(bearer())["context"].keys()
    monkeypatch.setattr(Apps, "app", lambda *_: DEMO.model_copy(update={"rate": 5, "burst": 10}))
    context = authorize(bearer())["context"]
    assert (context["rate"], context["burst"]) == ("5", "10")


def test_the_functions_behind_are_told_the_app_and_its_scopes() -> None:
    answer = authorize(bearer())
    assert answer["principalId"] == "demo"
    context = answer["context"]
    assert (context["app_key"], context["categories"], context["channels"]) == (
        "demo",
        '["payment"]',
        '["email", "sms"]',
    )


class UsedTokens:
    """As `DynamoUsedTokens`."""

    def __init__(self) -> None:
        self.used: set[tuple[str, str]] = set()

    def use(self, app_key: str, token: Signed) -> None:
        if (app_key, token.jti) in self.used:
            raise RefusedTokenError(Reason.REPLAYED)
        self.used.add((app_key, token.jti))


def test_a_token_is_good_for_its_life_unless_each_is_good_once(monkeypatch: pytest.MonkeyPatch) -> None:
    token = bearer()
    assert [authorize(token)["principalId"] for _ in range(2)] == ["demo", "demo"]
    monkeypatch.setattr(authorizer, "used", UsedTokens())
    first, second = authorize(token), authorize(token)
    assert first["principalId"] == "demo"
    assert second["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert second["context"] == {"why": TOLD[Reason.REPLAYED]}


def test_a_token_that_is_refused_is_not_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or whoever can forge a `jti` could use up those of an app."""
    monkeypatch.setattr(authorizer, "used", used := UsedTokens())
    authorize(bearer(secret="x" * 32))
    authorize(bearer(age=400))
    assert used.used == set()
    assert authorize(bearer())["principalId"] == "demo"


def test_a_signature_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyJWT's own comparison: what it is asked is the whole of both."""
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    authorize(bearer(secret="x" * 32))
    assert [(len(one), len(other)) for one, other in compared] == [(32, 32)]


def test_one_apps_grant_is_remembered_for_its_own_token_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """API Gateway remembers by the header, which holds the signature: another app's differs, and names that app."""
    monkeypatch.setattr(Apps, "app", lambda *_: DEMO)
    tokens = {app: bearer(app) for app in ("demo", "other")}
    assert len(set(tokens.values())) == 2
    grants = {app: authorize(token) for app, token in tokens.items()}
    assert {app: (each["principalId"], each["context"]["app_key"]) for app, each in grants.items()} == {
        "demo": ("demo", "demo"),
        "other": ("other", "other"),
    }


def test_the_scheme_may_be_in_any_case() -> None:
    assert authorize(bearer().replace("Bearer", "bearer"))["principalId"] == "demo"


@pytest.mark.parametrize(
    ("authorization", "reason", "told"),
    [
        (lambda: bearer(secret="x" * 32), "signature", "it is not signed with a secret of the app that iss names"),
        (lambda: bearer("somebody"), "unknown_app", "it is not signed with a secret of the app that iss names"),
        (lambda: bearer(life=301), "lifetime", "its exp must be after its iat, by five minutes at most"),
        (lambda: bearer(age=400), "stale", "it was issued more than five minutes ago"),
        (lambda: bearer(age=200), "expired", "it has expired"),
        (lambda: bearer().removeprefix("Bearer "), "malformed", "it is not a JSON Web Token in compact form"),
        (lambda: bearer().replace("Bearer", "Basic"), "malformed", "it is not a JSON Web Token in compact form"),
        (lambda: "Bearer", "malformed", "it is not a JSON Web Token in compact form"),
        (lambda: "", "malformed", "it is not a JSON Web Token in compact form"),
    ],
    ids=["secret", "app", "long", "stale", "expired", "no scheme", "other scheme", "no token", "nothing"],
)
def test_who_is_refused_is_denied_everything_and_told_why_but_not_which_apps_there_are(
    authorization: Callable[[], str], reason: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = authorize(authorization())
    [statement] = answer["policyDocument"]["Statement"]
    assert statement == {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": f"{API}/live/*"}
    assert answer["context"] == {"why": told}
    [record] = caplog.records
    assert (record.message, vars(record)["reason"]) == ("refused", reason)
    assert not [value for value in vars(record).values() if isinstance(value, str) and "eyJ" in value]


def test_a_token_that_the_app_has_not_signed_learns_nothing_of_its_times() -> None:
    assert authorize(bearer(secret="x" * 32, age=400)) == authorize(bearer(secret="x" * 32))


def test_every_reason_has_its_words() -> None:
    assert TOLD.keys() == set(Reason)


def test_who_is_admitted_is_in_the_log_and_their_token_is_not(caplog: pytest.LogCaptureFixture) -> None:
    authorize(bearer())
    [record] = caplog.records
    assert (record.message, vars(record)["app_key"]) == ("admitted", "demo")
    assert not [value for value in vars(record).values() if isinstance(value, str) and "eyJ" in value]


def test_an_outage_is_not_called_a_refusal() -> None:
    with pytest.raises(TimeoutError):
        authorize(bearer("outage"))
