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


def alarm(name: str) -> dict[str, object]:
    watched = {"namespace": "AWS/SQS", "metricName": "ApproximateNumberOfMessagesVisible", "statistic": "Maximum"}
    rule = {"comparisonOperator": "GreaterThanThreshold", "threshold": 0, "period": 60, "evaluationPeriods": 1}
    return {"name": name, "dimensions": {"QueueName": name}, **watched, **rule}


def test_an_alarm_by_arithmetic_is_taken_with_every_property(aws: Aws) -> None:
    metric = {
        "namespace": "AWS/SQS",
        "metricName": "ApproximateNumberOfMessagesVisible",
        "dimensions": {"QueueName": "email"},
        "stat": "Maximum",
        "period": 60,
    }
    made = create(
        aws,
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        name="queues-full",
        comparisonOperator="GreaterThanThreshold",
        threshold=10,
        evaluationPeriods=1,
        metricQueries=[
            {"id": "all", "expression": "FILL(email, 0)", "label": "all", "returnData": True},
            {"id": "email", "metric": metric},
        ],
    )
    [found] = aws.cloudwatch.describe_alarms(AlarmNames=["queues-full"])["MetricAlarms"]
    assert (found["AlarmArn"], found["Threshold"]) == (made.outputs["arn"], 10)


def test_a_composite_alarm_is_on_the_states_of_others(aws: Aws) -> None:
    for name in ("busy", "full"):
        create(aws, "aws:cloudwatch/metricAlarm:MetricAlarm", **alarm(name))
    topic = f"arn:aws:sns:{ACCOUNT}:alerts"
    made = create(
        aws,
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        alarmName="behind",
        alarmDescription="described",
        alarmRule='ALARM("busy") AND ALARM("full")',
        alarmActions=[topic],
        okActions=[topic],
    )
    for name in ("busy", "full"):
        aws.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="tested")
    [found] = aws.cloudwatch.describe_alarms(AlarmNames=["behind"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert (found["AlarmArn"], found["AlarmActions"]) == (made.outputs["arn"], [topic])
    assert found["StateValue"] == "ALARM"


def test_a_dashboard_is_kept_as_it_is(aws: Aws) -> None:
    body = json.dumps({"widgets": []})
    create(aws, "aws:cloudwatch/dashboard:Dashboard", dashboardName="tested", dashboardBody=body)
    assert aws.cloudwatch.get_dashboard(DashboardName="tested")["DashboardBody"] == body


def test_a_filter_counts_in_a_log_group(aws: Aws) -> None:
    create(aws, "aws:cloudwatch/logGroup:LogGroup", name="/aws/apigateway/tested")
    create(
        aws,
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        name="throttled",
        logGroupName="/aws/apigateway/tested",
        pattern='{ $.status = "429" }',
        metricTransformation={"name": "ApiThrottled", "namespace": "Carillon/x", "value": "1", "unit": "Count"},
    )
    [found] = aws.logs.describe_metric_filters(logGroupName="/aws/apigateway/tested")["metricFilters"]
    assert found["filterPattern"] == '{ $.status = "429" }'
    [counted] = found["metricTransformations"]
    assert (counted["metricName"], counted["metricNamespace"], counted["metricValue"]) == (
        "ApiThrottled",
        "Carillon/x",
        "1",
    )


def test_a_saved_query_is_not_made_and_has_an_id_all_the_same(aws: Aws) -> None:
    made = create(aws, "aws:cloudwatch/queryDefinition:QueryDefinition", name="q", queryString="fields @message")
    assert made.id


def test_a_budget_mails_whom_it_names(aws: Aws) -> None:
    told = {"comparisonOperator": "GREATER_THAN", "notificationType": "ACTUAL", "threshold": 80}
    create(
        aws,
        "aws:budgets/budget:Budget",
        name="tested",
        budgetType="COST",
        timeUnit="MONTHLY",
        limitAmount="250",
        limitUnit="USD",
        notifications=[{**told, "thresholdType": "PERCENTAGE", "subscriberEmailAddresses": ["ops@carillon.dev"]}],
    )
    budget = aws.budgets.describe_budget(AccountId=aws.account_id, BudgetName="tested")["Budget"]
    assert float(budget["BudgetLimit"]["Amount"]) == 250
    [notification] = aws.budgets.describe_notifications_for_budget(AccountId=aws.account_id, BudgetName="tested")[
        "Notifications"
    ]
    assert (notification["NotificationType"], notification["Threshold"]) == ("ACTUAL", 80)
