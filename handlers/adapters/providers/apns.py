"""Push to Apple's devices by APNs: https://developer.apple.com/documentation/usernotifications.

HTTP/2 alone, with a provider token (ES256) in place of a client certificate. APNs wants connections kept, and takes
several at a time; it closes what has been idle when it likes (see `connections`).

Endpoint: `POST https://api.push.apple.com/3/device/{token}`, HTTP/2
Credentials: `{"team_id": "…", "key_id": "…", "private_key": "<PEM>", "topic": "<bundle id>"}`; `"host":
  "api.sandbox.push.apple.com"` for builds in development
Limits: 4,096 bytes of payload; a new token every 20 minutes at most
Idempotency: `apns-id` and `apns-collapse-id` are the delivery's: the device shows one of two
Source: [APNs](https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns)
Refused address: `BadDeviceToken`, `DeviceTokenNotForTopic`, `MissingDeviceToken`
Refused message: `PayloadTooLarge`, `PayloadEmpty`, `BadCollapseId`, `BadExpirationDate`, `BadMessageId`
Gone: `Unregistered`, `ExpiredToken`
Throttled: `TooManyProviderTokenUpdates`
This address alone: `TooManyRequests`
"""

from functools import partial
from typing import Final
from urllib.parse import quote

import jwt
from pydantic import SecretStr

from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import Credentials, ProviderCredentials
from handlers.adapters.providers import http
from handlers.adapters.providers.bearer import BearerTokens, Token
from handlers.adapters.providers.http import Answer, HttpProviderClient
from handlers.domain.content.messages import Message
from handlers.domain.content.push_payloads import apns_headers, apns_payload
from handlers.domain.providers.errors import (
    AuthenticationError,
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    UnavailableError,
)
from handlers.ports import Provider

TOKEN_SECONDS: Final = 40 * 60
"""APNs refuses a provider token after an hour, and to be given another one more often than every 20 minutes:
https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
"""

# https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns: all of its
# reasons but those of 5xx, and whom each is said of.
_MEANINGS: Final[dict[str, type[ProviderError]]] = {
    # The device's.
    "Unregistered": EndpointGoneError,
    "ExpiredToken": EndpointGoneError,
    # Also said of every living token when we call production with a development build's, or the other way round, or
    # name a wrong topic: no reason to remove one.
    "BadDeviceToken": RecipientRefusedError,
    "DeviceTokenNotForTopic": RecipientRefusedError,
    "MissingDeviceToken": RecipientRefusedError,
    # The message's.
    "PayloadTooLarge": MessageRefusedError,
    "PayloadEmpty": MessageRefusedError,
    "BadCollapseId": MessageRefusedError,
    "BadExpirationDate": MessageRefusedError,
    "BadMessageId": MessageRefusedError,
    # Our account's, or of how we call it whatever the message.
    "ExpiredProviderToken": AuthenticationError,
    "InvalidProviderToken": AuthenticationError,
    "MissingProviderToken": AuthenticationError,
    "UnrelatedKeyIdInToken": AuthenticationError,
    "BadEnvironmentKeyIdInToken": AuthenticationError,
    "BadCertificate": UnavailableError,
    "BadCertificateEnvironment": UnavailableError,
    "BadPath": UnavailableError,
    "BadPriority": UnavailableError,
    "BadTopic": UnavailableError,
    "DuplicateHeaders": UnavailableError,
    "Forbidden": UnavailableError,
    "IdleTimeout": UnavailableError,
    "InvalidPushType": UnavailableError,
    "MethodNotAllowed": UnavailableError,
    "MissingTopic": UnavailableError,
    "TopicDisallowed": UnavailableError,
}
# Of the two reasons of 429, `TooManyProviderTokenUpdates` is the account's.
_OF_THE_DEVICES_PACE: Final = "TooManyRequests"


class ApnsCredentials(Credentials):
    """A key of the team's that may send, as PEM (P-256), and the app: its topic is its bundle id.

    The host is `api.sandbox.push.apple.com` for what Xcode itself installs.
    """

    team_id: str
    key_id: str
    private_key: SecretStr
    topic: str
    host: str = "api.push.apple.com"


class ApnsProvider:
    """Makes one request a message. The id of the delivery is the message's own id at APNs as well."""

    name = "apns"
    platforms = frozenset({"apns"})

    def __init__(self, client: HttpProviderClient, credentials: ProviderCredentials[ApnsCredentials]) -> None:
        self._client = client
        self._credentials = credentials
        self._tokens = BearerTokens(provider_token)

    def available(self) -> bool:
        """Say whether there are credentials for it."""
        return self._credentials.available()

    def send(self, message: Message) -> str:
        """Send the message and return its `apns-id`; raise `ProviderError` otherwise."""
        return self._credentials.use(partial(self._send, message))

    def _send(self, message: Message, credentials: ApnsCredentials) -> str:
        answer = self._tokens.present(credentials, partial(self._request, message, credentials), _is_expired)
        if not answer.is_success:
            raise _refusal(answer)
        return answer.headers.get("apns-id", message.delivery_id)

    def _request(self, message: Message, credentials: ApnsCredentials, token: str) -> Answer:
        return self._client.request(
            "POST",
            f"https://{credentials.host}/3/device/{quote(message.endpoint.address, safe='')}",
            headers={
                "authorization": f"bearer {token}",
                "apns-id": message.delivery_id,
                "apns-topic": credentials.topic,
                **apns_headers(message),
                **http.ids_of(message),
            },
            json=apns_payload(message),
        )


def create() -> Provider:
    """Return the provider as the environment configures it."""
    return ApnsProvider(http.create(http2=True), provider_credentials.of("apns", ApnsCredentials))


def provider_token(credentials: ApnsCredentials, now: float) -> Token:
    """Return a provider token made now, in seconds since 1970."""
    claims = {"iss": credentials.team_id, "iat": int(now)}
    key = credentials.private_key.get_secret_value()
    try:
        value = jwt.encode(claims, key, algorithm="ES256", headers={"kid": credentials.key_id})
    except (ValueError, TypeError, jwt.PyJWTError):  # which may quote the key
        raise AuthenticationError("UnusablePrivateKey") from None
    return Token(value, now + TOKEN_SECONDS)


def _reason(answer: Answer) -> str:
    reason = answer.document.get("reason")
    return reason if isinstance(reason, str) else str(answer.status)


def _is_expired(answer: Answer) -> bool:
    return _reason(answer) == "ExpiredProviderToken"


def _refusal(answer: Answer) -> ProviderError:
    """Return what an answer means.

    With `Unregistered` comes the time since when the token has been dead. It is not compared with anything: whoever
    registers a token again gives it to us again, and APNs no longer refuses it then.
    """
    reason = _reason(answer)
    if answer.status == 429:
        return http.throttled(answer, reason, of_endpoint=reason == _OF_THE_DEVICES_PACE)
    return _MEANINGS.get(reason, UnavailableError)(reason)
