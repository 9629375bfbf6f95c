"""A token is as good as its signature, its times and its claims: whatever is changed in it, it is refused."""

import base64
import json
import secrets
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from handlers.domain.tokens import App, Reason, RefusedTokenError, app_key, verify

NOW = 1_800_000_000
SECRET, PREVIOUS = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
CLAIMS: dict[str, Any] = {"iss": "demo", "iat": NOW, "exp": NOW + 120, "jti": "6f1c"}


def token(key: str = SECRET, algorithm: str = "HS256", *, without: str = "", **claims: Any) -> str:
    body = {name: value for name, value in (CLAIMS | claims).items() if name != without}
    return jwt.encode(body, key, algorithm=algorithm)


def outcome(token: str, *keys: str, now: float = NOW) -> Reason | None:
    """The reason for which the token is refused, or nothing when it is good."""
    try:
        app_key(token)
        verify(token, [key.encode() for key in keys or (SECRET,)], now)
    except RefusedTokenError as error:
        return error.reason
    return None


def test_a_token_of_the_design_is_good() -> None:
    assert outcome(token()) is None
    assert app_key(token()) == "demo"


def test_both_secrets_are_good_while_one_is_rotated() -> None:
    assert outcome(token(PREVIOUS), SECRET, PREVIOUS) is None
    assert outcome(token(SECRET), SECRET, PREVIOUS) is None
    assert outcome(token(PREVIOUS), SECRET) is Reason.SIGNATURE


@pytest.mark.parametrize(
    ("why", "refused", "reason"),
    [
        ("another secret", token("x" * 32), Reason.SIGNATURE),
        ("no signature", jwt.encode(CLAIMS, "", algorithm="none"), Reason.ALGORITHM),
        ("another algorithm", token(SECRET * 2, "HS512"), Reason.ALGORITHM),
        ("another audience", token(aud="somebody-else"), Reason.CLAIMS),
        ("no iss", token(without="iss"), Reason.CLAIMS),
        ("no iat", token(without="iat"), Reason.CLAIMS),
        ("no exp", token(without="exp"), Reason.CLAIMS),
        ("no jti", token(without="jti"), Reason.CLAIMS),
        ("a time in words", token(iat="now"), Reason.CLAIMS),
        ("a time that is no number", token(exp=float("nan")), Reason.CLAIMS),
        ("an iat that is true", token(iat=True), Reason.CLAIMS),
        ("a life without end", token(exp=float("inf")), Reason.LIFETIME),
        ("a life beyond all floats", token(exp=10**400), Reason.LIFETIME),
        ("a life that ends before it begins", token(exp=NOW - 1, iat=NOW + 30), Reason.LIFETIME),
        ("not before later", token(nbf=NOW + 61), Reason.NOT_YET_VALID),
        ("a path for an app", token(iss="../demo"), Reason.UNKNOWN_APP),
        ("an app in capitals", token(iss="Demo"), Reason.UNKNOWN_APP),
        ("an app with a line break", token(iss="demo\n"), Reason.UNKNOWN_APP),
        ("an app that is too long", token(iss="a" * 64), Reason.UNKNOWN_APP),
        ("not a token", "not-a-token", Reason.MALFORMED),
        ("nothing", "", Reason.MALFORMED),
        ("not ASCII", token() + "é", Reason.MALFORMED),
        ("too long", token(pad="x" * 4096), Reason.MALFORMED),
    ],
)
def test_a_token_is_refused_for(why: str, refused: str, reason: Reason) -> None:
    assert outcome(refused) is reason


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iat": NOW, "exp": NOW + 300}, None),
        ({"iat": NOW, "exp": NOW + 301}, Reason.LIFETIME),
        ({"iat": NOW + 60, "exp": NOW + 120}, None),
        ({"iat": NOW + 61, "exp": NOW + 120}, Reason.NOT_YET_VALID),
        ({"iat": NOW - 120, "exp": NOW - 59}, None),
        ({"iat": NOW - 120, "exp": NOW - 60}, Reason.EXPIRED),
        ({"iat": NOW - 361, "exp": NOW + 60}, Reason.STALE),
        ({"iat": NOW - 359, "exp": NOW - 59}, None),
        ({"iat": NOW - 0.5, "exp": NOW + 0.5}, None),
    ],
)
def test_times_are_good_up_to_a_minute_of_skew(claims: dict[str, Any], reason: Reason | None) -> None:
    assert outcome(token(**claims)) is reason


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
@pytest.mark.parametrize("length", [0, 1, 31])
def test_a_short_secret_verifies_nothing(length: int) -> None:
    short = "s" * length
    forged = jwt.encode(CLAIMS, short or "any", algorithm="HS256")
    assert outcome(forged, short) is Reason.APP_MISCONFIGURED
    assert outcome(token(), short, SECRET) is None


def test_claims_nested_too_deeply_are_refused_as_malformed() -> None:
    assert outcome(unsigned('{"alg":"HS256"}', "[" * 2500)) is Reason.MALFORMED


def unsigned(header: str, payload: str) -> str:
    parts = (base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (header, payload))
    return ".".join([*parts, "AAAA"])


@given(st.sampled_from([*CLAIMS, "scope"]), st.none() | st.text() | st.integers() | st.lists(st.integers()))
def test_changing_any_one_claim_of_a_signed_token_is_refused(name: str, value: Any) -> None:
    if CLAIMS.get(name, "absent") == value:
        return
    header, _, signature = token().split(".")
    payload = base64.urlsafe_b64encode(json.dumps(CLAIMS | {name: value}).encode()).rstrip(b"=").decode()
    assert outcome(f"{header}.{payload}.{signature}") is not None


@given(st.data())
def test_changing_any_one_character_of_a_token_is_refused(data: st.DataObject) -> None:
    good = token()
    position = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != good[position]))
    forged = good[:position] + other + good[position + 1 :]
    if position == len(good) - 1 and _same_bytes(good, forged):
        return  # the last character of base64 has two bits that are not part of the signature
    assert outcome(forged) is not None


def _same_bytes(one: str, other: str) -> bool:
    signatures = [text.rpartition(".")[2] + "=" for text in (one, other)]
    try:
        first, second = (base64.urlsafe_b64decode(signature) for signature in signatures)
    except ValueError:
        return False
    return first == second


# -- the app -----------------------------------------------------------------------------------------------------------


def test_an_app_is_what_the_secret_says() -> None:
    app = App.model_validate_json('{"secrets": ["s1", "s0"], "categories": ["payment"], "channels": ["*"]}')
    assert app.keys() == (b"s1", b"s0")
    assert app.categories == {"payment"}
    assert app.channels == {"*"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "hunter2",
        '{"secrets": ["hunter2", "b", "c"], "categories": [], "channels": []}',
        '{"secrets": "hunter2", "categories": [], "channels": []}',
        '{"secrets": ["hunter2"], "categories": []}',
        '{"secrets": ["hunter2"], "categories": [], "channels": [], "rate": "hunter2"}',
    ],
)
def test_a_secret_of_another_form_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        App.model_validate_json(value)
    assert "hunter2" not in str(refused.value)


def test_an_app_shows_its_secrets_to_nobody_who_prints_it() -> None:
    app = App.model_validate_json('{"secrets": ["hunter2"], "categories": [], "channels": []}')
    assert "hunter2" not in f"{app!r}{app}{app.model_dump_json()}"
