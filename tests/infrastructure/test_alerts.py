"""stacks.messaging.alerts: who may raise an alert, and who hears it."""

from handlers.observability import Metric
from local.recording import ACCOUNT, REGION, Program
from tests.infrastructure.otherwise import otherwise

POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def test_only_this_environments_alarms_and_its_sweeper_publish(local: Program) -> None:
    (policy,) = local.of(POLICY)
    statement, sweepers, cleartext = policy.statements()
    assert (sweepers["Effect"], sweepers["Action"]) == ("Allow", ["sns:Publish"])
    assert (sweepers["Resource"], sweepers["Principal"]) == (
        [f"arn:aws:sns:{REGION}:{ACCOUNT}:carillon-local-alerts"],
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    )
    role = local.named("aws:iam/role:Role", name="carillon-local-sweeper").inputs["name"]
    assert sweepers["Condition"] == {"ArnLike": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/{role}"]}}
    assert (cleartext["Effect"], cleartext["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": ["false"]}})
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == ["sns:Publish"]
    assert statement["Resource"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:carillon-local-alerts"]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": [ACCOUNT]},
        "ArnLike": {"aws:SourceArn": [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:carillon-local-*"]},
    }


def test_every_alarm_has_a_name_that_may_publish(deployed: Program) -> None:
    (policy,) = deployed.of(POLICY)
    (pattern,) = policy.statements()[0]["Condition"]["ArnLike"]["aws:SourceArn"]
    for alarm in deployed.of(ALARM):
        assert f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm.inputs['name']}".startswith(
            pattern.removesuffix("*")
        )


def test_what_the_sweeper_cannot_read_is_watched_by_the_metric_that_it_emits(local: Program) -> None:
    alarm = local.named(ALARM, name="carillon-local-unreadable").inputs
    emitted = {
        "namespace": "Carillon/local",
        "metricName": Metric.LOG_ITEM_UNREADABLE,
        "dimensions": {"service": "sweeper"},
    }
    assert {name: alarm[name] for name in emitted} == emitted
    [sweeper] = [
        each.inputs["environment"]["variables"]
        for each in local.of("aws:lambda/function:Function")
        if each.inputs["name"] == "carillon-local-sweeper"
    ]
    assert (sweeper["POWERTOOLS_METRICS_NAMESPACE"], sweeper["POWERTOOLS_SERVICE_NAME"]) == (
        "Carillon/local",
        "sweeper",
    )
    assert (alarm["statistic"], alarm["comparisonOperator"], alarm["threshold"]) == (
        "Maximum",
        "GreaterThanThreshold",
        0,
    )
    assert alarm["treatMissingData"] == "notBreaching"
    assert alarm["alarmActions"] == alarm["okActions"] == [local.exports["alertTopicArn"]]


def test_each_address_is_subscribed() -> None:
    deployed = otherwise("local")
    subscribed = {(each.inputs["protocol"], each.inputs["endpoint"]) for each in deployed.of(SUBSCRIPTION)}
    assert subscribed == {("email", "on-call@example.com"), ("email", "team@example.com")}
