"""What an operator does after an outage, as it is typed; and that each command a runbook names can be."""

import json
import re
import shlex
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from handlers.domain.times import rfc3339
from ops.cli import app
from tests.emulator.operator_actions import CommandLine, Operator
from tests.emulator.producer import Producer, until
from tests.emulator.test_channels import send

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").iterdir())


def use_up_rounds(operator: Operator, notification_id: str, delivery_id: str) -> None:
    """Let it have had all its rounds, and their waits be over."""
    past = {"S": "2000-01-01T00:00:00.000Z"}
    rounds = [{"M": {"round": {"N": str(n)}, "reason": {"S": "503"}, "at": past, "due_at": past}} for n in range(1, 5)]
    operator.aws("dynamodb").update_item(
        TableName=operator.platform.outputs["tableNames"]["notifications"],
        Key=operator._delivery_key(notification_id, delivery_id),
        UpdateExpression="SET redrives = :rounds",
        ExpressionAttributeValues={":rounds": {"L": rounds}},
    )


def test_after_an_outage_an_operators_redrive_and_replay_send_all_and_nothing_twice(
    producer: Producer, operator: Operator, command_line: CommandLine
) -> None:
    began = datetime.now(UTC) - timedelta(seconds=2)
    with operator.unswept():
        with operator.unrouted():
            user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
            accepted = [send(producer, user, ["email"]) for _ in range(4)]
        ids = [(each["notification_id"], each["deliveries"][0]["delivery_id"]) for each in accepted]
        for each in ids[:2]:
            use_up_rounds(operator, *each)
            assert operator.redrive("email", operator.event_of(*each)) == "given_up"

        found = json.loads(command_line("find", "--user", user, "--json"))
        assert {(each["notification_id"], each["delivery_id"], each["reason"]) for each in found} == {
            (*each, "no_provider") for each in ids[:2]
        }
        of_these = [word for each in ids[:2] for word in ("--id", each[1])]
        redrive = ("redrive", "--channel", "email", *of_these)
        assert "2 would be sent" in command_line(*redrive, "--dry-run")
        assert "2 are due now" in command_line(*redrive, "--yes")
        assert json.loads(command_line(*redrive, "--yes", "--json")) == []
        operator.sweep()
        for notification_id, _ in ids[:2]:
            assert producer.until_final(notification_id)["deliveries"][0]["status"] == "sent"

        period = ("--channel", "email", "--from", rfc3339(began))
        planned = json.loads(command_line("replay", *period, "--dry-run", "--json"))
        assert {each[1] for each in ids[2:]} <= {each["delivery_id"] for each in planned["waiting"]}
        assert not {each[1] for each in ids[:2]} & {each["delivery_id"] for each in planned["waiting"]}
        command_line("replay", *period, "--yes")
        for notification_id, _ in ids:
            assert producer.until_final(notification_id)["deliveries"][0]["status"] == "sent"
        until(lambda: operator.worker_results(ids[0][1]), lambda results: "dropped" in results)
    sent = [each["delivery_id"] for each in producer.messages()]
    assert [sent.count(delivery_id) for _, delivery_id in ids] == [1] * 4
    shown = producer.notification(ids[0][0])["deliveries"][0]["redrives"]
    assert [each["round"] for each in shown] == [1, 2, 3, 4, 0]


@pytest.fixture
def parked(operator: Operator) -> str:
    """The id of a message in quarantine."""
    answer = operator.aws("sqs").send_message(
        QueueUrl=operator.platform.outputs["quarantineQueueUrl"],
        MessageBody=f"no event: {uuid.uuid4()}",
        MessageAttributes={"carillon_reason": {"DataType": "String", "StringValue": "not_an_event"}},
    )
    message_id: str = answer["MessageId"]
    return message_id


def test_only_what_can_be_read_leaves_the_quarantine_and_is_sent_once(
    producer: Producer, operator: Operator, command_line: CommandLine, parked: str
) -> None:
    with operator.unswept():
        with operator.unrouted():
            user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
            accepted = send(producer, user, ["email"])
        ids = accepted["notification_id"], accepted["deliveries"][0]["delivery_id"]
        event = operator.event_of(*ids)
        strange = json.loads(event)
        strange["detail"] |= {name: str(uuid.uuid4()) for name in ("notification_id", "delivery_id")}
        queue = operator.platform.outputs["quarantineQueueUrl"]
        ours, copy, foreign = (
            operator.aws("sqs").send_message(QueueUrl=queue, MessageBody=body)["MessageId"]
            for body in (event, event, json.dumps(strange))
        )
        judged = {each["message_id"]: each for each in json.loads(command_line("quarantine", "list", "--json"))}
        assert judged[parked]["carillon_reason"] == "not_an_event"
        said = [judged[each]["if_released"] for each in (ours, foreign, parked)]
        assert said == ["to be sent", "foreign", "not an event"]
        command_line("quarantine", "release", ours, foreign, parked, "--yes")
        assert producer.until_final(ids[0])["deliveries"][0]["status"] == "sent"
        assert "settled" in command_line("quarantine", "release", copy, "--yes")
        for each in (foreign, parked):
            assert "removed" in command_line("quarantine", "drop", each, "--yes")
    left = {each["message_id"] for each in json.loads(command_line("quarantine", "list", "--json"))}
    assert not left & {ours, copy, foreign, parked}
    assert [each["delivery_id"] for each in producer.messages()].count(ids[1]) == 1


# -- what runbooks name ------------------------------------------------------------------------------------------------

READ_ONLY = (["status"], ["find"], ["providers", "list"], ["quarantine", "list"], ["quarantine", "show"])


def commands() -> Iterator[tuple[str, str]]:
    """Each command that a runbook names, in a block or in a line of text, and the runbook."""
    for runbook in RUNBOOKS:
        for command in re.findall(r"(?:^ +|`)(carillon [a-z][^`\n]*)", runbook.read_text(), re.MULTILINE):
            yield command.strip(), runbook.stem


def test_each_command_that_a_runbook_names_can_be_run(
    producer: Producer, parked: str, command_line: CommandLine
) -> None:
    """As it stands, if it only looks; what would change something only with --dry-run, or --help for its options."""
    accepted = send(producer, producer.contact(email=f"{uuid.uuid4().hex}@example.com"), ["email"])
    values = {
        "$environment": "local",
        "$channel": "chat",  # of which the other tests have sent least
        "<provider>": "slack",
        "<notification id>": accepted["notification_id"],
        "<delivery id>": accepted["deliveries"][0]["delivery_id"],
        "<message id>": parked,
    }
    seen = dict(commands())
    assert {"redrive", "replay", "quarantine", "find", "status", "providers"} <= {each.split()[1] for each in seen}
    for command, runbook in seen.items():
        filled = command
        for name, value in values.items():
            filled = filled.replace(name, value)
        words: list[Any] = shlex.split(filled)[1:]
        looks = "--dry-run" in words or any(words[: len(each)] == each for each in READ_ONLY)
        result = CliRunner().invoke(app, words if looks else [*words, "--help"])
        assert result.exit_code == 0, f"{runbook}: {command}: {result.output}"
    command_line("quarantine", "drop", parked, "--yes")
