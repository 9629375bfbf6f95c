"""Makes what is declared: alarms, the composite one, the dashboard, saved queries and the budget."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.monitoring.alarms import FALLING_BEHIND, PARTS, Alarm, alarms
from stacks.monitoring.dashboard import body
from stacks.monitoring.estate import Estate
from stacks.monitoring.metrics import Expression, Metric, Query, throttled_requests
from stacks.monitoring.queries import QUERIES
from stacks.naming import PROJECT

# Which component an alarm belonged to before this one was made: without that, Pulumi would make it and then delete the
# old one, which has the same name.
_MOVED = {"dead-letters", "late", "given-up", "redrive-failed", "unknown"}


@dataclass(frozen=True)
class MonitoringArgs:
    """What there is, who is told, and what makes the log group of the API."""

    estate: Estate
    alert_topic_arn: pulumi.Output[str]
    api: pulumi.Resource


class Monitoring(pulumi.ComponentResource):
    """Everything that tells people about the platform, and nothing that it needs to run."""

    dashboard_name: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Monitoring", name, {}, opts)
        self._args = args
        self._estate, self._naming = args.estate, args.estate.naming
        made = {each.name: self._alarm(each) for each in alarms(self._estate)}
        self._falling_behind([made[part] for part in PARTS])
        self._count_throttled_requests()
        self.dashboard_name = self._dashboard().dashboard_name
        self._queries()
        self._budget()
        self.register_outputs({"dashboard_name": self.dashboard_name})

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _alarm(self, alarm: Alarm) -> aws.cloudwatch.MetricAlarm:
        return aws.cloudwatch.MetricAlarm(
            alarm.name,
            name=self._naming.named(alarm.name),
            alarm_description=f"{alarm.says}. What to do: docs/runbooks/{alarm.runbook}.md",
            comparison_operator="GreaterThanThreshold" if alarm.below is None else "LessThanThreshold",
            threshold=alarm.above if alarm.below is None else alarm.below,
            evaluation_periods=alarm.periods,
            treat_missing_data=alarm.silence.value,
            actions_enabled=alarm.tells,
            alarm_actions=[self._args.alert_topic_arn],
            ok_actions=[self._args.alert_topic_arn],
            **_watched(alarm),
            opts=pulumi.ResourceOptions(parent=self, aliases=_former(alarm.name)),
        )

    def _falling_behind(self, parts: list[aws.cloudwatch.MetricAlarm]) -> None:
        settings = self._estate.settings.channels
        most = ", ".join(f"{channel} {each.maximum_concurrency}" for channel, each in settings.items())
        aws.cloudwatch.CompositeAlarm(
            FALLING_BEHIND,
            alarm_name=self._naming.named(FALLING_BEHIND),
            alarm_description="Many events come in and many notifications wait: the workers do not keep up. Raise "
            f"channels.<channel>.maximumConcurrency (now {most}) as far as the providers allow, and deploy. "
            f"What to do: docs/runbooks/{FALLING_BEHIND}.md",
            alarm_rule=pulumi.Output.all(*(part.name for part in parts)).apply(
                lambda names: " AND ".join(f'ALARM("{name}")' for name in names)
            ),
            alarm_actions=[self._args.alert_topic_arn],
            ok_actions=[self._args.alert_topic_arn],
            opts=self._child,
        )

    def _count_throttled_requests(self) -> None:
        """Count in the access log what API Gateway refuses by its own limits and what a function refuses by an app's.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
        """
        metric = throttled_requests(self._naming)
        aws.cloudwatch.LogMetricFilter(
            "api-throttled-filter",
            name=self._naming.named("api-throttled"),
            log_group_name=self._naming.api_log_group,
            pattern='{ $.status = "429" }',
            metric_transformation={"name": metric.name, "namespace": metric.namespace, "value": "1", "unit": "Count"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.api]),
        )

    def _dashboard(self) -> aws.cloudwatch.Dashboard:
        return aws.cloudwatch.Dashboard(
            "dashboard", dashboard_name=self._naming.prefix, dashboard_body=body(self._estate), opts=self._child
        )

    def _queries(self) -> None:
        for query in QUERIES:
            aws.cloudwatch.QueryDefinition(
                f"query-{query.name}",
                name=f"{self._naming.prefix}/{query.name}",
                log_group_names=query.log_groups(self._estate),
                query_string=query.text,
                opts=self._child,
            )

    def _budget(self) -> None:
        """Make a budget of the whole account: text messages and much else cannot be told apart by tags."""
        settings = self._estate.settings
        if not settings.monthly_budget_usd:
            return
        aws.budgets.Budget(
            "budget",
            name=self._naming.prefix,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(settings.monthly_budget_usd),
            limit_unit="USD",
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": kind,
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    # Not by the topic: its policy and its key would have to let one service more in.
                    "subscriber_email_addresses": list(settings.alert_emails),
                }
                for kind, percent in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
            opts=self._child,
        )


def _watched(alarm: Alarm) -> dict[str, Any]:
    """Return what an alarm watches, as the provider has it."""
    match alarm.watched:
        case Metric() as metric:
            percentile = metric.statistic.startswith("p")
            return {
                "namespace": metric.namespace,
                "metric_name": metric.name,
                "dimensions": dict(metric.dimensions),
                "extended_statistic" if percentile else "statistic": metric.statistic,
                "period": alarm.period,
            }
        case Query():
            query = {"id": "all", "expression": alarm.watched.text, "period": alarm.period, "return_data": True}
            return {"metric_queries": [query]}
        case Expression(text, of):
            metrics = [
                {
                    "id": id_,
                    "metric": {
                        "namespace": metric.namespace,
                        "metric_name": metric.name,
                        "dimensions": dict(metric.dimensions),
                        "stat": metric.statistic,
                        "period": alarm.period,
                    },
                }
                for id_, metric in of.items()
            ]
            return {
                "metric_queries": [
                    {"id": "all", "expression": text, "label": alarm.says, "return_data": True},
                    *metrics,
                ]
            }


def _former(name: str) -> list[pulumi.Alias]:
    """Return what an alarm was called by Pulumi when each component made its own."""
    channel, _, what = name.partition("-")
    if what in _MOVED:
        return [pulumi.Alias(parent=_urn("Channel", channel))]
    if name == "unreadable":
        return [pulumi.Alias(parent=_urn("Sweeper", "sweeper"))]
    if name == "quarantine":
        return [pulumi.Alias(name="quarantine-alarm", parent=_urn("Quarantine", "quarantine"))]
    return []


def _urn(component: str, name: str) -> str:
    types = f"{PROJECT}:stacks:Platform${PROJECT}:stacks:{component}"
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{types}::{name}"
