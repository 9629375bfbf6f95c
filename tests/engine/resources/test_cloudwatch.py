import json

import pytest

from local.engine.aws import Aws
from local.engine.errors import ResourceError
from tests.engine.resources.creation import DEFAULT_TAGS, create

ACCOUNT = "eu-central-1:123456789012"


def test_a_bus_its_archive_rule_and_target_are_as_asked(aws: Aws) -> None:
    key = create(aws, "aws:kms/key:Key").outputs["arn"]
    bus = create(aws, "aws:cloudwatch/eventBus:EventBus", name="tested", kmsKeyIdentifier=key)
    archive = create(
        aws,
        "aws:cloudwatch/eventArchive:EventArchive",
        name="tested",
        eventSourceArn=bus.outputs["arn"],
        kmsKeyIdentifier=key,
        retentionDays=30,
    )
    pattern = json.dumps({"detail-type": [{"suffix": "_notification_email"}]})
    rule = create(
        aws,
        "aws:cloudwatch/eventRule:EventRule",
        name="email",
        description="described",
        eventBusName=bus.id,
        eventPattern=pattern,
    )
    target = create(
        aws,
        "aws:cloudwatch/eventTarget:EventTarget",
        rule="email",
        eventBusName=bus.id,
        targetId="queue",
        arn=f"arn:aws:sqs:{ACCOUNT}:email",
        retryPolicy={"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 9},
        deadLetterConfig={"arn": f"arn:aws:sqs:{ACCOUNT}:email-dlq"},
    )
    assert aws.events.describe_event_bus(Name="tested")["KmsKeyIdentifier"] == key
    described = aws.events.describe_archive(ArchiveName="tested")
    assert (described["RetentionDays"], described["EventSourceArn"]) == (30, bus.outputs["arn"])
    assert archive.outputs["arn"] == f"arn:aws:events:{ACCOUNT}:archive/tested"
    made = aws.events.describe_rule(Name="email", EventBusName="tested")
    assert (made["EventPattern"], made["Description"], made["Arn"]) == (pattern, "described", rule.outputs["arn"])
    assert rule.id == "tested/email"
    [listed] = aws.events.list_targets_by_rule(Rule="email", EventBusName="tested")["Targets"]
    assert listed == {
        "Id": "queue",
        "Arn": f"arn:aws:sqs:{ACCOUNT}:email",
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 9},
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{ACCOUNT}:email-dlq"},
    }
    assert target.id == "tested-email-queue"
    tags = aws.events.list_tags_for_resource(ResourceARN=bus.outputs["arn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == DEFAULT_TAGS


def test_a_schedule_is_on_the_default_bus(aws: Aws) -> None:
    rule = create(aws, "aws:cloudwatch/eventRule:EventRule", name="clock", scheduleExpression="rate(1 minute)")
    assert (rule.id, rule.outputs["eventBusName"]) == ("clock", "default")
    assert rule.outputs["arn"] == f"arn:aws:events:{ACCOUNT}:rule/clock"
    assert aws.events.describe_rule(Name="clock")["ScheduleExpression"] == "rate(1 minute)"


def test_a_target_that_eventbridge_refuses_is_an_error(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"FailedEntryCount": 1, "FailedEntries": [{"TargetId": "t", "ErrorMessage": "no such thing"}]}
    monkeypatch.setattr(aws.events, "put_targets", lambda **_: refusal)
    with pytest.raises(ResourceError, match="no such thing"):
        create(aws, "aws:cloudwatch/eventTarget:EventTarget", rule="r", targetId="t", arn="a")


def test_a_log_group_is_encrypted_and_kept_for_as_many_days_as_asked(aws: Aws) -> None:
    key = create(aws, "aws:kms/key:Key").outputs["arn"]
    made = create(aws, "aws:cloudwatch/logGroup:LogGroup", name="/aws/lambda/tested", kmsKeyId=key, retentionInDays=14)
    [group] = aws.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/tested")["logGroups"]
    assert (group["kmsKeyId"], group["retentionInDays"]) == (key, 14)
    assert made.outputs["arn"] == f"arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/tested"
    assert aws.logs.list_tags_for_resource(resourceArn=made.outputs["arn"])["tags"] == DEFAULT_TAGS


def test_an_alarm_watches_the_metric_it_names(aws: Aws) -> None:
    topic = f"arn:aws:sns:{ACCOUNT}:alerts"
    made = create(
        aws,
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        name="dead-letters",
        alarmDescription="described",
        namespace="AWS/SQS",
        metricName="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": "email-dlq"},
        statistic="Maximum",
        comparisonOperator="GreaterThanThreshold",
        threshold=0,
        period=60,
        evaluationPeriods=1,
        treatMissingData="notBreaching",
        alarmActions=[topic],
        okActions=[topic],
    )
    [alarm] = aws.cloudwatch.describe_alarms(AlarmNames=["dead-letters"])["MetricAlarms"]
    expected = {
        "AlarmArn": made.outputs["arn"],
        "AlarmDescription": "described",
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": "email-dlq"}],
        "Statistic": "Maximum",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "Period": 60,
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
        "AlarmActions": [topic],
        "OKActions": [topic],
    }
    assert {name: alarm.get(name) for name in expected} == expected
