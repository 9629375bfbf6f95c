"""Who signed a request: bearer tokens of apps, JWT (RFC 7519) with HS256 and nothing else.

A token names its app (`iss`), lives five minutes at most (`iat`, `exp`) and is one of its kind (`jti`). It is good for
any number of requests in its life, unless the environment takes each only once (`api.refuseReplays`). Verification is
pure: the secrets and the time are given.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import jwt
from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from handlers.domain.model import Model

LEEWAY_SECONDS: Final = 60
"""How far the clocks of an app and of AWS may be apart."""

MAX_LIFETIME_SECONDS: Final = 300

MIN_SECRET_BYTES: Final = 32
"""As long as the hash's output (RFC 7518 3.2)."""

MAX_RATE: Final = 500
"""Calls a second of one app. Its calls are counted in one item, and DynamoDB writes one item 1,000 times a second; the
first write that does not know what is taken fails, so each call may be two.
"""

_MAX_TOKEN_CHARACTERS: Final = 4096
_APP_KEY = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
_ALGORITHMS: Final = ["HS256"]


class Reason(StrEnum):
    """Why a token is refused: for the log. The caller is told by `TOLD`, which keeps to itself what apps there are."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    STALE = "stale"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME = "lifetime"
    REPLAYED = "replayed"
    UNKNOWN_APP = "unknown_app"
    ACCESS_DENIED = "access_denied"
    APP_MISCONFIGURED = "app_misconfigured"


class RefusedTokenError(Exception):
    """A request whose sender is not established. Says only why, by a code."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


_NOT_THE_APPS: Final = "it is not signed with a secret of the app that iss names"

TOLD: Final[Mapping[Reason, str]] = {
    Reason.MALFORMED: "it is not a JSON Web Token in compact form",
    Reason.ALGORITHM: "it must be signed with HS256",
    Reason.CLAIMS: "it must have iss, iat, exp and jti, with iat and exp in seconds since 1970",
    Reason.STALE: "it was issued more than five minutes ago",
    Reason.EXPIRED: "it has expired",
    Reason.NOT_YET_VALID: "its iat or nbf lies in the future; compare the clocks",
    Reason.LIFETIME: "its exp must be after its iat, by five minutes at most",
    Reason.REPLAYED: "it was used before, and each is good for one request here: sign another one",
    # Whoever guesses learns the same from each guess, be there such an app or not.
    Reason.SIGNATURE: _NOT_THE_APPS,
    Reason.UNKNOWN_APP: _NOT_THE_APPS,
    Reason.ACCESS_DENIED: _NOT_THE_APPS,
    Reason.APP_MISCONFIGURED: _NOT_THE_APPS,
}
"""What the caller is told of a token that is refused. What is said of times is said to who has signed it alone."""


class App(Model):
    """What is kept of an app in Secrets Manager: its secrets, the current one first, and what it may send.

    And how often it may call, if there is a limit: `rate` times a second, `burst` at once; neither without the other.
    """

    secrets: tuple[SecretStr, ...] = Field(max_length=2)
    """None when all were taken from it: nothing that it signs is good."""
    categories: frozenset[str]
    channels: frozenset[str]
    rate: int | None = Field(default=None, ge=1, le=MAX_RATE)
    burst: int | None = Field(default=None, ge=1)
    suppressions: bool = False
    """Whether it may see and change which addresses are not tried, by whichever app."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.rate is None) != (self.burst is None):
            raise PydanticCustomError("rate", "has rate without burst, or burst without rate")
        return self

    def keys(self) -> tuple[bytes, ...]:
        """Return the keys that sign: the current secret's and, while it is being rotated, the previous one's."""
        return tuple(secret.get_secret_value().encode() for secret in self.secrets)


def app_key(token: str) -> str:
    """Return the app that the token claims to come from. Only its form is verified yet.

    Raises `RefusedTokenError`.
    """
    if len(token) > _MAX_TOKEN_CHARACTERS or not token.isascii():
        raise RefusedTokenError(Reason.MALFORMED)
    claims = _decode(token, key=b"", verify_signature=False)
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not _APP_KEY.fullmatch(issuer):
        raise RefusedTokenError(Reason.UNKNOWN_APP)
    return issuer


@dataclass(frozen=True, slots=True)
class Signed:
    """What a good token says of itself: which one it is of its app's, and until when it is good."""

    jti: str
    expires: float


def verify(token: str, keys: Iterable[bytes], now: float) -> Signed:
    """Return what the token says, if one of the keys signed it and it is valid `now` (seconds since 1970).

    Raises `RefusedTokenError` otherwise.
    """
    claims = _signed_claims(token, keys)
    _check_times(claims, now)
    return Signed(claims["jti"], claims["exp"])


def _signed_claims(token: str, keys: Iterable[bytes]) -> dict[str, Any]:
    refusal = RefusedTokenError(Reason.APP_MISCONFIGURED)
    for key in keys:
        if len(key) < MIN_SECRET_BYTES:
            continue
        try:
            return _decode(token, key=key, verify_signature=True)
        except RefusedTokenError as error:
            refusal = error
    raise refusal


_REASONS: Final[tuple[tuple[type[Exception], Reason], ...]] = (
    (jwt.InvalidAlgorithmError, Reason.ALGORITHM),
    (jwt.InvalidSignatureError, Reason.SIGNATURE),
    (jwt.InvalidKeyError, Reason.APP_MISCONFIGURED),
    (jwt.DecodeError, Reason.MALFORMED),
    (RecursionError, Reason.MALFORMED),  # out of Python's JSON parser, for claims nested too deeply
    (jwt.PyJWTError, Reason.CLAIMS),
)


def _decode(token: str, *, key: bytes, verify_signature: bool) -> dict[str, Any]:
    """Return the claims. Times are left to `_check_times`: PyJWT would ask the machine's clock."""
    times = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat"), False)
    options: Any = {"require": ["iss", "iat", "exp", "jti"], "verify_signature": verify_signature, **times}
    try:
        return jwt.decode(token, key, algorithms=_ALGORITHMS, options=options)
    except (jwt.PyJWTError, RecursionError) as error:
        reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
    raise RefusedTokenError(reason)


def _check_times(claims: dict[str, Any], now: float) -> None:
    issued, expires = _time(claims, "iat"), _time(claims, "exp")
    not_before = _time(claims, "nbf") if "nbf" in claims else issued
    refusals = (
        (issued < now - MAX_LIFETIME_SECONDS - LEEWAY_SECONDS, Reason.STALE),
        (expires <= now - LEEWAY_SECONDS, Reason.EXPIRED),
        (max(issued, not_before) > now + LEEWAY_SECONDS, Reason.NOT_YET_VALID),
        (not 0 < expires - issued <= MAX_LIFETIME_SECONDS, Reason.LIFETIME),
    )
    for refused, reason in refusals:
        if refused:
            raise RefusedTokenError(reason)


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    # A number of seconds (RFC 7519 2). JSON as Python reads it also has NaN, which is on neither side of any limit.
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise RefusedTokenError(Reason.CLAIMS)
    return value
