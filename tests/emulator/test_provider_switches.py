"""An operator turns a provider off and on by the command line, and the running workers obey within ten seconds."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from local.platform import Platform
from ops.cli import app
from tests.emulator.producer import Producer

IN_EFFECT_SECONDS = 10

Command = Callable[..., str]


@pytest.fixture
def carillon(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """`carillon providers …` in a checkout whose platform is the running one; all is on again at the end."""
    (tmp_path / ".carillon").symlink_to(platform.directory)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["providers", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    yield run
    run("on", "email", "ses")


def provider_of_a_mail(producer: Producer) -> str:
    body = {
        "category": "payment",
        "channels": ["email"],
        "content": {"subject": "Hi", "body": "<p>there</p>"},
        "to": [{"email": "ada@example.com"}],
    }
    accepted = producer.send(body)
    assert accepted.status_code == 202, accepted.text
    [delivery] = producer.until_final(accepted.json()["notification_id"])["deliveries"]
    provider: str = delivery["provider"]
    return provider


def providers_ten_seconds_later(producer: Producer) -> set[str]:
    """Mail is sent all the while, so that every worker has read the state before; those sent then are by these."""
    in_effect = time.monotonic() + IN_EFFECT_SECONDS
    while time.monotonic() < in_effect:
        provider_of_a_mail(producer)
    return {provider_of_a_mail(producer) for _ in range(3)}


def test_a_switch_is_in_effect_within_ten_seconds(producer: Producer, carillon: Command) -> None:
    assert provider_of_a_mail(producer) == "ses"
    assert "off" in carillon("off", "email", "ses")
    assert providers_ten_seconds_later(producer) == {"sendgrid"}
    assert "off" not in carillon("on", "email", "ses")
    assert providers_ten_seconds_later(producer) == {"ses"}
