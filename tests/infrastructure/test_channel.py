"""stacks.messaging.channel: from the bus to the worker, with nothing lost in between, on every channel alike."""

import json

import pytest

from handlers.domain.notifications.due import AFTER_FAILURE
from handlers.domain.providers.retries import LONGEST, comes_back
from local import recording as program
from local.recording import ACCOUNT, REGION, Program, Registered
from stacks.settings import CHANNELS, LEAST_ATTEMPTS, load
from tests.infrastructure.test_settings import configured

QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
EVENT_SOURCE = "aws:lambda/eventSourceMapping:EventSourceMapping"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"

each_channel = pytest.mark.parametrize("channel", program.CHANNELS)
each_stack = pytest.mark.parametrize("stack", program.STACKS)


def named(deployed: Program, type_: str, name: str) -> Registered:
    (found,) = (each for each in deployed.of(type_) if each.name == name)
    return found


@each_stack
def test_every_environment_has_every_channel(stack: str) -> None:
    assert set(load(stack, configured(stack)).channels) == set(CHANNELS)


@each_channel
def test_the_rule_takes_every_categorys_events_of_the_channel(channel: str, deployed: Program) -> None:
    rule = named(deployed, RULE, f"{channel}-rule").inputs
    assert json.loads(rule["eventPattern"]) == {"detail-type": [{"suffix": f"_notification_{channel}"}]}
    assert rule["eventBusName"] == deployed.exports["busName"]


@each_channel
def test_what_the_rule_cannot_deliver_is_tried_for_a_day_and_then_kept(channel: str, deployed: Program) -> None:
    target = named(deployed, TARGET, f"{channel}-target").inputs
    assert target["arn"].endswith(f":{channel}-queue")
    assert target["deadLetterConfig"]["arn"].endswith(f":{channel}-dlq")
    assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}
    # With a role, delivery to an encrypted queue may fail: .../eventbridge/latest/userguide/eb-use-resource-based.html
    assert "roleArn" not in target


@each_channel
@pytest.mark.parametrize(("resource", "suffix"), [("queue", ""), ("dlq", "-dlq")])
def test_only_the_channels_own_rule_sends_to_its_queues(
    channel: str, resource: str, suffix: str, local: Program
) -> None:
    send, cleartext = named(local, QUEUE_POLICY, f"{channel}-{resource}-policy").statements()
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/carillon-local/carillon-local-{channel}"
    assert send == {
        "Sid": "LetTheRuleSend",
        "Effect": "Allow",
        "Action": ["sqs:SendMessage"],
        "Principal": {"Service": "events.amazonaws.com"},
        "Resource": [f"arn:aws:sqs:{REGION}:{ACCOUNT}:carillon-local-{channel}{suffix}"],
        "Condition": {"ArnLike": {"aws:SourceArn": [rule]}},
    }
    assert (cleartext["Effect"], cleartext["Action"]) == ("Deny", ["sqs:*"])
    assert cleartext["Condition"] == {"Bool": {"aws:SecureTransport": ["false"]}}


def test_every_queue_has_a_policy(deployed: Program) -> None:
    assert len(deployed.of(QUEUE_POLICY)) == len(deployed.of(QUEUE))


@each_channel
def test_a_message_that_fails_too_often_goes_to_the_dead_letter_queue(channel: str, deployed: Program) -> None:
    redrive = json.loads(named(deployed, QUEUE, f"{channel}-queue").inputs["redrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(f":{channel}-dlq")


@each_channel
def test_a_message_is_tried_for_a_quarter_of_an_hour_or_more_however_chance_has_it(
    channel: str, deployed: Program
) -> None:
    attempts = json.loads(named(deployed, QUEUE, f"{channel}-queue").inputs["redrivePolicy"])["maxReceiveCount"]
    assert attempts >= LEAST_ATTEMPTS
    seconds = sum(comes_back(received).total_seconds() for received in range(1, LEAST_ATTEMPTS + 1))
    assert seconds >= 15 * 60


def test_the_sweeper_leaves_alone_what_the_queue_still_tries() -> None:
    assert 2 * LONGEST < AFTER_FAILURE, "each failure puts the sweeper off, and the next attempt comes well before"


@each_channel
def test_the_dead_letter_queue_takes_from_its_own_queue_alone(channel: str, local: Program) -> None:
    allowed = json.loads(named(local, QUEUE, f"{channel}-dlq").inputs["redriveAllowPolicy"])
    assert allowed == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:{REGION}:{ACCOUNT}:carillon-local-{channel}"],
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
@each_stack
def test_the_worker_is_fed_in_batches_of_which_each_record_fails_alone(stack: str, channel: str) -> None:
    settings = load(stack, configured(stack)).channels[channel]
    mapping = named(program.of_stack(stack), EVENT_SOURCE, f"{channel}-consumer").inputs
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["batchSize"] == settings.batch_size
    assert mapping["scalingConfig"] == {"maximumConcurrency": settings.maximum_concurrency}
    assert mapping["functionName"].endswith(f"-worker-{channel}:live")


# What SQS emits: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
ALARMS = {
    "dead-letters": ("ApproximateNumberOfMessagesVisible", "-dlq", 0),
    "late": ("ApproximateAgeOfOldestMessage", "", 540),
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


def test_every_alarm_is_listed(local: Program) -> None:
    listed = {f"carillon-local-{channel}-{kind}" for channel in program.CHANNELS for kind in ALARMS}
    assert {each.inputs["name"] for each in local.of(ALARM)} == {*listed, "carillon-local-unreadable"}
