"""What pulumi-aws calls cloudwatch: EventBridge buses and rules, log groups and filters, alarms and dashboards."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import PARTITION, Aws
from local.engine.errors import ResourceError
from local.engine.inputs import Block, Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list

_DEFAULT_BUS = "default"


def event_bus(inputs: Inputs, aws: Aws) -> Created:
    """An event bus."""
    name = inputs.name()
    settings = inputs.pick(kmsKeyIdentifier="KmsKeyIdentifier", description="Description")
    created = aws.events.create_event_bus(Name=name, Tags=tag_list(inputs.tags()), **settings)
    return Created(name, {"name": name, "arn": created["EventBusArn"]})


def event_archive(inputs: Inputs, aws: Aws) -> Created:
    """An archive of a bus, from which its events can be replayed."""
    name = inputs.name()
    settings = inputs.pick(
        description="Description",
        eventPattern="EventPattern",
        retentionDays="RetentionDays",
        kmsKeyIdentifier="KmsKeyIdentifier",
    )
    source = inputs.required("eventSourceArn")
    created = aws.events.create_archive(ArchiveName=name, EventSourceArn=source, **settings)
    return Created(name, {"name": name, "arn": created["ArchiveArn"]})


def event_rule(inputs: Inputs, aws: Aws) -> Created:
    """A rule of a bus: by pattern, or on the default bus by schedule."""
    name, bus = inputs.name(), inputs.get("eventBusName", _DEFAULT_BUS)
    settings = inputs.pick(
        description="Description",
        eventPattern="EventPattern",
        scheduleExpression="ScheduleExpression",
        state="State",
    )
    created = aws.events.put_rule(Name=name, EventBusName=bus, Tags=tag_list(inputs.tags()), **settings)
    identity = name if bus == _DEFAULT_BUS else f"{bus}/{name}"
    return Created(identity, {"name": name, "eventBusName": bus, "arn": created["RuleArn"]})


def event_target(inputs: Inputs, aws: Aws) -> Created:
    """Where a rule sends what it matches."""
    rule, target_id = inputs.required("rule"), inputs.required("targetId")
    bus = inputs.get("eventBusName", _DEFAULT_BUS)
    target: Any = {"Id": target_id, **inputs.pick(arn="Arn", input="Input", inputPath="InputPath", roleArn="RoleArn")}
    if retry := inputs.block("retryPolicy"):
        target["RetryPolicy"] = retry.pick(
            maximumEventAgeInSeconds="MaximumEventAgeInSeconds", maximumRetryAttempts="MaximumRetryAttempts"
        )
    if dead_letters := inputs.block("deadLetterConfig"):
        target["DeadLetterConfig"] = dead_letters.pick(arn="Arn")
    answer = aws.events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])
    if failed := answer.get("FailedEntries"):
        raise ResourceError(f"EventBridge refused the target: {failed[0].get('ErrorMessage')}")
    prefix = "" if bus == _DEFAULT_BUS else f"{bus}-"
    return Created(f"{prefix}{rule}-{target_id}", {"eventBusName": bus})


def log_group(inputs: Inputs, aws: Aws) -> Created:
    """A log group, kept for as many days as asked."""
    name = inputs.name()
    settings = inputs.pick(kmsKeyId="kmsKeyId", logGroupClass="logGroupClass")
    aws.logs.create_log_group(logGroupName=name, tags=inputs.tags(), **settings)
    if days := inputs.get("retentionInDays", 0):  # 0 keeps for ever, as the provider documents
        aws.logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    return Created(name, {"name": name, "arn": aws.arn("logs", f"log-group:{name}")})


def metric_alarm(inputs: Inputs, aws: Aws) -> Created:
    """An alarm on one metric, or on arithmetic over some."""
    name = inputs.name()
    settings = inputs.pick(
        alarmDescription="AlarmDescription",
        namespace="Namespace",
        metricName="MetricName",
        statistic="Statistic",
        extendedStatistic="ExtendedStatistic",
        comparisonOperator="ComparisonOperator",
        threshold="Threshold",
        period="Period",
        evaluationPeriods="EvaluationPeriods",
        datapointsToAlarm="DatapointsToAlarm",
        treatMissingData="TreatMissingData",
        actionsEnabled="ActionsEnabled",
        alarmActions="AlarmActions",
        okActions="OKActions",
        insufficientDataActions="InsufficientDataActions",
        unit="Unit",
    )
    if queries := inputs.blocks("metricQueries"):
        settings["Metrics"] = [_metric_query(each) for each in queries]
    else:
        settings["Dimensions"] = _dimensions(inputs)
    aws.cloudwatch.put_metric_alarm(AlarmName=name, Tags=tag_list(inputs.tags()), **settings)
    return Created(name, {"name": name, "arn": aws.arn("cloudwatch", f"alarm:{name}")})


def _metric_query(query: Block) -> Any:
    made: dict[str, Any] = query.pick(
        id="Id", expression="Expression", label="Label", period="Period", returnData="ReturnData"
    )
    if metric := query.block("metric"):
        watched = metric.pick(namespace="Namespace", metricName="MetricName")
        made["MetricStat"] = {
            "Metric": {**watched, "Dimensions": _dimensions(metric)},
            **metric.pick(period="Period", stat="Stat", unit="Unit"),
        }
        made.setdefault("ReturnData", False)
    return made


def _dimensions(block: Block) -> Any:
    return [{"Name": key, "Value": value} for key, value in block.get("dimensions", {}).items()]


def composite_alarm(inputs: Inputs, aws: Aws) -> Created:
    """An alarm on the states of others."""
    name = inputs.required("alarmName")
    settings = inputs.pick(
        alarmDescription="AlarmDescription",
        actionsEnabled="ActionsEnabled",
        alarmActions="AlarmActions",
        okActions="OKActions",
        insufficientDataActions="InsufficientDataActions",
    )
    rule = inputs.required("alarmRule")
    aws.cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule, Tags=tag_list(inputs.tags()), **settings)
    return Created(name, {"arn": aws.arn("cloudwatch", f"alarm:{name}")})


def dashboard(inputs: Inputs, aws: Aws) -> Created:
    """A dashboard, whose body the emulator keeps as it is."""
    name = inputs.required("dashboardName")
    aws.cloudwatch.put_dashboard(DashboardName=name, DashboardBody=inputs.required("dashboardBody"))
    return Created(name, {"dashboardArn": f"arn:{PARTITION}:cloudwatch::{aws.account_id}:dashboard/{name}"})


def log_metric_filter(inputs: Inputs, aws: Aws) -> Created:
    """A metric that is counted in the lines of a log group."""
    name = inputs.name()
    made = inputs.block("metricTransformation")
    counted: Any = (
        made.pick(name="metricName", namespace="metricNamespace", value="metricValue", unit="unit") if made else {}
    )
    aws.logs.put_metric_filter(
        filterName=name,
        logGroupName=inputs.required("logGroupName"),
        filterPattern=inputs.required("pattern"),
        metricTransformations=[counted],
    )
    return Created(name, {"name": name})


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:cloudwatch/eventBus:EventBus": event_bus,
    "aws:cloudwatch/eventArchive:EventArchive": event_archive,
    "aws:cloudwatch/eventRule:EventRule": event_rule,
    "aws:cloudwatch/eventTarget:EventTarget": event_target,
    "aws:cloudwatch/logGroup:LogGroup": log_group,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": log_metric_filter,
    "aws:cloudwatch/metricAlarm:MetricAlarm": metric_alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": composite_alarm,
    "aws:cloudwatch/dashboard:Dashboard": dashboard,
}
