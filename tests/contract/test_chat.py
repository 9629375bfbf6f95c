"""Chat's adapters against the sandbox: what is accepted arrives, and each fault is understood as what it is."""

import json
from uuid import uuid4

import boto3
import httpx
import pytest
from aws_lambda_powertools.utilities.parameters.secrets import SecretsProvider
from botocore.stub import Stubber

from handlers.adapters.aws.provider_credentials import ProviderCredentials
from handlers.adapters.providers import egress
from handlers.adapters.providers.discord import DiscordProvider
from handlers.adapters.providers.http import HttpProviderClient
from handlers.adapters.providers.slack import SlackProvider
from handlers.adapters.providers.teams import TeamsProvider
from handlers.adapters.providers.urls import UrlClient
from handlers.adapters.providers.webhook import WebhookCredentials, WebhookProvider
from handlers.domain.content.chat_payloads import teams_payload
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.content.sizes import TooLongError, check
from handlers.domain.model import compact
from handlers.domain.people.reach import Endpoint
from handlers.domain.providers.errors import (
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.ports import Provider
from tests.local.support import PATIENCE, Sandbox

URLS = {
    "slack": "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "teams": "https://prod-01.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/"
    "paths/invoke?api-version=2016-06-01&sig=abc",
    "discord": "https://discord.com/api/webhooks/223704706495545344/3d89bb7572e0fb30d8128367b3b1b44fecd1726de135cbe2",
    "webhook": "https://hooks.customer.example/carillon?team=7",
}
NAMES = sorted(URLS)


def _credentials(secret: str) -> ProviderCredentials[WebhookCredentials]:
    client = boto3.client(
        "secretsmanager", region_name="eu-central-1", aws_access_key_id="t", aws_secret_access_key="t"
    )
    stub = Stubber(client)
    stub.add_response("get_secret_value", {"SecretString": json.dumps({"secret": secret})})
    stub.activate()
    secrets = SecretsProvider(boto3_client=client)
    return ProviderCredentials("webhook", WebhookCredentials, prefix="carillon/test/", secrets=secrets)


def _providers(sandbox: Sandbox, secret: str, *, read_seconds: float = PATIENCE) -> dict[str, Provider]:
    origin = httpx.URL(sandbox.url)
    transport = egress.transport([(origin.host, origin.port or 80)])
    http = httpx.Client(transport=transport, timeout=httpx.Timeout(PATIENCE, read=read_seconds), trust_env=False)
    client = UrlClient(HttpProviderClient(http, {"*": sandbox.url}))
    return {
        "slack": SlackProvider(client),
        "teams": TeamsProvider(client),
        "discord": DiscordProvider(client),
        "webhook": WebhookProvider(client, _credentials(secret)),
    }


@pytest.fixture
def providers(sandbox: Sandbox) -> dict[str, Provider]:
    """All of chat's, each url unknown to it yet."""
    return _providers(sandbox, sandbox.credentials.webhook.secret)


def message(name: str, body: str = "Grüße, Ada & <Bob>", url: str | None = None) -> Message:
    content = RenderedContent(body=body)
    return Message(Endpoint(url or URLS[name], name), content, str(uuid4()), str(uuid4()), "payment")


def refused(provider: Provider, sent: Message) -> ProviderError:
    with pytest.raises(ProviderError) as error:
        provider.send(sent)
    return error.value


@pytest.mark.parametrize("name", NAMES)
def test_what_is_accepted_arrives_with_the_ids_of_its_delivery(
    name: str, providers: dict[str, Provider], sandbox: Sandbox
) -> None:
    sent = message(name)
    assert providers[name].send(sent)
    kept = sandbox.message_of(sent.delivery_id)
    assert kept is not None
    shown = kept["body"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert (kept["channel"], kept["provider"], shown) == ("chat", name, "Grüße, Ada & <Bob>")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("outage", UnavailableError),
        ("throttle", ThrottledError),
        ("reject", RecipientRefusedError),
    ],
)
def test_each_fault_is_understood(
    name: str, mode: str, kind: type[ProviderError], providers: dict[str, Provider], sandbox: Sandbox
) -> None:
    sent = message(name)
    with sandbox.fault(mode, provider=name):
        error = refused(providers[name], sent)
    assert isinstance(error, kind)
    assert isinstance(error, EndpointGoneError) is (mode == "reject" and name != "slack")  # whose channel is archived
    assert isinstance(error, ThrottledError) is (mode == "throttle")
    assert not isinstance(error, ThrottledError) or error.retry_after == 1
    assert sandbox.message_of(sent.delivery_id) is None


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_that_does_not_come_leaves_the_outcome_unknown(name: str, sandbox: Sandbox) -> None:
    hasty = _providers(sandbox, sandbox.credentials.webhook.secret, read_seconds=0.5)
    with sandbox.fault("timeout", provider=name):
        assert type(refused(hasty[name], message(name))) is OutcomeUnknownError


@pytest.mark.parametrize(
    ("name", "url", "kind"),
    [
        ("slack", "https://hooks.slack.com/services/gone", EndpointGoneError),
        ("teams", URLS["teams"].partition("&sig")[0], RecipientRefusedError),
        ("discord", "https://discord.com/api/webhooks/223704706495545344/short", RecipientRefusedError),
    ],
)
def test_a_url_that_a_platform_does_not_know_is_refused(
    name: str, url: str, kind: type[ProviderError], providers: dict[str, Provider]
) -> None:
    assert type(refused(providers[name], message(name, url=url))) is kind


def longest(name: str) -> int:
    """As how many characters a message may be to pass our own check."""
    return 2000 if name == "discord" else 40_000 if name == "slack" else 28 * 1024 - len(compact(teams_payload("")))


@pytest.mark.parametrize("name", ["discord", "slack", "teams"])
def test_the_longest_message_that_passes_our_check_is_taken_and_a_longer_one_refused(
    name: str, providers: dict[str, Provider]
) -> None:
    fits, is_over = message(name, "x" * longest(name)), message(name, "x" * (longest(name) + 1))
    check([fits], "chat", 10)
    with pytest.raises(TooLongError):
        check([is_over], "chat", 10)
    assert providers[name].send(fits)
    assert type(refused(providers[name], is_over)) is MessageRefusedError


@pytest.mark.parametrize("name", ["discord", "slack"])
def test_a_message_that_says_nothing_is_refused(name: str, providers: dict[str, Provider]) -> None:
    assert type(refused(providers[name], message(name, " "))) is MessageRefusedError


def test_a_webhook_does_not_take_what_another_key_signed(sandbox: Sandbox) -> None:
    provider = _providers(sandbox, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")["webhook"]
    assert refused(provider, message("webhook")).code == "401"


def test_a_platform_in_outage_leaves_the_others_alone(providers: dict[str, Provider], sandbox: Sandbox) -> None:
    with sandbox.fault("outage", provider="slack"):
        assert refused(providers["slack"], message("slack")).code == "503"
        assert all(providers[name].send(message(name)) for name in NAMES if name != "slack")
