"""Who signed a request: bearer tokens of apps, JWT (RFC 7519) with HS256 and nothing else.

A token names its app (`iss`), lives five minutes at most (`iat`, `exp`) and is one of its kind (`jti`). Verification is
pure: the secrets and the time are given.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import jwt
from pydantic import Field, SecretStr

from handlers.domain.model import Model

LEEWAY_SECONDS: Final = 60
"""How far the clocks of an app and of AWS may be apart."""

MAX_LIFETIME_SECONDS: Final = 300

MIN_SECRET_BYTES: Final = 32
"""As long as the hash's output (RFC 7518 3.2)."""

_MAX_TOKEN_CHARACTERS: Final = 4096
_APP_KEY = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
_ALGORITHMS: Final = ["HS256"]


class Reason(StrEnum):
    """Why a token is refused: for the log, never for the caller."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    STALE = "stale"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME = "lifetime"
    UNKNOWN_APP = "unknown_app"
    ACCESS_DENIED = "access_denied"
    APP_MISCONFIGURED = "app_misconfigured"


class RefusedTokenError(Exception):
    """A request whose sender is not established. Says only why, by a code."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class App(Model):
    """What is kept of an app in Secrets Manager: its secrets, the current one first, and what it may send."""

    secrets: tuple[SecretStr, ...] = Field(min_length=1, max_length=2)
    categories: frozenset[str]
    channels: frozenset[str]

    def keys(self) -> tuple[bytes, ...]:
        """Return the keys that sign: the current secret's and, while it is being rotated, the previous one's."""
        return tuple(secret.get_secret_value().encode() for secret in self.secrets)


def app_key(token: str) -> str:
    """Return the app that the token claims to come from, of which nothing is verified yet but the form.

    Raises `RefusedTokenError`.
    """
    if len(token) > _MAX_TOKEN_CHARACTERS or not token.isascii():
        raise RefusedTokenError(Reason.MALFORMED)
    claims = _decode(token, key=b"", verify_signature=False)
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not _APP_KEY.fullmatch(issuer):
        raise RefusedTokenError(Reason.UNKNOWN_APP)
    return issuer


def verify(token: str, keys: Iterable[bytes], now: float) -> None:
    """Raise `RefusedTokenError` unless one of the keys signed the token and it is valid `now` (seconds since 1970)."""
    _check_times(_signed_claims(token, keys), now)


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
