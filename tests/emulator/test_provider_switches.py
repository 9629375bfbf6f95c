"""An operator turns a provider off and on by the command line, and the running workers obey."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from local.platform import Platform
from ops.cli import app
from tests.emulator.producer import Producer, until

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


def obeyed(producer: Producer, provider: str) -> bool:
    """Whether a mail is sent by this provider in the end, and those after it too.

    How soon that is, is tested with a clock: tests/emulator/adapters/test_provider_state.py.
    """
    until(lambda: provider_of_a_mail(producer), lambda by: by == provider, 60)
    return {provider_of_a_mail(producer) for _ in range(3)} == {provider}


def test_a_switch_is_obeyed_by_the_workers_that_are_running(producer: Producer, carillon: Command) -> None:
    assert provider_of_a_mail(producer) == "ses"
    assert "off" in carillon("off", "email", "ses")
    assert obeyed(producer, "sendgrid")
    assert "off" not in carillon("on", "email", "ses")
    assert obeyed(producer, "ses")
