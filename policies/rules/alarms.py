"""What has an alarm."""

from collections.abc import Iterator, Sequence

from policies.rule import Finding, Resource, Severity, StackRule, aws
from policies.values import UNKNOWN, Value, at, items

_ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_QUEUE = "aws:sqs/queue:Queue"


def unwatched_queues(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a queue that fills without an alarm. Those for dead letters have a rule of their own."""
    dead = [
        at(each.properties, *path)
        for each in resources
        for path in (("redrivePolicy", "deadLetterTargetArn"), ("deadLetterConfig", "arn"))
    ]
    working = [each for each in resources if each.type != _QUEUE or not _is_or_may_be_in(_arn(each), dead)]
    yield from _unwatched(working, _QUEUE, "name", "AWS/SQS", "QueueName")


def unwatched_functions(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a function that fails without an alarm."""
    yield from _unwatched(resources, "aws:lambda/function:Function", "name", "AWS/Lambda", "FunctionName")


def unwatched_tables(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a table that refuses requests without an alarm."""
    yield from _unwatched(resources, "aws:dynamodb/table:Table", "name", "AWS/DynamoDB", "TableName")


def unwatched_apis(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find an API that answers with errors without an alarm."""
    yield from _unwatched(resources, "aws:apigateway/restApi:RestApi", "name", "AWS/ApiGateway", "ApiName")


def _unwatched(
    resources: Sequence[Resource], type_: str, named: str, namespace: str, dimension: str
) -> Iterator[Finding]:
    # One that may not act is a part of a composite alarm, and tells nobody by itself.
    alarms = [each for each in resources if each.type == _ALARM and at(each.properties, "actionsEnabled") is not False]
    watched = [value for alarm in alarms for value in _watched(alarm, namespace, dimension)]
    for resource in (each for each in resources if each.type == type_):
        if not _is_or_may_be_in(at(resource.properties, named), watched):
            yield Finding(resource.urn, f"no alarm on {namespace} has its name as {dimension}")


def _watched(alarm: Resource, namespace: str, dimension: str) -> Iterator[Value]:
    """Yield what an alarm watches by a dimension: by its own metric, and by each that it reckons with."""
    queries = items(at(alarm.properties, "metricQueries"))
    if UNKNOWN in queries:
        yield UNKNOWN
    for metric in (alarm.properties, *(at(each, "metric") for each in queries)):
        if at(metric, "namespace") in (namespace, UNKNOWN) and (value := at(metric, "dimensions", dimension)):
            yield value


def _is_or_may_be_in(value: Value, known: Sequence[Value]) -> bool:
    return value is UNKNOWN or value in known or UNKNOWN in known


def _arn(queue: Resource) -> Value:
    return queue.properties.get("arn") or UNKNOWN


EVERY_QUEUE = StackRule(
    name="alarm-for-every-queue",
    summary="Every queue that is worked on has an alarm.",
    severity=Severity.MEDIUM,
    why="A queue that nobody empties looks like a quiet day until recipients complain.",
    fix="Make a MetricAlarm on AWS/SQS with the queue's name as QueueName: its oldest message's age, for one.",
    reference=aws(
        "Queue metrics", "AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
    ),
    check=unwatched_queues,
)
EVERY_FUNCTION = StackRule(
    name="alarm-for-every-function",
    summary="Every function has an alarm.",
    severity=Severity.MEDIUM,
    why="Lambda tries again what fails and says so to nobody.",
    fix="Make a MetricAlarm on AWS/Lambda with the function's name as FunctionName: on Errors, for one.",
    reference=aws("Function metrics", "lambda/latest/dg/monitoring-metrics-types.html"),
    check=unwatched_functions,
)
EVERY_TABLE = StackRule(
    name="alarm-for-every-table",
    summary="Every table has an alarm.",
    severity=Severity.MEDIUM,
    why="A table that is throttled, or fails, stops all that is written to it first.",
    fix="Make a MetricAlarm on AWS/DynamoDB with the table's name as TableName: on SystemErrors, for one.",
    reference=aws("Table metrics", "amazondynamodb/latest/developerguide/metrics-dimensions.html"),
    check=unwatched_tables,
)
EVERY_API = StackRule(
    name="alarm-for-every-api",
    summary="Every API has an alarm.",
    severity=Severity.MEDIUM,
    why="What producers are told by a 5xx, whoever runs the platform should not hear from them.",
    fix="Make a MetricAlarm on AWS/ApiGateway with the API's name as ApiName: on 5XXError, for one.",
    reference=aws("API metrics", "apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html"),
    check=unwatched_apis,
)
