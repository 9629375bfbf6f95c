"""stacks.channel: from the bus to the worker, with nothing lost in between."""

import json

import pytest

from stacks.settings import load
from tests.infrastructure import program
from tests.infrastructure.program import ACCOUNT, REGION, Program, Registered
from tests.infrastructure.test_settings import configured

QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"
EVENT_SOURCE = "aws:lambda/eventSourceMapping:EventSourceMapping"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def queue(deployed: Program, name: str) -> Registered:
    (found,) = (each for each in deployed.of(QUEUE) if each.name == name)
    return found


def test_the_rule_takes_every_categorys_events_of_the_channel(deployed: Program) -> None:
    (rule,) = (each for each in deployed.of(RULE) if "eventPattern" in each.inputs)
    assert json.loads(rule.inputs["eventPattern"]) == {"detail-type": [{"suffix": "_notification_email"}]}
    assert rule.inputs["eventBusName"] == deployed.exports["busName"]


def test_what_the_rule_cannot_deliver_is_tried_for_a_day_and_then_kept(deployed: Program) -> None:
    target = deployed.named(TARGET, targetId="queue")
    assert target.inputs["arn"].endswith(":email-queue")
    assert target.inputs["deadLetterConfig"]["arn"].endswith(":email-dlq")
    assert target.inputs["retryPolicy"] == {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}
    # With a role, delivery to an encrypted queue may fail: .../eventbridge/latest/userguide/eb-use-resource-based.html
    assert "roleArn" not in target.inputs


@pytest.mark.parametrize(("resource", "arn"), [("email-queue-policy", "email"), ("email-dlq-policy", "email-dlq")])
def test_only_the_channels_own_rule_sends_to_its_queues(resource: str, arn: str, local: Program) -> None:
    (policy,) = (each for each in local.of(QUEUE_POLICY) if each.name == resource)
    send, cleartext = policy.statements()
    assert send == (
        {
            "Sid": "LetTheRuleSend",
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Principal": {"Service": "events.amazonaws.com"},
            "Resource": [f"arn:aws:sqs:{REGION}:{ACCOUNT}:carillon-local-{arn}"],
            "Condition": {
                "ArnLike": {
                    "aws:SourceArn": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/carillon-local/carillon-local-email"]
                }
            },
        }
    )
    assert (cleartext["Effect"], cleartext["Action"]) == ("Deny", ["sqs:*"])
    assert cleartext["Condition"] == {"Bool": {"aws:SecureTransport": ["false"]}}


def test_every_queue_has_a_policy(deployed: Program) -> None:
    assert len(deployed.of(QUEUE_POLICY)) == len(deployed.of(QUEUE))


def test_a_message_that_fails_too_often_goes_to_the_dead_letter_queue(deployed: Program) -> None:
    redrive = json.loads(queue(deployed, "email-queue").inputs["redrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(":email-dlq")
    assert redrive["maxReceiveCount"] >= 5


def test_the_dead_letter_queue_takes_from_its_own_queue_alone(local: Program) -> None:
    allowed = json.loads(queue(local, "email-dlq").inputs["redriveAllowPolicy"])
    assert allowed == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:{REGION}:{ACCOUNT}:carillon-local-email"],
    }


def test_dead_letters_outlast_the_queue_they_come_from(deployed: Program) -> None:
    retention = {each.name: each.inputs["messageRetentionSeconds"] for each in deployed.of(QUEUE)}
    assert retention["email-dlq"] == 1209600  # SQS's most
    assert retention["email-dlq"] > retention["email-queue"]


def test_a_message_stays_hidden_while_the_worker_may_still_have_it(deployed: Program) -> None:
    worker = deployed.named("aws:lambda/function:Function", handler="handlers.entrypoints.worker_email.handler")
    assert queue(deployed, "email-queue").inputs["visibilityTimeoutSeconds"] >= 6 * worker.inputs["timeout"]


@pytest.mark.parametrize("stack", program.STACKS)
def test_the_worker_is_fed_in_batches_of_which_each_record_fails_alone(stack: str) -> None:
    settings = load(stack, configured(stack)).channels["email"]
    (mapping,) = program.of_stack(stack).of(EVENT_SOURCE)
    assert mapping.inputs["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping.inputs["batchSize"] == settings.batch_size
    assert mapping.inputs["scalingConfig"] == {"maximumConcurrency": settings.maximum_concurrency}
    assert mapping.inputs["functionName"].endswith(":worker-email-alias")


# What SQS emits: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
ALARMS = {
    "carillon-local-email-dead-letters": ("ApproximateNumberOfMessagesVisible", "carillon-local-email-dlq", 0),
    "carillon-local-email-late": ("ApproximateAgeOfOldestMessage", "carillon-local-email", 540),
}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_what_sqs_emits_and_tells_the_alert_topic(name: str, local: Program) -> None:
    metric, watched, threshold = ALARMS[name]
    alarm = local.named(ALARM, name=name).inputs
    assert (alarm["namespace"], alarm["metricName"], alarm["statistic"]) == ("AWS/SQS", metric, "Maximum")
    assert alarm["dimensions"] == {"QueueName": watched}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanThreshold", threshold)
    assert alarm["alarmActions"] == alarm["okActions"] == [local.exports["alertTopicArn"]]
    assert alarm["treatMissingData"] == "notBreaching"


def test_every_alarm_is_listed(local: Program) -> None:
    assert {each.inputs["name"] for each in local.of(ALARM)} == set(ALARMS)
