"""Which providers each channel has, in which order, made of what a worker's environment says."""

import pytest

from handlers.adapters.providers import create
from handlers.domain.channels import Channel


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("CARILLON_ENVIRONMENT", "test")
    monkeypatch.setenv("CARILLON_PROVIDER_SECRET_PREFIX", "carillon/test/providers/")
    monkeypatch.setenv("CARILLON_EMAIL_FROM", "a@example.com")
    monkeypatch.setenv("CARILLON_SES_CONFIGURATION_SET", "carillon-test")
    monkeypatch.setenv("CARILLON_SMS_SENDER_ID", "Carillon")
    monkeypatch.setenv("CARILLON_SMS_MAX_PRICE_USD", "0.10")


@pytest.mark.parametrize(("channel", "names"), [("email", ["ses", "sendgrid"]), ("sms", ["sns", "twilio"])])
def test_a_channel_without_platforms_has_one_provider_and_another_in_its_place(
    channel: Channel, names: list[str]
) -> None:
    providers = create(channel)
    assert [provider.name for provider in providers] == names
    assert {provider.platforms for provider in providers} == {None}


def test_aws_needs_no_credentials_but_the_role_of_the_worker() -> None:
    assert [create(channel)[0].available() for channel in ("email", "sms")] == [True, True]
