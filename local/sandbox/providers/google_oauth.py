"""Google's OAuth 2 token endpoint: a service account's signed assertion for an access token of an hour.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import hashlib
import time
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.responses import JSONResponse, Response

from local.sandbox.credentials import Credentials, GoogleServiceAccount
from local.sandbox.faults import Mode
from local.sandbox.providers.http import Accepted, Call

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_SECONDS: Final = 3599
_ASSERTION_LIVES_SECONDS: Final = 3600
_SKEW_SECONDS: Final = 300
_PREFIX: Final = "ya29."
MESSAGING_SCOPES: Final = frozenset(
    {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
)
"""Either lets an account send with FCM."""


class _GrantError(Exception):
    """The assertion earns no token; the arguments are OAuth's `error` and Google's words."""


class GoogleOauth:
    """The token endpoint of the one service account there is."""

    name = "google-oauth"
    hosts = ("oauth2.googleapis.com",)

    def __init__(self, credentials: Credentials) -> None:
        self._account = credentials.fcm
        private = load_pem_private_key(self._account.private_key.encode(), password=None)
        self._public_key: Any = private.public_key()

    def answer(self, call: Call) -> Accepted | Response:
        """Exchange an assertion for an access token."""
        if (call.method, call.path) != ("POST", "/token"):
            return JSONResponse({"error": "not_found"}, 404)
        try:
            scope = self._granted_scope(call.form)
        except _GrantError as refused:
            error, description = refused.args
            return _error(400, error, description)
        token = _access_token(self._account, scope)
        return JSONResponse({"access_token": token, "expires_in": _LIFETIME_SECONDS, "token_type": "Bearer"})

    def failure(self, mode: Mode) -> Response:
        """Google's answers for each fault."""
        status, error, description = {
            "outage": (503, "temporarily_unavailable", "The service is currently unavailable."),
            "throttle": (429, "rate_limit_exceeded", "Rate Limit Exceeded"),
            "reject": (400, "invalid_grant", "Invalid grant: account not found"),
        }[mode]
        return _error(status, error, description)

    def _granted_scope(self, form: dict[str, str]) -> str:
        if form.get("grant_type") != _GRANT:
            raise _GrantError("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        claims = self._claims(form.get("assertion", ""))
        if claims["iss"] != self._account.client_email:
            raise _GrantError("invalid_grant", "Invalid grant: account not found")
        if claims["exp"] - claims["iat"] > _ASSERTION_LIVES_SECONDS:
            raise _GrantError("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)")
        scope = str(claims.get("scope", ""))
        if not scope:
            raise _GrantError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return scope

    def _claims(self, assertion: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                assertion,
                self._public_key,
                algorithms=["RS256"],
                audience=self._account.token_uri,
                leeway=_SKEW_SECONDS,
                options={"require": ["iss", "aud", "iat", "exp"]},
            )
        except jwt.InvalidSignatureError as error:
            raise _GrantError("invalid_grant", "Invalid JWT Signature.") from error
        except jwt.InvalidAudienceError as error:
            raise _GrantError("invalid_grant", "Failed audience check.") from error
        except jwt.InvalidTokenError as error:
            raise _GrantError("invalid_grant", f"Invalid JWT: {error}") from error


def may_send(account: GoogleServiceAccount, authorization: str) -> bool | None:
    """Say whether a bearer token of this account lets it send: None when it is no token of it, or no longer one."""
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer" or not token.startswith(_PREFIX):
        return None
    try:
        claims = jwt.decode(token.removeprefix(_PREFIX), _signing_key(account), algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None
    return bool(MESSAGING_SCOPES.intersection(claims["scope"].split()))


def _access_token(account: GoogleServiceAccount, scope: str) -> str:
    """Opaque to its bearer. That it says all about itself lets FCM know it without asking."""
    claims = {"scope": scope, "exp": int(time.time()) + _LIFETIME_SECONDS}
    return _PREFIX + jwt.encode(claims, _signing_key(account), algorithm="HS256")


def _signing_key(account: GoogleServiceAccount) -> bytes:
    return hashlib.sha256(account.private_key.encode()).digest()


def _error(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
