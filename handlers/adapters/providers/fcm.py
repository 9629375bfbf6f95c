"""Push by Firebase Cloud Messaging, HTTP v1: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send.

A service account's key signs a request for an access token (RFC 7523), which is good for an hour:
https://developers.google.com/identity/protocols/oauth2/service-account#httprest

Endpoint: `POST https://fcm.googleapis.com/v1/projects/{project}/messages:send`
Credentials: the Google service account's JSON file as it is
Limits: 4,096 bytes of payload; the project's quota per minute
Idempotency: none; the notification's `tag` is the delivery's: the device shows one of two
Source: [HTTP v1](https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send)
Refused address: `SENDER_ID_MISMATCH`, `INVALID_ARGUMENT` of the token
Refused message: `INVALID_ARGUMENT`
Gone: `UNREGISTERED`
Throttled: 429
This address alone: `QUOTA_EXCEEDED` of a device; `THIRD_PARTY_AUTH_ERROR`
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import jwt
from pydantic import SecretStr

from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import Credentials, ProviderCredentials
from handlers.adapters.providers import http
from handlers.adapters.providers.bearer import BearerTokens, Token
from handlers.adapters.providers.http import Answer, HttpProviderClient, Meaning
from handlers.domain.content.messages import Message
from handlers.domain.content.push_payloads import fcm_message
from handlers.domain.providers.errors import (
    AuthenticationError,
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    UnavailableError,
)
from handlers.ports import Provider

_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_SECONDS: Final = 3600

RENEW_SECONDS_BEFORE: Final = 225
"""How long before its end an access token is replaced; as long as google-auth takes."""

# https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode: FCM's own codes but those of 5xx, and below them
# those that all of Google's APIs have (https://cloud.google.com/apis/design/errors); whom each is said of.
_MEANINGS: Final[dict[str, Meaning]] = {
    # The device's.
    "UNREGISTERED": EndpointGoneError,
    # The token is another project's: alive, and of no use to us. If it is we who have the wrong project, every token
    # is: no reason to remove one.
    "SENDER_ID_MISMATCH": RecipientRefusedError,
    # The message's, unless it names the token.
    "INVALID_ARGUMENT": MessageRefusedError,
    # The project's credentials at Apple, or those of web push: Android's devices are served all the same.
    "THIRD_PARTY_AUTH_ERROR": partial(UnavailableError, of_endpoint=True),
    "APNS_AUTH_ERROR": partial(UnavailableError, of_endpoint=True),  # its former name
    "UNSPECIFIED_ERROR": UnavailableError,
    # Our account's: the project is not there, or is not ours.
    "UNAUTHENTICATED": AuthenticationError,
    "PERMISSION_DENIED": UnavailableError,
    "NOT_FOUND": UnavailableError,
    "FAILED_PRECONDITION": UnavailableError,
}


class FcmCredentials(Credentials):
    """The key of a Google service account, as Google gives it out."""

    project_id: str
    client_email: str
    private_key: SecretStr
    private_key_id: str | None = None
    token_uri: str


class FcmProvider:
    """Makes one request a message, and one for a token every hour."""

    name = "fcm"
    platforms = frozenset({"fcm"})

    def __init__(self, client: HttpProviderClient, credentials: ProviderCredentials[FcmCredentials]) -> None:
        self._client = client
        self._credentials = credentials
        self._tokens = BearerTokens(self._access_token)

    def available(self) -> bool:
        """Say whether there are credentials for it."""
        return self._credentials.available()

    def send(self, message: Message) -> str:
        """Send the message and return its name (`projects/…/messages/…`); raise `ProviderError` otherwise."""
        return self._credentials.use(partial(self._send, message))

    def _send(self, message: Message, credentials: FcmCredentials) -> str:
        answer = self._tokens.present(credentials, partial(self._request, message, credentials), _is_expired)
        if not answer.is_success:
            raise _refusal(answer)
        return str(answer.document.get("name", ""))

    def _request(self, message: Message, credentials: FcmCredentials, token: str) -> Answer:
        sent = {"token": message.endpoint.address, **fcm_message(message, datetime.now(UTC))}
        return self._client.request(
            "POST",
            f"https://fcm.googleapis.com/v1/projects/{quote(credentials.project_id, safe='')}/messages:send",
            headers={"Authorization": f"Bearer {token}", **http.ids_of(message)},
            json={"message": sent},
        )

    def _access_token(self, credentials: FcmCredentials, now: float) -> Token:
        """Exchange an assertion for a token. Whatever goes wrong here, no message was sent."""
        form = {"grant_type": _GRANT, "assertion": assertion(credentials, now)}
        try:
            answer = self._client.request("POST", credentials.token_uri, form=form)
        except OutcomeUnknownError as error:
            raise UnavailableError(error.code) from None
        granted = answer.document
        if answer.status == 429:
            raise http.throttled(answer, "429")
        if not answer.is_success:
            raise AuthenticationError(_word(granted.get("error")) or str(answer.status))
        value, seconds = granted.get("access_token"), granted.get("expires_in")
        if not isinstance(value, str) or not isinstance(seconds, int):
            raise UnavailableError("NoAccessToken")
        return Token(value, now + seconds - RENEW_SECONDS_BEFORE)


def create() -> Provider:
    """Return the provider as the environment configures it."""
    return FcmProvider(http.shared(), provider_credentials.of("fcm", FcmCredentials))


def assertion(credentials: FcmCredentials, now: float) -> str:
    """Return the signed request for an access token, made now, in seconds since 1970."""
    claims = {
        "iss": credentials.client_email,
        "scope": _SCOPE,
        "aud": credentials.token_uri,
        "iat": int(now),
        "exp": int(now) + _ASSERTION_SECONDS,
    }
    key_id = {} if credentials.private_key_id is None else {"kid": credentials.private_key_id}
    try:
        return jwt.encode(claims, credentials.private_key.get_secret_value(), algorithm="RS256", headers=key_id)
    except (ValueError, TypeError, jwt.PyJWTError):  # which may quote the key
        raise AuthenticationError("UnusablePrivateKey") from None


def _is_expired(answer: Answer) -> bool:
    return not answer.is_success and _code(answer) == "UNAUTHENTICATED"


def _refusal(answer: Answer) -> ProviderError:
    code = _code(answer)
    if answer.status == 429:
        return http.throttled(answer, code, of_endpoint=_is_of_the_devices_quota(_error(answer)))
    if code == "INVALID_ARGUMENT" and _is_about_the_token(_error(answer)):
        return RecipientRefusedError(code)
    return _MEANINGS.get(code, UnavailableError)(code)


def _code(answer: Answer) -> str:
    """Return FCM's own code, which is among the details; else the status that all of Google's APIs have."""
    error = _error(answer)
    codes = (_word(detail.get("errorCode")) for detail in _details(error))
    return next(filter(None, codes), None) or _word(error.get("status")) or str(answer.status)


def _is_about_the_token(error: dict[str, Any]) -> bool:
    violations = (each for detail in _details(error) for each in detail.get("fieldViolations", ()))
    if any(each.get("field") == "message.token" for each in violations):
        return True
    # Without naming the field: "The registration token is not a valid FCM registration token".
    return "registration token" in str(error.get("message"))


def _is_of_the_devices_quota(error: dict[str, Any]) -> bool:
    """Say whether the quota is the device's (`QUOTA_EXCEEDED`: "Device message rate exceeded") and not the project's.

    A violation in its `google.rpc.QuotaFailure` tells which quota it is, in words.
    """
    violations = (each for detail in _details(error) for each in detail.get("violations", ()))
    return any("device" in f"{each.get('subject')} {each.get('description')}".lower() for each in violations)


def _error(answer: Answer) -> dict[str, Any]:
    error = answer.document.get("error")
    return error if isinstance(error, dict) else {}


def _details(error: dict[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
