"""The registry: who is asked by default, and that a worker imports its own providers alone."""

import subprocess
import sys

import pytest

from handlers.adapters.providers import registry
from handlers.domain.channels import Channel


@pytest.mark.parametrize(
    ("channel", "names"),
    [
        ("email", ["ses", "sendgrid"]),
        ("sms", ["sns", "twilio"]),
        ("push", ["apns", "fcm", "sns-push"]),
        ("chat", ["slack", "teams", "discord", "webhook"]),
    ],
)
def test_providers_are_asked_in_this_order_until_an_operator_gives_another(channel: Channel, names: list[str]) -> None:
    assert list(registry(channel)) == names


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
