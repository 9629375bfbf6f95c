"""The adapters of e-mail and SMS against the sandbox: what is accepted arrives, and each fault is what it is."""

import json
from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest

from handlers.adapters.providers.http import HttpProviderClient
from handlers.adapters.providers.sendgrid import SendGridCredentials, SendGridProvider
from handlers.adapters.providers.ses import SesProvider
from handlers.adapters.providers.sns import SnsProvider
from handlers.adapters.providers.twilio import TwilioCredentials, TwilioProvider
from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.people.reach import Endpoint
from handlers.domain.providers.errors import (
    AuthenticationError,
    EndpointGoneError,
    MessageRefusedError,
    OutcomeUnknownError,
    ProviderError,
    RecipientRefusedError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)
from handlers.ports import Provider
from local.sandbox.credentials import Credentials
from tests.local.support import PATIENCE, SENDER, Sandbox
from tests.unit.handlers.adapters.providers.exchange import credentials

CONTENTS = {
    "email": RenderedContent(subject="Ihre Bestellung", body="<b>Grüße</b>, Ada 🎉", text="Grüße, Ada 🎉"),
    "sms": RenderedContent(body="Grüße, Ada 🎉"),
}
ADDRESSES = {"email": "ada@example.com", "sms": "+4915112345678"}
CHANNELS = {"ses": "email", "sendgrid": "email", "sns": "sms", "twilio": "sms"}
HASTY = 0.5
"""For how many seconds an answer is waited for that does not come."""


def _client(sandbox: Sandbox, seconds: float) -> HttpProviderClient:
    timeout = httpx.Timeout(PATIENCE, read=seconds)
    return HttpProviderClient(httpx.Client(timeout=timeout, trust_env=False), {"*": sandbox.url})


def sendgrid(sandbox: Sandbox, known: Credentials, seconds: float = PATIENCE) -> SendGridProvider:
    secret = credentials("sendgrid", SendGridCredentials, json.loads(known.secret_strings()["sendgrid"]))
    return SendGridProvider(_client(sandbox, seconds), secret, sender=SENDER)


def twilio(sandbox: Sandbox, known: Credentials, seconds: float = PATIENCE) -> TwilioProvider:
    secret = credentials("twilio", TwilioCredentials, json.loads(known.secret_strings()["twilio"]))
    return TwilioProvider(_client(sandbox, seconds), secret)


def ses(sandbox: Sandbox, seconds: float) -> SesProvider:
    client = sandbox.client("sesv2")
    if "carillon-test" not in client.list_configuration_sets()["ConfigurationSets"]:
        client.create_configuration_set(ConfigurationSetName="carillon-test")
    return SesProvider(sandbox.ses(read_timeout=seconds), sender=SENDER, configuration_set="carillon-test")


def waiting(sandbox: Sandbox, seconds: float) -> dict[str, Provider]:
    """Each provider, whose answer is waited for this long."""
    return {
        "ses": ses(sandbox, seconds),
        "sendgrid": sendgrid(sandbox, sandbox.credentials, seconds),
        "sns": SnsProvider(sandbox.sns(read_timeout=seconds), sender_id="Carillon", max_price=Decimal("0.10")),
        "twilio": twilio(sandbox, sandbox.credentials, seconds),
    }


@pytest.fixture
def providers(sandbox: Sandbox) -> dict[str, Provider]:
    return waiting(sandbox, PATIENCE)


def message(name: str, *, to: str | None = None, body: str | None = None) -> Message:
    channel = CHANNELS[name]
    content = CONTENTS[channel] if body is None else CONTENTS[channel].model_copy(update={"body": body, "text": None})
    return Message(Endpoint(to or ADDRESSES[channel]), content, str(uuid4()), str(uuid4()), "payment")


def raised(provider: Provider, sent: Message) -> ProviderError:
    with pytest.raises(ProviderError) as error:
        provider.send(sent)
    return error.value


@pytest.mark.parametrize("name", CHANNELS)
def test_what_is_accepted_arrives_with_the_ids_of_its_delivery(
    name: str, providers: dict[str, Provider], sandbox: Sandbox
) -> None:
    sent = message(name)
    assert providers[name].send(sent)
    arrived = sandbox.message_of(sent.delivery_id)
    assert arrived is not None
    assert (arrived["channel"], arrived["provider"]) == (CHANNELS[name], name)
    assert (arrived["to"], arrived["body"]) == (sent.endpoint.address, sent.content.body)
    assert arrived.get("subject") == sent.content.subject


@pytest.mark.parametrize(
    ("name", "to", "kind"),
    [
        ("sendgrid", "nobody", RecipientRefusedError),
        ("twilio", "+15005550001", EndpointGoneError),
        ("twilio", "+15005550004", RecipientRefusedError),
        ("twilio", "+15005550009", EndpointGoneError),
        ("twilio", "+15005550002", UnavailableError),
        ("twilio", "+15005550003", UnavailableError),
    ],
)
def test_an_address_that_is_refused_is_told_from_an_account_that_may_not(
    name: str, to: str, kind: type[ProviderError], providers: dict[str, Provider]
) -> None:
    assert type(raised(providers[name], message(name, to=to))) is kind


@pytest.mark.parametrize(
    ("name", "body"),
    [("sns", "x" * 1601), ("sns", ""), ("twilio", "x" * 1601), ("twilio", ""), ("sendgrid", "")],
)
def test_a_content_that_is_refused_is_told_from_an_address(
    name: str, body: str, providers: dict[str, Provider]
) -> None:
    assert type(raised(providers[name], message(name, body=body))) is MessageRefusedError


@pytest.mark.parametrize(("name", "make"), [("sendgrid", sendgrid), ("twilio", twilio)])
def test_a_strangers_credentials_are_not_accepted(
    name: str, make: Callable[[Sandbox, Credentials], Provider], sandbox: Sandbox
) -> None:
    sent = message(name)
    assert type(raised(make(sandbox, Credentials.generate()), sent)) is AuthenticationError
    assert sandbox.message_of(sent.delivery_id) is None


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("outage", UnavailableError),
        ("throttle", ThrottledError),
        ("reject", RefusedError),
    ],
)
def test_each_fault_is_what_it_is_and_ends(
    mode: str, kind: type[ProviderError], name: str, providers: dict[str, Provider], sandbox: Sandbox
) -> None:
    with sandbox.fault(mode, provider=name):
        error = raised(providers[name], message(name))
    assert isinstance(error, kind)
    assert (mode == "throttle") is isinstance(error, ThrottledError)
    assert providers[name].send(message(name))


@pytest.mark.parametrize("name", CHANNELS)
def test_an_answer_that_does_not_come_leaves_the_outcome_unknown(name: str, sandbox: Sandbox) -> None:
    with sandbox.fault("timeout", provider=name):
        assert isinstance(raised(waiting(sandbox, HASTY)[name], message(name)), OutcomeUnknownError)


@pytest.mark.parametrize("name", ["sendgrid", "twilio"])
def test_who_throttles_says_when_to_come_back(name: str, providers: dict[str, Provider], sandbox: Sandbox) -> None:
    with sandbox.fault("throttle", provider=name):
        error = raised(providers[name], message(name))
    assert isinstance(error, ThrottledError)
    assert error.retry_after
