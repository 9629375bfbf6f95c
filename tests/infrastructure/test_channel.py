"""stacks.messaging.channel: from the bus to the worker, with nothing lost in between, on every channel alike."""

import json
from datetime import timedelta
from typing import Any

import pytest

from handlers.domain.channels import CHANNELS
from handlers.domain.notifications.due import AFTER_FAILURE
from handlers.domain.providers.retries import comes_back
from handlers.observability import Metric
from local import recording as program
from local.recording import ACCOUNT, REGION, Program, Registered
from stacks.settings import LEAST_ATTEMPTS, load
from tests import programs
from tests.infrastructure.test_settings import configured

QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
EVENT_SOURCE = "aws:lambda/eventSourceMapping:EventSourceMapping"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
RESERVED = "reservedConcurrentExecutions"

LANES = ("", "-high")
"""What the names of a channel's two queues end with, and of their rules."""

each_channel = pytest.mark.parametrize("channel", program.CHANNELS)
each_lane = pytest.mark.parametrize("lane", LANES)
each_stack = pytest.mark.parametrize("stack", program.STACKS)


def named(deployed: Program, type_: str, name: str) -> Registered:
    (found,) = (each for each in deployed.of(type_) if each.name == name)
    return found


@each_stack
def test_every_environment_has_every_channel(stack: str) -> None:
    assert set(load(stack, configured(stack)).channels) == set(CHANNELS)


@each_channel
@pytest.mark.parametrize(("lane", "takes"), [("", [{"exists": False}]), ("-high", ["high"])])
def test_a_rule_takes_every_categorys_events_of_the_channel_urgent_or_not(
    channel: str, lane: str, takes: list[Any], deployed: Program
) -> None:
    rule = named(deployed, RULE, f"{channel}{lane}-rule").inputs
    assert json.loads(rule["eventPattern"]) == {
        "detail-type": [{"suffix": f"_notification_{channel}"}],
        "detail": {"priority": takes},
    }
    assert rule["eventBusName"] == deployed.exports["busName"]


@each_channel
@each_lane
def test_what_a_rule_cannot_deliver_is_tried_for_a_day_and_then_kept(
    channel: str, lane: str, deployed: Program
) -> None:
    target = named(deployed, TARGET, f"{channel}{lane}-target").inputs
    assert target["arn"].endswith(f":{channel}{lane}-queue")
    assert target["deadLetterConfig"]["arn"].endswith(f":{channel}-dlq")
    assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}
    # With a role, delivery to an encrypted queue may fail: .../eventbridge/latest/userguide/eb-use-resource-based.html
    assert "roleArn" not in target


@each_channel
@pytest.mark.parametrize(
    ("resource", "suffix", "lanes"),
    [("queue", "", [""]), ("high-queue", "-high", ["-high"]), ("dlq", "-dlq", list(LANES))],
)
def test_only_the_channels_own_rules_send_to_its_queues(
    channel: str, resource: str, suffix: str, lanes: list[str], local: Program
) -> None:
    send, cleartext = named(local, QUEUE_POLICY, f"{channel}-{resource}-policy").statements()
    rules = [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/carillon-local/carillon-local-{channel}{lane}" for lane in lanes]
    assert send == {
        "Sid": "LetTheRuleSend",
        "Effect": "Allow",
        "Action": ["sqs:SendMessage"],
        "Principal": {"Service": "events.amazonaws.com"},
        "Resource": [f"arn:aws:sqs:{REGION}:{ACCOUNT}:carillon-local-{channel}{suffix}"],
        "Condition": {"ArnLike": {"aws:SourceArn": rules}},
    }
    assert (cleartext["Effect"], cleartext["Action"]) == ("Deny", ["sqs:*"])
    assert cleartext["Condition"] == {"Bool": {"aws:SecureTransport": ["false"]}}


def test_every_queue_has_a_policy(deployed: Program) -> None:
    assert len(deployed.of(QUEUE_POLICY)) == len(deployed.of(QUEUE))


@each_channel
@each_lane
def test_a_message_that_fails_too_often_goes_to_the_dead_letter_queue(
    channel: str, lane: str, deployed: Program
) -> None:
    redrive = json.loads(named(deployed, QUEUE, f"{channel}{lane}-queue").inputs["redrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(f":{channel}-dlq")


@each_channel
def test_a_message_is_tried_for_a_quarter_of_an_hour_or_more_however_chance_has_it(
    channel: str, deployed: Program
) -> None:
    attempts = json.loads(named(deployed, QUEUE, f"{channel}-queue").inputs["redrivePolicy"])["maxReceiveCount"]
    assert attempts >= LEAST_ATTEMPTS
    hidden = timedelta(seconds=named(deployed, QUEUE, f"{channel}-queue").inputs["visibilityTimeoutSeconds"])
    seconds = sum(comes_back(received, hidden).total_seconds() for received in range(1, LEAST_ATTEMPTS + 1))
    assert seconds >= 15 * 60


@each_channel
def test_the_sweeper_leaves_alone_what_the_queue_still_tries(channel: str, deployed: Program) -> None:
    hidden = timedelta(seconds=named(deployed, QUEUE, f"{channel}-queue").inputs["visibilityTimeoutSeconds"])
    assert 2 * hidden < AFTER_FAILURE, "each failure puts the sweeper off, and the next attempt comes well before"


@each_channel
def test_the_urgent_queue_keeps_its_messages_as_the_other_does(channel: str, deployed: Program) -> None:
    ordinary, urgent = (named(deployed, QUEUE, f"{channel}{lane}-queue").inputs for lane in LANES)
    assert ordinary | {"name": f"{ordinary['name']}-high"} == urgent


@each_channel
def test_the_dead_letter_queue_takes_from_its_own_queues_alone(channel: str, local: Program) -> None:
    allowed = json.loads(named(local, QUEUE, f"{channel}-dlq").inputs["redriveAllowPolicy"])
    assert allowed == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:{REGION}:{ACCOUNT}:carillon-local-{channel}{lane}" for lane in LANES],
    }


@each_channel
def test_dead_letters_outlast_the_queue_they_come_from(channel: str, deployed: Program) -> None:
    retention = {each.name: each.inputs["messageRetentionSeconds"] for each in deployed.of(QUEUE)}
    assert retention[f"{channel}-dlq"] == 1209600  # SQS's most
    assert retention[f"{channel}-dlq"] > retention[f"{channel}-queue"]


@each_channel
def test_a_message_stays_hidden_while_the_worker_may_still_have_it(channel: str, deployed: Program) -> None:
    worker = deployed.named("aws:lambda/function:Function", handler=f"handlers.entrypoints.worker_{channel}.handler")
    queue = named(deployed, QUEUE, f"{channel}-queue")
    assert queue.inputs["visibilityTimeoutSeconds"] >= 6 * worker.inputs["timeout"]


@each_channel
@each_lane
@each_stack
def test_the_worker_is_fed_in_batches_of_which_each_record_fails_alone(stack: str, lane: str, channel: str) -> None:
    settings = load(stack, configured(stack)).channels[channel]
    mapping = named(programs.of_stack(stack), EVENT_SOURCE, f"{channel}{lane}-consumer").inputs
    assert mapping["eventSourceArn"].endswith(f":{channel}{lane}-queue")
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["batchSize"] == settings.batch_size
    assert mapping["scalingConfig"] == {"maximumConcurrency": settings.maximum_concurrency}
    assert mapping["functionName"].endswith(f"-worker-{channel}:live")


# What SQS emits: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
ALARMS = {
    "dead-letters": ("ApproximateNumberOfMessagesVisible", "-dlq", 0),
    "late": ("ApproximateAgeOfOldestMessage", "", 540),
    "high-late": ("ApproximateAgeOfOldestMessage", "-high", 540),
}


@each_channel
@pytest.mark.parametrize("kind", ALARMS)
def test_an_alarm_watches_what_sqs_emits_and_tells_the_alert_topic(channel: str, kind: str, local: Program) -> None:
    metric, suffix, threshold = ALARMS[kind]
    alarm = local.named(ALARM, name=f"carillon-local-{channel}-{kind}").inputs
    assert (alarm["namespace"], alarm["metricName"], alarm["statistic"]) == ("AWS/SQS", metric, "Maximum")
    assert alarm["dimensions"] == {"QueueName": f"carillon-local-{channel}{suffix}"}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanThreshold", threshold)
    assert alarm["alarmActions"] == alarm["okActions"] == [local.exports["alertTopicArn"]]
    assert alarm["treatMissingData"] == "notBreaching"


COUNTED = {
    "given-up": ("DeliveryGivenUp", "redriver"),
    "redrive-failed": ("RedriveFailed", "redriver"),
    "unknown": ("DeliveryHeld", "worker"),
}


@each_channel
@pytest.mark.parametrize("kind", COUNTED)
def test_an_alarm_watches_what_a_function_counts_by_the_dimensions_that_it_counts_with(
    channel: str, kind: str, local: Program
) -> None:
    metric, function = COUNTED[kind]
    assert metric in set(Metric)
    alarm = local.named(ALARM, name=f"carillon-local-{channel}-{kind}").inputs
    assert (alarm["namespace"], alarm["metricName"], alarm["statistic"]) == ("Carillon/local", metric, "Sum")
    assert alarm["dimensions"] == {"service": f"{function}-{channel}", "channel": channel}
    assert alarm["alarmActions"] == alarm["okActions"] == [local.exports["alertTopicArn"]]


# -- the way back ------------------------------------------------------------------------------------------------------


@each_channel
def test_every_dead_letter_queue_feeds_a_redriver_of_its_own(channel: str, deployed: Program) -> None:
    mapping = named(deployed, EVENT_SOURCE, f"{channel}-redrives").inputs
    assert mapping["eventSourceArn"].endswith(f":{channel}-dlq")
    assert mapping["functionName"].endswith(f"-redriver-{channel}:live")
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    function = deployed.named(
        "aws:lambda/function:Function",
        description=f"Leads what the dead-letter queue of {channel} holds back into the log",
    )
    assert function.inputs["environment"]["variables"]["CARILLON_CHANNEL"] == channel
    hidden = named(deployed, QUEUE, f"{channel}-dlq").inputs["visibilityTimeoutSeconds"]
    assert hidden >= 6 * function.inputs["timeout"]


def test_nothing_but_people_takes_from_the_quarantine(deployed: Program) -> None:
    queue = named(deployed, QUEUE, "quarantine-queue").inputs
    assert queue["kmsMasterKeyId"]
    assert queue["messageRetentionSeconds"] == 1209600
    assert not [each for each in deployed.of(EVENT_SOURCE) if "quarantine" in each.inputs["eventSourceArn"]]
    [cleartext] = named(deployed, QUEUE_POLICY, "quarantine-policy").statements()
    assert (cleartext["Effect"], cleartext["Action"]) == ("Deny", ["sqs:*"])


def test_what_is_due_at_one_second_cannot_take_the_concurrency_of_the_api(deployed: Program) -> None:
    functions = {each.inputs["name"]: each.inputs for each in deployed.of("aws:lambda/function:Function")}
    reserved = {name: each[RESERVED] for name, each in functions.items() if RESERVED in each}
    assert {name.split("-", 2)[2]: most for name, most in reserved.items()} == {"sweeper": 10}
    queues = [each.inputs for each in deployed.of(EVENT_SOURCE) if "startingPosition" not in each.inputs]
    assert all(each["scalingConfig"]["maximumConcurrency"] for each in queues)
    assert len(queues) == len(deployed.of(EVENT_SOURCE)) - 1  # a stream has its shards for a bound
