"""What the alarms and widgets of a program watch, each metric with its dimensions."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.recording import Program

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@dataclass(frozen=True)
class Seen:
    """A metric that somebody looks at. `any_of` are dimensions of which each value is looked at."""

    by: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    any_of: tuple[str, ...] = ()
    statistic: str = field(default="Sum", compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """All its dimensions."""
        return tuple(sorted({*self.dimensions, *self.any_of}))


def of_alarms(program: Program) -> Iterator[Seen]:
    """Yield what alarms watch: a metric, those of an expression, or all of a query's schema."""
    for inputs in (each.inputs for each in program.of(ALARM)):
        if "metricName" in inputs:
            statistic = inputs.get("statistic") or inputs["extendedStatistic"]
            watched = (inputs["namespace"], inputs["metricName"], inputs.get("dimensions") or {})
            yield Seen(inputs["name"], *watched, statistic=statistic)
        for query in inputs.get("metricQueries") or ():
            yield from _of_query(inputs["name"], query)


def _of_query(name: str, query: Mapping[str, Any]) -> Iterator[Seen]:
    if metric := query.get("metric"):
        watched = (metric["namespace"], metric["metricName"], metric["dimensions"])
        yield Seen(name, *watched, statistic=metric["stat"])
    pattern = r"SELECT SUM\((\w+)\) FROM SCHEMA\(\"([^\"]+)\", ([^)]+)\) WHERE (\w+) = '([^']+)'"
    if found := re.fullmatch(pattern, query.get("expression") or ""):
        metric_name, namespace, schema, filtered, value = found.groups()
        others = tuple(each for each in schema.split(", ") if each != filtered)
        yield Seen(name, namespace, metric_name, {filtered: value}, others)


def of_dashboard(program: Program) -> Iterator[Seen]:
    """Yield what the widgets show."""
    for widget in widgets(program):
        for line in widget["properties"].get("metrics", ()):
            yield from _of_line(widget["properties"]["title"], line)


def _of_line(title: str, line: list[Any]) -> Iterator[Seen]:
    *named, options = line
    if named:
        namespace, metric, *pairs = named
        yield Seen(title, namespace, metric, dict(zip(pairs[::2], pairs[1::2], strict=True)), statistic=options["stat"])
    for schema, metric in re.findall(r"SEARCH\('\{([^}]+)\} MetricName=\"(\w+)\"", options.get("expression", "")):
        namespace, *dimensions = schema.split(",")
        yield Seen(title, namespace, metric, {}, tuple(dimensions))


def widgets(program: Program) -> list[dict[str, Any]]:
    """Return the widgets of the dashboard."""
    [dashboard] = program.of("aws:cloudwatch/dashboard:Dashboard")
    found: list[dict[str, Any]] = json.loads(dashboard.inputs["dashboardBody"])["widgets"]
    return found


def dimension_values(program: Program) -> dict[str, set[str]]:
    """Return the values that each dimension may have: the names of what the program makes."""
    made = {
        "QueueName": "aws:sqs/queue:Queue",
        "FunctionName": "aws:lambda/function:Function",
        "TableName": "aws:dynamodb/table:Table",
        "EventBusName": "aws:cloudwatch/eventBus:EventBus",
        "RuleName": "aws:cloudwatch/eventRule:EventRule",
        "ApiName": "aws:apigateway/restApi:RestApi",
        "ScheduleGroup": "aws:scheduler/scheduleGroup:ScheduleGroup",
        "LogGroupName": "aws:cloudwatch/logGroup:LogGroup",
    }
    return {
        **{dimension: {each.inputs["name"] for each in program.of(type_)} for dimension, type_ in made.items()},
        "Stage": {each.inputs["stageName"] for each in program.of("aws:apigateway/stage:Stage")},
        "GlobalSecondaryIndexName": {
            index["name"]
            for table in program.of("aws:dynamodb/table:Table")
            for index in table.inputs.get("globalSecondaryIndexes") or ()
        },
    }
