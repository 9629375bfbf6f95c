"""What the registry's lines become: files that are there, who is asked by default, a worker's own providers alone."""

import pkgutil
import subprocess
import sys
from importlib import import_module
from inspect import isclass
from typing import get_type_hints

import pytest

from handlers.adapters import providers
from handlers.adapters.aws import provider_credentials
from handlers.adapters.aws.provider_credentials import C, ProviderCredentials
from handlers.adapters.providers import registry
from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.providers.registry import PROVIDERS, of_channel
from handlers.ports import Provider


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "CARILLON_ENVIRONMENT": "test",
        "CARILLON_PROVIDER_SECRET_PREFIX": "carillon/test/providers/",
        "CARILLON_EMAIL_FROM": "no-reply@example.com",
        "CARILLON_PUBLIC_URL": "https://api.example.com/live",
        "CARILLON_SES_CONFIGURATION_SET": "carillon-test",
        "CARILLON_SMS_MAX_PRICE_USD": "0.5",
    }.items():
        monkeypatch.setenv(name, value)


def sends(module: str) -> bool:
    """Say whether a module has a provider in it: a class of its own that sends."""
    classes = filter(isclass, vars(import_module(f"{providers.__name__}.{module}")).values())
    return any(each.__module__.endswith(f".{module}") and hasattr(each, "send") for each in classes)


def test_every_file_with_a_provider_is_registered_and_the_other_way_round() -> None:
    files = {module.name for module in pkgutil.iter_modules(providers.__path__)}
    registered = {each.module for each in PROVIDERS}
    assert registered - files == set(), "these have a line in the registry, and no file"
    assert {module for module in files if sends(module)} - registered == set(), "these have no line in the registry"
    assert {module for module in registered if not sends(module)} == set(), "these files have no class that sends"


@pytest.mark.parametrize("name", [each.name for each in PROVIDERS])
def test_what_creates_a_provider_says_so_and_is_checked_by_mypy_where_it_is_written(name: str) -> None:
    [create] = [made for channel in CHANNELS for each, made in registry(channel).items() if each == name]
    assert get_type_hints(create) == {"return": Provider}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channels_providers_are_created_in_the_order_in_which_they_are_registered(channel: Channel) -> None:
    names = [each.name for each in of_channel(channel)]
    assert list(registry(channel)) == [each.name for each in providers.create(channel)] == names


@pytest.mark.usefixtures("environment")
def test_whoever_reads_credentials_is_registered_with_them_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def remembered(name: str, model: type[C]) -> ProviderCredentials[C]:
        asked.append(name)
        return of(name, model)

    asked: list[str] = []
    of = provider_credentials.of
    monkeypatch.setattr(provider_credentials, "of", remembered)
    for channel in CHANNELS:
        providers.create(channel)
    assert sorted(asked) == sorted(each.name for each in PROVIDERS if each.credentials)


@pytest.mark.parametrize(
    ("first", "then"),
    [("ses", "sendgrid"), ("sns", "twilio"), ("apns", "sns-push"), ("fcm", "sns-push")],
)
def test_of_two_who_serve_the_same_endpoint_this_one_is_asked_first(first: str, then: str) -> None:
    order = [name for channel in CHANNELS for name in registry(channel)]
    assert order.index(first) < order.index(then)


@pytest.mark.parametrize(
    ("channel", "not_in_its_zip"),
    [
        ("email", {"jwt", "cryptography", "standardwebhooks"}),
        ("sms", {"jwt", "cryptography", "standardwebhooks"}),
        ("push", {"standardwebhooks"}),
        ("chat", {"jwt", "cryptography"}),
    ],
)
def test_a_channels_providers_are_imported_without_what_only_the_others_need(
    channel: Channel, not_in_its_zip: set[str]
) -> None:
    code = (
        "import sys; from handlers.adapters.providers import registry;"
        f"registry({channel!r}); print(*{{name.partition('.')[0] for name in sys.modules}})"
    )
    environment = {"PATH": "/usr/bin:/bin", "POWERTOOLS_SERVICE_NAME": "test", "AWS_DEFAULT_REGION": "eu-central-1"}
    imported = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout.split()
    assert not not_in_its_zip & set(imported)
