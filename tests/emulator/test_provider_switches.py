"""An operator turns a provider off and on by the command line, and the running workers obey."""

from collections.abc import Iterator

import pytest

from tests.emulator.operator_actions import CommandLine
from tests.emulator.producer import Producer, until


@pytest.fixture
def carillon(command_line: CommandLine) -> Iterator[CommandLine]:
    """The command line; all is on again at the end."""
    yield command_line
    command_line("providers", "on", "email", "ses")


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
    """Whether mails are sent by this provider in the end, one after the other.

    How soon that is, is tested with a clock: tests/emulator/adapters/test_provider_state.py.
    """
    return bool(until(lambda: {provider_of_a_mail(producer) for _ in range(3)}, lambda by: by == {provider}))


def test_a_switch_is_obeyed_by_the_workers_that_are_running(producer: Producer, carillon: CommandLine) -> None:
    assert provider_of_a_mail(producer) == "ses"
    assert "off" in carillon("providers", "off", "email", "ses")
    assert obeyed(producer, "sendgrid")
    assert "off" not in carillon("providers", "on", "email", "ses")
    assert obeyed(producer, "ses")
