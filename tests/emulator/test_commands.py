"""The operator's commands on the platform of this machine: the same as on AWS, with nothing said."""

import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from local.platform import Platform
from tests.emulator.operator_actions import Clients, CommandLine
from tests.emulator.producer import Producer


def test_a_notification_is_planned_sent_and_looked_at(command_line: CommandLine, producer: Producer) -> None:
    body = json.dumps(
        {
            "category": "payment",
            "channels": ["email"],
            "content": {"subject": "Hi", "body": "<p>there</p>"},
            "to": [{"email": f"{uuid.uuid4().hex}@example.com"}],
        }
    )
    planned = command_line("send", "-", "--dry-run", stdin=body)
    assert "Nothing is sent" in planned
    assert "created" in planned
    assert re.search(r"^0 +\w…@example\.com +email +created$", planned, re.MULTILINE)
    key = uuid.uuid4().hex
    first, again = (command_line("send", "-", "--idempotency-key", key, stdin=body) for _ in range(2))
    assert first == again
    [notification] = re.findall(r"^notification (\S+)$", first, re.MULTILINE)
    producer.until_final(notification)
    shown = command_line("status", notification)
    for said in ("…@example.com", "payment, normal", "Timelines", "pending", "sent", "Attempts", "ses", "accepted"):
        assert said in shown
    [delivery] = json.loads(command_line("status", notification, "--json"))["deliveries"]
    assert delivery["status"] == "sent"
    assert delivery["delivery_id"] in shown


def test_an_app_is_acted_as_by_its_own_secret_here_too(command_line: CommandLine, producer: Producer) -> None:
    assert producer.app_key in command_line("apps", "list")
    bearer = command_line("token", "--app", producer.app_key).strip()
    assert producer.call("GET", "/v1/contacts/nobody", bearer=bearer).status_code == 404


STAND_IN = """#!/bin/sh
[ "$*" = "stack output --json --stack prod" ] || { echo "error: not asked for outputs: $*" >&2; exit 255; }
echo '%s'
"""


@pytest.fixture
def prod(
    platform: Platform, producer: Producer, aws: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The running platform as if it were a stack in AWS: a Pulumi CLI that tells its outputs, and its app's secret."""
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.parent.mkdir()
    pulumi.write_text(STAND_IN % json.dumps({"apiUrl": platform.local.api_url}))
    pulumi.chmod(0o755)
    account = platform.emulator
    for name, value in {
        "PATH": f"{pulumi.parent}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": account.endpoint_url,
        "AWS_DEFAULT_REGION": account.region,
        "AWS_ACCESS_KEY_ID": account.access_key_id,
        "AWS_SECRET_ACCESS_KEY": account.secret_access_key,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep the credentials of other tests, or these
    value = json.dumps({"secrets": [platform.local.app_secret], "categories": ["*"], "channels": ["*"]})
    arn = aws("secretsmanager").create_secret(Name=f"carillon/prod/apps/{producer.app_key}", SecretString=value)["ARN"]
    yield
    aws("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


@pytest.mark.usefixtures("prod")
def test_a_stack_on_aws_is_found_by_its_outputs(command_line: CommandLine, producer: Producer) -> None:
    asked = ("--environment", "prod", "--app", producer.app_key)
    body = json.dumps(
        {"category": "payment", "content": {"subject": "Hi", "body": "there"}, "to": [{"email": "ada@example.com"}]}
    )
    sent = command_line("send", "-", "--json", *asked, stdin=body)
    assert "a…@example.com" in command_line("status", json.loads(sent)["notification_id"])
