"""Who may call, and what everybody else is told."""

import time
import uuid

import httpx
import jwt
import pytest

from handlers.domain.tokens import TOLD, Reason
from tests.emulator.producer import Producer, token

PATH = "/v1/contacts/nobody-in-particular"


def refused_tokens(producer: Producer) -> dict[str, str]:
    key, secret, now = producer.app_key, producer.app_secret, time.time()
    return {
        "a wrong secret": token(key, "x" * len(secret)),
        "an expired token": token(key, secret, issued_at=now - 300, lifetime=120),
        "a stale iat": token(key, secret, issued_at=now - 3600, lifetime=7200),
        "an iat in the future": token(key, secret, issued_at=now + 600),
        "a life of more than five minutes": token(key, secret, lifetime=301),
        "an unknown app": token("no-such-app", secret),
        "an app key that is a path": token("../demo", secret),
        "no jti": token(key, secret, jti=None),
        "no iat": jwt.encode({"iss": key, "exp": int(now) + 60, "jti": "j"}, secret, algorithm="HS256"),
        "no signature": jwt.encode(
            {"iss": key, "iat": int(now), "exp": int(now) + 60, "jti": "j"}, "", algorithm="none"
        ),
        "another algorithm": jwt.encode(
            {"iss": key, "iat": int(now), "exp": int(now) + 60, "jti": "j"}, secret * 2, algorithm="HS512"
        ),
        "not a token": "not-a-token",
    }


REFUSED = {
    "a wrong secret": Reason.SIGNATURE,
    "an expired token": Reason.EXPIRED,
    "a stale iat": Reason.STALE,
    "an iat in the future": Reason.NOT_YET_VALID,
    "a life of more than five minutes": Reason.LIFETIME,
    "an unknown app": Reason.UNKNOWN_APP,
    "an app key that is a path": Reason.UNKNOWN_APP,
    "no jti": Reason.CLAIMS,
    "no iat": Reason.CLAIMS,
    "no signature": Reason.ALGORITHM,
    "another algorithm": Reason.ALGORITHM,
    "not a token": Reason.MALFORMED,
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_token_is_refused_with_401_for(why: str, producer: Producer) -> None:
    bearer = refused_tokens(producer)[why]
    for _ in range(2):  # the second is answered out of the authorizer's cache
        answer = producer.call("GET", PATH, bearer=bearer)
        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == 'Bearer realm="carillon", error="invalid_token"'
        assert answer.json()["detail"] == f"The token was refused: {TOLD[REFUSED[why]]}."


def test_no_token_at_all_is_401_without_an_error_code_as_nothing_was_tried(producer: Producer) -> None:
    answer = httpx.get(f"{producer.call('GET', PATH).request.url}")
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == 'Bearer realm="carillon"'


def test_a_good_token_within_the_clock_skew_is_accepted(producer: Producer) -> None:
    behind = token(producer.app_key, producer.app_secret, issued_at=time.time() - 150, lifetime=120)
    ahead = token(producer.app_key, producer.app_secret, issued_at=time.time() + 30)
    assert [producer.call("GET", PATH, bearer=b).status_code for b in (behind, ahead)] == [404, 404]


def test_a_category_not_granted_is_403_and_says_so(producer: Producer) -> None:
    user = producer.contact(email="scope@example.com")
    answer = producer.send(
        {"category": "not_granted", "content": {"subject": "s", "body": "b"}, "to": [{"user_id": user}]}
    )
    assert_problem(answer, 403)
    assert "not_granted" in answer.json()["detail"]


def test_a_channel_not_granted_is_403_and_says_so(app_for_mail_alone: Producer) -> None:
    user = app_for_mail_alone.contact(email="scope@example.com")
    answer = app_for_mail_alone.send(
        {"category": "payment", "channels": ["chat"], "content": {"body": "b"}, "to": [{"user_id": user}]}
    )
    assert_problem(answer, 403)
    assert "chat" in answer.json()["detail"]


def test_a_refusal_never_repeats_the_token(producer: Producer) -> None:
    bearer = token(producer.app_key, "wrong" * 10)
    assert bearer not in producer.call("GET", PATH, bearer=bearer).text


def test_a_path_that_is_not_there_is_a_problem_too(producer: Producer) -> None:
    answer = producer.call("GET", f"/v1/{uuid.uuid4().hex}")
    assert answer.status_code in (403, 404)
    assert answer.headers["content-type"] == "application/problem+json"


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:carillon:problem:")
    assert body["title"]
    assert body["detail"]
