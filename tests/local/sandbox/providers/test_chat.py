"""Slack, Teams, Discord and signed webhooks."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slack_sdk.webhook import WebhookClient

from tests.local.sandbox.providers import calls
from tests.local.support import Sandbox


def slack_client(sandbox: Sandbox, path: str = "/services/T0/B0/abc") -> WebhookClient:
    return WebhookClient(f"{sandbox.url}{path}", default_headers={"Host": "hooks.slack.com"})


def test_slacks_own_library_sends(sandbox: Sandbox) -> None:
    answer = slack_client(sandbox).send(text="Hello")
    assert (answer.status_code, answer.body) == (200, "ok")
    kept = sandbox.last()
    assert (kept["channel"], kept["body"]) == ("chat", "Hello")
    assert kept["to"] == "https://hooks.slack.com/services/T0/B0/abc"


def test_slacks_own_library_is_told_that_nobody_is_there(sandbox: Sandbox) -> None:
    answer = slack_client(sandbox, "/services/nothing").send(text="Hello")
    assert (answer.status_code, answer.body) == (404, "no_service")


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": " \n"}, "no_text"),
        ([], "invalid_payload"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "&amp;" * 8_001}, "msg_too_long"),
    ],
)
def test_slack_says_what_is_wrong_in_a_word(sandbox: Sandbox, message: Any, word: str) -> None:
    answer = calls.slack(sandbox, message=message)
    assert (answer.status_code, answer.text) == (400, word)


def test_teams_starts_the_flow_and_keeps_the_cards_text(sandbox: Sandbox) -> None:
    answer = calls.teams(sandbox)
    assert (answer.status_code, answer.content) == (202, b"")
    kept = sandbox.last()
    assert (kept["channel"], kept["to"], kept["body"]) == ("chat", calls.TEAMS, "Hello")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"url": calls.TEAMS.partition("?")[0]}, 401, "DirectApiAuthorizationRequired"),
        ({"url": "https://prod-12.westeurope.logic.azure.com/x?sig=y"}, 404, "ResourceNotFound"),
        ({"message": {"text": "Hello"}}, 400, "TriggerInputSchemaMismatch"),
        ({"message": {**calls.CARD, "padding": "x" * 30_000}}, 413, "RequestEntityTooLarge"),
    ],
)
def test_teams_says_what_is_wrong(sandbox: Sandbox, changed: dict[str, Any], status: int, code: str) -> None:
    answer = calls.teams(sandbox, **changed)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_discord_says_nothing_unless_it_is_asked_to_wait(sandbox: Sandbox) -> None:
    assert calls.discord(sandbox).status_code == 204
    made = calls.discord(sandbox, url=f"{calls.DISCORD}?wait=true")
    assert (made.status_code, made.json()["content"]) == (200, "Hello")
    assert sandbox.last()["to"] == calls.DISCORD


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"url": "https://discord.com/api/webhooks/1/x"}, 404, 10015),
        ({"url": "https://discord.com/api/webhooks/123456789012345678/short"}, 401, 50027),
        ({"message": {}}, 400, 50006),
        ({"message": {"content": " \n"}}, 400, 50006),
        ({"message": {"content": "x" * 2001}}, 400, 50035),
        ({"message": {"content": "😀" * 2001}}, 400, 50035),
    ],
)
def test_discord_says_what_is_wrong(sandbox: Sandbox, changed: dict[str, Any], status: int, code: int) -> None:
    answer = calls.discord(sandbox, **changed)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_discord_and_slack_count_an_emoji_as_one_character(sandbox: Sandbox) -> None:
    assert calls.discord(sandbox, message={"content": "😀" * 2000}).status_code == 204
    assert calls.slack(sandbox, message={"text": "😀" * 40_000}).status_code == 200


def test_teams_counts_bytes(sandbox: Sandbox) -> None:
    def card(characters: int) -> int:
        body = {"type": "TextBlock", "text": "é" * characters}
        content = {"type": "AdaptiveCard", "version": "1.2", "body": [body]}
        kind = "application/vnd.microsoft.card.adaptive"
        message = {"type": "message", "attachments": [{"contentType": kind, "content": content}]}
        return calls.teams(sandbox, message=message).status_code

    assert (card(14_000), card(14_336)) == (202, 413)


def test_a_webhook_takes_what_is_signed_now_and_by_us(sandbox: Sandbox) -> None:
    assert calls.webhook(sandbox).status_code == 204
    kept = sandbox.last()
    assert (kept["channel"], kept["to"], kept["body"]) == ("chat", calls.WEBHOOK, "Hello")


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "whsec_" + base64.b64encode(b"x" * 32).decode()},
        {"at": datetime.now(UTC) - timedelta(minutes=10)},
        {"headers": {"webhook-id": "another"}},
        {"headers": {"webhook-signature": "v1,nonsense"}},
        {"headers": {"webhook-timestamp": "now"}},
    ],
    ids=["another key", "too old", "another id", "no signature", "no time"],
)
def test_a_webhook_refuses_any_other(sandbox: Sandbox, changed: dict[str, Any]) -> None:
    before = sandbox.messages()
    assert calls.webhook(sandbox, **changed).status_code == 401
    assert sandbox.messages() == before


def test_whoever_only_knows_a_name_of_this_machine_reaches_nothing_unsigned(sandbox: Sandbox) -> None:
    before = sandbox.messages()
    answer = sandbox.post("https://evil.example/api/faults/ses", json={"mode": "outage"})
    assert answer.status_code == 401
    assert sandbox.messages() == before
