"""Of whom each answer of a provider speaks: this address, the message, our account, or the provider itself.

What is of one address must not close the provider to all others: it is `of_endpoint`, and no signal for its circuit.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import boto3
import httpx
import pytest
from botocore.stub import Stubber

from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import C, ProviderCredentials
from handlers.adapters.providers import http
from handlers.adapters.providers.apns import ApnsCredentials, ApnsProvider
from handlers.adapters.providers.discord import DiscordProvider
from handlers.adapters.providers.fcm import FcmCredentials, FcmProvider
from handlers.adapters.providers.sendgrid import SendGridCredentials, SendGridProvider
from handlers.adapters.providers.ses import SesProvider
from handlers.adapters.providers.slack import SlackProvider
from handlers.adapters.providers.sns import SnsProvider
from handlers.adapters.providers.sns_push import SnsPushCredentials, SnsPushProvider
from handlers.adapters.providers.teams import TeamsProvider
from handlers.adapters.providers.twilio import TwilioCredentials, TwilioProvider
from handlers.adapters.providers.urls import UrlClient
from handlers.adapters.providers.webhook import WebhookCredentials, WebhookProvider
from handlers.domain.channels import ADDRESSED, REGISTRY
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import (
    AuthenticationError,
    EndpointGoneError,
    MessageRefusedError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.domain.providers.registry import PROVIDERS, Registered
from handlers.ports import Provider
from handlers.services.failover import Chain, Turn
from ops import pages
from tests.unit.handlers.adapters.providers.chat import message
from tests.unit.handlers.adapters.providers.exchange import EMAIL, SMS, Exchange, Signals, credentials
from tests.unit.handlers.adapters.providers.push import ec_key, pem, push, rsa_key

APNS = {"team_id": "TEAM567890", "key_id": "KEY4567890", "private_key": pem(ec_key()), "topic": "com.example.app"}
FCM = {
    "project_id": "p",
    "client_email": "a@b.iam.gserviceaccount.com",
    "private_key": pem(rsa_key()),
    "token_uri": "https://oauth2.googleapis.com/token",
}
TWILIO = {"account_sid": "AC1", "auth_token": "t", "from": "+15005550006"}
ARN = "arn:aws:sns:eu-central-1:123456789012:app/APNS/carillon"
WEBHOOK = {"secret": "whsec_" + "QUFB" * 8}

SOURCES = {
    "apns": "https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns",
    "fcm": "https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode",
    "sns-push": "https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors",
    "sns": "https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors",
    "twilio": "https://www.twilio.com/docs/api/errors",
    "ses": "https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors",
    "sendgrid": "https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors",
    "slack": "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors",
    "teams": "https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using",
    "discord": "https://docs.discord.com/developers/topics/rate-limits",
    "webhook": "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
}


@dataclass(frozen=True)
class Said:
    """An answer: its status, and the provider's own word in the form that it has there."""

    status: int
    word: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def apns(said: Said) -> tuple[Provider, Message]:
    exchange = Exchange(httpx.Response(said.status, json={"reason": said.word}, headers=dict(said.headers)))
    return ApnsProvider(exchange.client, credentials("apns", ApnsCredentials, APNS)), push()


def fcm(said: Said) -> tuple[Provider, Message]:
    granted = httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
    exchange = Exchange(granted, httpx.Response(said.status, json={"error": said.word}))
    return FcmProvider(exchange.client, credentials("fcm", FcmCredentials, FCM)), push("fcm")


def twilio(said: Said) -> tuple[Provider, Message]:
    exchange = Exchange(httpx.Response(said.status, json={"code": said.word}))
    return TwilioProvider(exchange.client, credentials("twilio", TwilioCredentials, TWILIO)), SMS


def sendgrid(said: Said) -> tuple[Provider, Message]:
    exchange = Exchange(httpx.Response(said.status, json={"errors": [{"field": said.word}]}))
    secret = credentials("sendgrid", SendGridCredentials, {"api_key": "k"})
    return SendGridProvider(exchange.client, secret, sender="a@example.com"), EMAIL


def aws_client(service: Any, operation: str, said: Said) -> Any:
    client = boto3.client(service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="a")
    stub = Stubber(client)
    if operation == "publish" and said.headers.get("push"):
        stub.add_response("create_platform_endpoint", {"EndpointArn": ARN})
    code, text = said.word
    stub.add_client_error(operation, code, text, said.status)
    stub.activate()
    return client


def ses(said: Said) -> tuple[Provider, Message]:
    client = aws_client("sesv2", "send_email", said)
    return SesProvider(client, sender="a@example.com", configuration_set="c"), EMAIL


def sns(said: Said) -> tuple[Provider, Message]:
    return SnsProvider(aws_client("sns", "publish", said), sender_id=None, max_price=Decimal(1)), SMS


def sns_push(said: Said) -> tuple[Provider, Message]:
    client = aws_client("sns", "publish", Said(said.status, said.word, {"push": "1"}))
    secret = credentials("sns-push", SnsPushCredentials, {"application_arns": {"apns": ARN}})
    return SnsPushProvider(client, secret), push()


def _url_client(said: Said) -> UrlClient:
    content = said.word.encode() if isinstance(said.word, str) else json.dumps(said.word).encode()
    return UrlClient(Exchange(httpx.Response(said.status, content=content, headers=dict(said.headers))).client)


def slack(said: Said) -> tuple[Provider, Message]:
    return SlackProvider(_url_client(said)), message("https://hooks.slack.com/services/T0/B0/x")


def teams(said: Said) -> tuple[Provider, Message]:
    return TeamsProvider(_url_client(said)), message("https://prod-1.westeurope.logic.azure.com/workflows/1")


def discord(said: Said) -> tuple[Provider, Message]:
    return DiscordProvider(_url_client(said)), message("https://discord.com/api/webhooks/1/abc")


def webhook(said: Said) -> tuple[Provider, Message]:
    secret = credentials("webhook", WebhookCredentials, WEBHOOK)
    return WebhookProvider(_url_client(said), secret), message("https://hooks.example.com/in")


def google(status: str, code: str | None = None, **detail: Any) -> dict[str, Any]:
    fcm_error = [] if code is None else [{"@type": "type.googleapis.com/x.FcmError", "errorCode": code}]
    return {"status": status, "message": "", "details": [*fcm_error, *([detail] if detail else [])]}


OF_THE_DEVICE = google(
    "RESOURCE_EXHAUSTED",
    "QUOTA_EXCEEDED",
    violations=[{"subject": "device", "description": "Device message rate exceeded"}],
)
OF_THE_PROJECT = google(
    "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", violations=[{"subject": "project:1", "description": "Send messages"}]
)
RATE = {"X-RateLimit-Scope": "user", "Retry-After": "1"}

ADDRESS = True
"""The failure is of this address, and of nobody else's."""
ALL = False
"""The failure is of our account, or of the provider."""

TABLE: list[tuple[Callable[[Said], tuple[Provider, Message]], Said, type[ProviderError], bool]] = [
    # -- APNs: one device's rate, and the rate of our tokens, have the same status.
    (apns, Said(429, "TooManyRequests"), ThrottledError, ADDRESS),
    (apns, Said(429, "TooManyProviderTokenUpdates"), ThrottledError, ALL),
    (apns, Said(400, "MissingDeviceToken"), RecipientRefusedError, ALL),
    (apns, Said(400, "BadMessageId"), MessageRefusedError, ALL),
    (apns, Said(400, "IdleTimeout"), UnavailableError, ALL),
    (apns, Said(400, "BadPriority"), UnavailableError, ALL),
    (apns, Said(403, "BadCertificate"), UnavailableError, ALL),
    (apns, Said(503, "Shutdown"), UnavailableError, ALL),
    # -- FCM
    (fcm, Said(429, OF_THE_DEVICE), ThrottledError, ADDRESS),
    (fcm, Said(429, OF_THE_PROJECT), ThrottledError, ALL),
    (fcm, Said(429, google("RESOURCE_EXHAUSTED")), ThrottledError, ALL),
    (fcm, Said(404, google("NOT_FOUND", "UNREGISTERED")), EndpointGoneError, ALL),
    (fcm, Said(404, google("NOT_FOUND")), UnavailableError, ALL),
    (fcm, Said(403, google("PERMISSION_DENIED", "SENDER_ID_MISMATCH")), RecipientRefusedError, ALL),
    (fcm, Said(401, google("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR")), UnavailableError, ADDRESS),
    (fcm, Said(401, google("UNAUTHENTICATED", "APNS_AUTH_ERROR")), UnavailableError, ADDRESS),
    (fcm, Said(401, google("UNAUTHENTICATED")), AuthenticationError, ALL),
    (fcm, Said(503, google("UNAVAILABLE", "UNAVAILABLE")), UnavailableError, ALL),
    # -- SNS
    (
        sns,
        Said(400, ("InvalidParameter", "Invalid parameter: PhoneNumber Reason: opted out")),
        RecipientRefusedError,
        ALL,
    ),
    (sns, Said(400, ("OptedOut", "")), RecipientRefusedError, ALL),
    (sns, Said(400, ("ThrottledException", "")), ThrottledError, ALL),
    (sns, Said(400, ("KMSThrottling", "")), ThrottledError, ALL),
    (sns, Said(403, ("AuthorizationError", "")), UnavailableError, ALL),
    (sns_push, Said(400, ("EndpointDisabled", "")), EndpointGoneError, ALL),
    (sns_push, Said(400, ("PlatformApplicationDisabled", "")), UnavailableError, ADDRESS),
    (sns_push, Said(404, ("NotFound", "")), UnavailableError, ADDRESS),
    (sns_push, Said(400, ("ThrottledException", "")), ThrottledError, ALL),
    # -- Twilio
    (twilio, Said(400, 21211), EndpointGoneError, ALL),
    (twilio, Said(400, 21610), RecipientRefusedError, ALL),
    (twilio, Said(400, 21614), EndpointGoneError, ALL),
    (twilio, Said(400, 30005), EndpointGoneError, ALL),
    (twilio, Said(400, 30006), EndpointGoneError, ALL),
    (twilio, Said(400, 30007), MessageRefusedError, ALL),
    (twilio, Said(400, 21408), UnavailableError, ADDRESS),
    (twilio, Said(400, 21608), UnavailableError, ADDRESS),
    (twilio, Said(400, 21612), UnavailableError, ADDRESS),
    (twilio, Said(400, 30003), UnavailableError, ADDRESS),
    (twilio, Said(429, 14107), ThrottledError, ADDRESS),
    (twilio, Said(429, 20429), ThrottledError, ALL),
    (twilio, Said(429), ThrottledError, ALL),
    (twilio, Said(400, 21611), ThrottledError, ALL),
    (twilio, Said(400, 30001), ThrottledError, ALL),
    (twilio, Said(403, 30002), UnavailableError, ALL),
    (twilio, Said(401, 20003), AuthenticationError, ALL),
    # -- SES
    (ses, Said(400, ("MessageRejected", "Sending suspended for this account.")), UnavailableError, ALL),
    (ses, Said(400, ("MessageRejected", "Sending paused for this account.")), UnavailableError, ALL),
    (ses, Said(400, ("BadRequestException", "Configuration set <c> does not exist")), UnavailableError, ALL),
    (ses, Said(400, ("MessageRejected", "Email contains illegal content")), MessageRefusedError, ALL),
    (ses, Said(400, ("SendingPausedException", "")), UnavailableError, ALL),
    (ses, Said(400, ("MailFromDomainNotVerifiedException", "")), UnavailableError, ALL),
    (ses, Said(429, ("TooManyRequestsException", "")), ThrottledError, ALL),
    (ses, Said(400, ("LimitExceededException", "")), ThrottledError, ALL),
    # -- SendGrid
    (sendgrid, Said(400, "personalizations.0.to.0.email"), RecipientRefusedError, ALL),
    (sendgrid, Said(400, "personalizations.0.headers"), MessageRefusedError, ALL),
    (sendgrid, Said(400, "custom_args"), MessageRefusedError, ALL),
    (sendgrid, Said(400, "from.email"), UnavailableError, ALL),
    (sendgrid, Said(429), ThrottledError, ALL),
    # -- chat
    (slack, Said(429, "rate_limited"), ThrottledError, ADDRESS),
    (slack, Said(410, "channel_is_archived"), RecipientRefusedError, ALL),
    (slack, Said(400, "no_active_hooks"), EndpointGoneError, ALL),
    (slack, Said(404, "no_service"), EndpointGoneError, ALL),
    (slack, Said(403, "action_prohibited"), RecipientRefusedError, ALL),
    (slack, Said(403, "team_disabled"), RecipientRefusedError, ALL),
    (slack, Said(400, "invalid_blocks"), MessageRefusedError, ALL),
    (slack, Said(500, "rollup_error"), UnavailableError, ALL),
    (teams, Said(429, "{}"), ThrottledError, ADDRESS),
    (
        teams,
        Said(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with"),
        ThrottledError,
        ADDRESS,
    ),
    (
        teams,
        Said(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 404 with"),
        RecipientRefusedError,
        ADDRESS,
    ),
    (teams, Said(404, "{}"), EndpointGoneError, ADDRESS),
    (teams, Said(410, "{}"), EndpointGoneError, ADDRESS),
    (teams, Said(403, "{}"), RecipientRefusedError, ADDRESS),
    (teams, Said(502, "{}"), UnavailableError, ADDRESS),
    (discord, Said(429, {"global": False}, RATE), ThrottledError, ADDRESS),
    (discord, Said(429, {"global": False}, RATE | {"X-RateLimit-Scope": "shared"}), ThrottledError, ADDRESS),
    (discord, Said(429, {"global": True}, RATE | {"X-RateLimit-Scope": "global"}), ThrottledError, ALL),
    (discord, Said(429, {"global": True}, {"X-RateLimit-Global": "true"}), ThrottledError, ALL),
    (discord, Said(429, "error code: 1015"), ThrottledError, ALL),
    (discord, Said(403, {"message": "internal network error", "code": 40333}), UnavailableError, ALL),
    (discord, Said(403, "error code: 1020"), UnavailableError, ALL),
    (discord, Said(404, {"message": "Unknown Webhook", "code": 10015}), EndpointGoneError, ALL),
    (discord, Said(404, "not found"), RecipientRefusedError, ALL),
    (discord, Said(403, {"message": "Missing Permissions", "code": 50013}), RecipientRefusedError, ALL),
    (discord, Said(400, {"message": "Unknown Channel", "code": 10003}), EndpointGoneError, ALL),
    (webhook, Said(429, ""), ThrottledError, ADDRESS),
    (webhook, Said(503, ""), UnavailableError, ADDRESS),
    (webhook, Said(410, ""), EndpointGoneError, ADDRESS),
    (webhook, Said(404, ""), RecipientRefusedError, ADDRESS),
]


@pytest.mark.parametrize(("make", "said", "kind", "of_endpoint"), TABLE)
def test_each_answer_is_taken_for_what_it_is_said_of(
    make: Callable[[Said], tuple[Provider, Message]], said: Said, kind: type[ProviderError], of_endpoint: bool
) -> None:
    provider, sent = make(said)
    with pytest.raises(ProviderError) as error:
        provider.send(sent)
    assert (type(error.value), error.value.of_endpoint) == (kind, of_endpoint), SOURCES[provider.name]

    signals = Signals()
    Chain((provider,), signals, lambda: datetime.now(UTC)).tell(Turn(provider), error.value)
    assert (signals.told == []) == of_endpoint


# -- by status ---------------------------------------------------------------------------------------------------------

BY_STATUS = {each.name: each for each in PROVIDERS if each.credentials and each.channel in ADDRESSED}
"""The providers that send to a number or mailbox, and are called with credentials: most likely over HTTP, with texts.

What their docstrings say of a status is tried. So a new one of this kind needs no row in the table.
"""
MEANT = {
    "Refused address": (RecipientRefusedError, ALL),
    "Refused message": (MessageRefusedError, ALL),
    "Gone": (EndpointGoneError, ALL),
    "Throttled": (ThrottledError, ALL),
}


def refused(registered: Registered, status: int, monkeypatch: pytest.MonkeyPatch) -> ProviderError:
    """What the provider raises, made by its own `create`, when it is answered with a status and no word of its own."""

    def texts(name: str, model: type[C]) -> ProviderCredentials[C]:
        return credentials(name, model, {field.alias or key: "text" for key, field in model.model_fields.items()})

    told = {"ENVIRONMENT": "test", "EMAIL_FROM": "a@example.com", "PUBLIC_URL": "https://api.example.com"}
    for variable, value in told.items():
        monkeypatch.setenv(f"CARILLON_{variable}", value)
    monkeypatch.setattr(provider_credentials, "of", texts)
    monkeypatch.setattr(http, "shared", lambda: Exchange(httpx.Response(status)).client)
    provider = import_module(f"handlers.adapters.providers.{registered.module}").create()
    with pytest.raises(ProviderError) as error:
        provider.send(SMS if REGISTRY[registered.channel].contact_field == "phone" else EMAIL)
    return error.value


@pytest.mark.parametrize("name", sorted(BY_STATUS))
def test_a_status_means_what_the_docstring_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = pages.answers_of(BY_STATUS[name])
    said = {
        int(status): meaning
        for line, meaning in MEANT.items()
        for status in re.findall(r"(?:^|[,;] )(4\d\d)(?=[,;]|$)", documented[line])
    }
    assert 429 in said, f"the docstring of {name} says nothing of 429 in a line `Throttled: …` or `Refused …: …`"
    for status, meaning in said.items():
        error = refused(BY_STATUS[name], status, monkeypatch)
        assert (type(error), error.of_endpoint) == meaning, status


@pytest.mark.parametrize("name", sorted(BY_STATUS))
@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_what_is_our_fault_or_the_providers_is_not_blamed_on_an_address(
    name: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refused(BY_STATUS[name], status, monkeypatch)
    assert type(error) in (AuthenticationError, UnavailableError)
    assert not error.of_endpoint


def test_every_provider_is_in_the_table_with_a_source_or_tried_by_status() -> None:
    named = {make.__name__.replace("_", "-") for make, *_ in TABLE}
    assert named == SOURCES.keys() <= {each.name for each in PROVIDERS}
    assert {each.name for each in PROVIDERS} - named <= BY_STATUS.keys(), "give it rows in TABLE and its source"
