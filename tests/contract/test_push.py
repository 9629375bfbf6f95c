"""Push's adapters against the sandbox: what is accepted arrives, and each fault is understood as what it is."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import boto3
import httpx
import pytest
from aws_lambda_powertools.utilities.parameters.secrets import SecretsProvider
from botocore.stub import Stubber

from handlers.adapters.aws.provider_credentials import C, ProviderCredentials
from handlers.adapters.providers import http
from handlers.adapters.providers.apns import ApnsCredentials, ApnsProvider
from handlers.adapters.providers.connections import http2_transport
from handlers.adapters.providers.fcm import FcmCredentials, FcmProvider
from handlers.adapters.providers.http import HttpProviderClient
from handlers.adapters.providers.sns_push import SnsPushCredentials, SnsPushProvider
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.content.sizes import LIMITS, check
from handlers.domain.notifications.deliveries import Priority
from handlers.domain.people.reach import Endpoint
from handlers.domain.providers.errors import (
    AuthenticationError,
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.domain.providers.routing import Event
from handlers.ports import Provider
from handlers.services.failover import Chain
from local.sandbox.credentials import Credentials
from tests.local.support import PATIENCE, Sandbox
from tests.unit.handlers.adapters.providers.exchange import Signals

TOKENS = {"apns": "0123456789abcdef" * 4, "fcm": "dQw4w9WgXcQ:APA91b" + "x-Y_" * 35}
DEAD = {"apns": "dead" * 16, "fcm": "dead" * 40}
ROUTES = [("apns", "apns"), ("fcm", "fcm"), ("sns-push", "apns"), ("sns-push", "fcm")]
"""Each provider with each platform that it serves."""
HASTY = 0.5


def _credentials(name: str, model: type[C], value: str) -> ProviderCredentials[C]:
    client = boto3.client(
        "secretsmanager", region_name="eu-central-1", aws_access_key_id="t", aws_secret_access_key="t"
    )
    stub = Stubber(client)
    for _ in range(2):  # the second for credentials that are refused
        stub.add_response("get_secret_value", {"SecretString": value})
    stub.activate()
    return ProviderCredentials(name, model, prefix="p/", secrets=SecretsProvider(boto3_client=client))


def _client(sandbox: Sandbox, *, http2: bool) -> HttpProviderClient:
    transport = http2_transport() if http2 else None
    return HttpProviderClient(httpx.Client(transport=transport, timeout=PATIENCE, trust_env=False), {"*": sandbox.url})


def apns(sandbox: Sandbox, credentials: Credentials) -> ApnsProvider:
    secret = credentials.secret_strings()["apns"]
    return ApnsProvider(_client(sandbox, http2=True), _credentials("apns", ApnsCredentials, secret))


def fcm(sandbox: Sandbox, credentials: Credentials) -> FcmProvider:
    secret = credentials.secret_strings()["fcm"]
    return FcmProvider(_client(sandbox, http2=False), _credentials("fcm", FcmCredentials, secret))


def sns_push(sandbox: Sandbox, seconds: float = PATIENCE) -> SnsPushProvider:
    sns, hasty = sandbox.sns(), sandbox.sns(read_timeout=seconds)
    applications = {
        name: sns.create_platform_application(Name="carillon", Platform=platform, Attributes={})[
            "PlatformApplicationArn"
        ]
        for name, platform in (("apns", "APNS"), ("fcm", "GCM"))
    }
    secret = json.dumps({"application_arns": applications})
    return SnsPushProvider(hasty, _credentials("sns-push", SnsPushCredentials, secret))


@pytest.fixture(scope="module")
def providers(sandbox: Sandbox) -> dict[str, Provider]:
    return {
        "apns": apns(sandbox, sandbox.credentials),
        "fcm": fcm(sandbox, sandbox.credentials),
        "sns-push": sns_push(sandbox),
    }


@contextmanager
def in_haste(provider: ApnsProvider | FcmProvider) -> Iterator[None]:
    """Let a provider wait for an answer that does not come for half a second only."""
    client = provider._client._client
    client.timeout = httpx.Timeout(PATIENCE, read=HASTY)
    try:
        yield
    finally:
        client.timeout = httpx.Timeout(PATIENCE)


def message(platform: str, token: str | None = None, body: str = "Grüße, Ada 🎉") -> Message:
    return Message(
        endpoint=Endpoint(token or TOKENS[platform], platform),
        content=RenderedContent(subject="Your order", body=body),
        notification_id=str(uuid4()),
        delivery_id=str(uuid4()),
        category="payment",
        priority=Priority.HIGH,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )


def raised(provider: Provider, sent: Message) -> ProviderError:
    with pytest.raises(ProviderError) as error:
        provider.send(sent)
    return error.value


@pytest.mark.parametrize(("name", "platform"), ROUTES)
def test_what_is_accepted_arrives_on_the_device_with_the_ids_of_its_delivery(
    name: str, platform: str, providers: dict[str, Provider], sandbox: Sandbox
) -> None:
    sent = message(platform)
    assert providers[name].send(sent)
    arrived = sandbox.message_of(sent.delivery_id)
    assert arrived is not None
    assert (arrived["channel"], arrived["provider"], arrived["to"]) == ("push", name, TOKENS[platform])
    assert (arrived["subject"], arrived["body"]) == ("Your order", "Grüße, Ada 🎉")


def test_apples_id_is_the_deliverys_own(providers: dict[str, Provider]) -> None:
    sent = message("apns")
    assert providers["apns"].send(sent) == sent.delivery_id


@pytest.mark.parametrize("platform", ["apns", "fcm"])
def test_a_device_without_the_app_any_more_is_unregistered(platform: str, providers: dict[str, Provider]) -> None:
    assert type(raised(providers[platform], message(platform, DEAD[platform]))) is EndpointGoneError


@pytest.mark.parametrize(("platform", "token"), [("apns", "xyz"), ("fcm", "x")])
def test_a_token_that_is_none_is_refused_and_not_called_dead(
    platform: str, token: str, providers: dict[str, Provider]
) -> None:
    assert type(raised(providers[platform], message(platform, token))) is RecipientRefusedError


@pytest.mark.parametrize("platform", ["apns", "fcm"])
@pytest.mark.parametrize("character", ["x", "é"])
def test_what_is_too_long_for_a_device_is_refused(
    platform: str, character: str, providers: dict[str, Provider]
) -> None:
    too_long = message(platform, body=character * (4096 // len(character.encode())))
    assert type(raised(providers[platform], too_long)) is MessageRefusedError


@pytest.mark.parametrize(("name", "platform"), ROUTES)
@pytest.mark.parametrize("character", ["x", "é", '"'])
def test_the_longest_push_that_passes_our_check_arrives(
    name: str, platform: str, character: str, providers: dict[str, Provider], sandbox: Sandbox
) -> None:
    [limit] = [limit for limit in LIMITS if limit.platform == platform]
    empty = limit.size(message(platform, body=""))
    each = limit.size(message(platform, body=character)) - empty
    sent = message(platform, body=character * ((limit.most - empty) // each))
    check([sent], "push", 10)
    assert providers[name].send(sent)
    assert sandbox.message_of(sent.delivery_id) is not None


@pytest.mark.parametrize(("platform", "make"), [("apns", apns), ("fcm", fcm)])
def test_a_strangers_credentials_are_not_accepted(
    platform: str, make: Callable[[Sandbox, Credentials], Provider], sandbox: Sandbox
) -> None:
    sent = message(platform)
    assert type(raised(make(sandbox, Credentials.generate()), sent)) is AuthenticationError
    assert sandbox.message_of(sent.delivery_id) is None


@pytest.mark.parametrize(("name", "platform"), ROUTES)
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("outage", UnavailableError),
        ("throttle", ThrottledError),
        ("reject", EndpointGoneError),
    ],
)
def test_each_fault_is_what_it_is_and_ends(
    mode: str, kind: type[ProviderError], name: str, platform: str, providers: dict[str, Provider], sandbox: Sandbox
) -> None:
    providers[name].send(message(platform))  # so that FCM has a token
    with sandbox.fault(mode, provider=name):
        assert type(raised(providers[name], message(platform))) is kind
    assert providers[name].send(message(platform))


@pytest.mark.parametrize("make", [apns, fcm])
def test_an_answer_that_does_not_come_leaves_the_outcome_unknown(
    make: Callable[[Sandbox, Credentials], ApnsProvider | FcmProvider], sandbox: Sandbox
) -> None:
    provider, platform = make(sandbox, sandbox.credentials), make.__name__
    provider.send(message(platform))  # so that FCM has a token
    with sandbox.fault("timeout", provider=platform), in_haste(provider):
        assert type(raised(provider, message(platform))) is OutcomeUnknownError
    assert provider.send(message(platform))


@pytest.mark.parametrize("platform", ["apns", "fcm"])
def test_an_answer_of_sns_that_does_not_come_leaves_the_outcome_unknown(platform: str, sandbox: Sandbox) -> None:
    with sandbox.fault("timeout", provider="sns-push"):
        assert type(raised(sns_push(sandbox, HASTY), message(platform))) is OutcomeUnknownError


@pytest.mark.parametrize("mode", ["outage", "timeout"])
def test_without_googles_token_endpoint_nothing_is_sent(mode: str, sandbox: Sandbox) -> None:
    provider, sent = fcm(sandbox, sandbox.credentials), message("fcm")
    with sandbox.fault(mode, provider="google-oauth"), in_haste(provider):
        assert type(raised(provider, sent)) is UnavailableError
    assert sandbox.message_of(sent.delivery_id) is None
    assert provider.send(sent)


def test_a_burst_after_apple_has_closed_the_idle_connections_is_sent_at_the_first_attempt(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 7, line 24: with one connection for all threads it failed up to seven times, and opened the circuit."""
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "p/")
    monkeypatch.setenv("CARILLON_PROVIDER_HOSTS", json.dumps({"*": sandbox.url}))
    secret = sandbox.credentials.secret_strings()["apns"]
    provider = ApnsProvider(http.create(http2=True), _credentials("apns", ApnsCredentials, secret))
    circuits = Signals()
    chain = Chain((provider,), circuits, lambda: datetime.now(UTC))

    def push(sent: Message) -> str:
        turn = chain.next("apns")
        assert turn is not None
        try:
            turn.provider.send(sent)
        except ProviderError as error:
            chain.tell(turn, error)
            return error.code
        chain.tell(turn, None)
        return "sent"

    bursts = [[message("apns") for _ in range(10)] for _ in range(3)]
    with ThreadPoolExecutor(10) as threads, sandbox.fault("idle_close", provider="apns"):
        for burst in bursts:
            assert list(threads.map(push, burst)) == ["sent"] * 10
            sandbox.until_idle_connections_are_closed()
    assert circuits.told == [Event.ANSWERED] * 30
    arrived = [each["delivery_id"] for each in sandbox.messages()]
    assert [arrived.count(sent.delivery_id) for burst in bursts for sent in burst] == [1] * 30
