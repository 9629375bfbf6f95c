"""What can be watched: a metric, arithmetic over a few, or a query over all that are alike.

Each function here is one way in which AWS or a handler emits: namespace and dimensions stand here once. By other
dimensions it is another metric, on which an alarm never rings: tests/infrastructure/test_monitoring.py holds each to
what AWS publishes, and to what the handlers were seen to emit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stacks.naming import STAGE, Naming


@dataclass(frozen=True)
class Metric:
    """One metric. `statistic` is CloudWatch's, a percentile too: `Sum`, `Maximum`, `p99`."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"


@dataclass(frozen=True)
class Expression:
    """CloudWatch's metric math over metrics, by the ids that `text` has for them. An alarm pays for each metric."""

    text: str
    of: Mapping[str, Metric]


@dataclass(frozen=True)
class Query:
    """A query of Metrics Insights: the sum of all metrics of a schema, of which an alarm cannot name each.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html
    """

    name: str
    namespace: str
    dimensions: tuple[str, ...]
    where: tuple[str, str]

    @property
    def text(self) -> str:
        """The query."""
        schema = ", ".join((f'"{self.namespace}"', *self.dimensions))
        name, value = self.where
        return f"SELECT SUM({self.name}) FROM SCHEMA({schema}) WHERE {name} = '{value}'"  # noqa: S608 - names of ours


Watched = Metric | Expression | Query


def counted(naming: Naming, metric: str, service: str, channel: str | None = None) -> Metric:
    """Return what a function counts (handlers.observability)."""
    return Metric(naming.metrics, metric, {"service": service} | ({"channel": channel} if channel else {}))


def queue(naming: Naming, name: str, metric: str, statistic: str = "Maximum") -> Metric:
    """Return a metric of a queue, `email-dlq`."""
    return Metric("AWS/SQS", metric, {"QueueName": naming.named(name)}, statistic)


def function(naming: Naming, name: str, metric: str, statistic: str = "Sum") -> Metric:
    """Return a metric of a function, all its versions together."""
    return Metric("AWS/Lambda", metric, {"FunctionName": naming.named(name)}, statistic)


def api(naming: Naming, metric: str, statistic: str = "Sum") -> Metric:
    """Return a metric of the API's stage."""
    return Metric("AWS/ApiGateway", metric, {"ApiName": naming.prefix, "Stage": STAGE}, statistic)


def links(naming: Naming, metric: str, statistic: str = "Sum") -> Metric:
    """Return a metric of the stage of the API that links in messages lead to."""
    return Metric("AWS/ApiGateway", metric, {"ApiName": naming.named("links"), "Stage": STAGE}, statistic)


def rule(naming: Naming, queue: str, metric: str) -> Metric:
    """Return a metric of the rule on our own bus that leads to a queue; the default bus's have no bus."""
    return Metric("AWS/Events", metric, {"EventBusName": naming.prefix, "RuleName": naming.named(queue)})


def table(naming: Naming, name: str, metric: str, index: str | None = None) -> Metric:
    """Return a metric of a table, or of one of its indexes, which are counted apart."""
    indexed = {"GlobalSecondaryIndexName": index} if index else {}
    return Metric("AWS/DynamoDB", metric, {"TableName": naming.named(name)} | indexed)


def account(namespace: str, metric: str, statistic: str) -> Metric:
    """Return a metric of the whole account in this region."""
    return Metric(namespace, metric, {}, statistic)


def throttled_requests(naming: Naming) -> Metric:
    """Return how many requests were answered 429, by the access log: API Gateway's own count is of all 4xx."""
    return Metric(naming.metrics, "ApiThrottled", {})


def total(metrics: Mapping[str, Metric]) -> Expression:
    """Return the sum of metrics, of which some may say nothing for a while."""
    return Expression(" + ".join(f"FILL({id_}, 0)" for id_ in metrics), metrics)
