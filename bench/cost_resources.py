"""Reads what has a price from a run of the program: `python -m bench.cost_resources` writes ops/cost/resources.toml."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from local.recording import Program, of_stack
from ops.cost.resources import RESOURCES, Resources, toml

STACKS: Final = ("dev", "prod")

_SAMPLES: Final = {
    "requestId": 36,
    "requestTimeEpoch": 13,
    "httpMethod": 4,
    "resourcePath": 17,
    "status": 3,
    "error.responseType": 1,
    "responseLatency": 2,
    "integrationLatency": 2,
    "authorizer.app_key": 8,
    "tlsVersion": 7,
}
"""How long each variable of an access log is, of a request that is accepted: /v1/notifications."""
_UNKNOWN_BYTES: Final = 16
_EVENT_OVERHEAD_BYTES: Final = 26


def resources(program: Program) -> Resources:
    """Return what a run of the program says about the price of its stack."""
    count = {type_: len(program.of(type_)) for type_ in {each.type for each in program.resources}}
    functions = {each.inputs["name"]: each.inputs for each in program.of("aws:lambda/function:Function")}
    tables = [each.inputs for each in program.of("aws:dynamodb/table:Table")]
    archives = [int(each.inputs["retentionDays"]) for each in program.of("aws:cloudwatch/eventArchive:EventArchive")]
    acls = [each.inputs for each in program.of("aws:wafv2/webAcl:WebAcl")]
    return Resources(
        api="rest" if "aws:apigateway/restApi:RestApi" in count else "http",
        access_log_bytes=max((_access_log_bytes(program)), default=0),
        platform_logs=any(map(_tells_of_each_invocation, functions.values())),
        log_retention_days=max(int(each.inputs["retentionInDays"]) for each in program.of(_LOG_GROUP)),
        archive_days=max(archives, default=0),
        bus="aws:cloudwatch/eventBus:EventBus" in count,
        index=any(table.get("globalSecondaryIndexes") for table in tables),
        replicas=max(len(table.get("replicas") or ()) for table in tables),
        restorable_tables=sum(bool(table["pointInTimeRecovery"]["enabled"]) for table in tables),
        kms_keys=count["aws:kms/key:Key"],
        secrets=count["aws:secretsmanager/secret:Secret"],
        alarm_metrics=sum(_metrics_of(each.inputs) for each in program.of("aws:cloudwatch/metricAlarm:MetricAlarm")),
        composite_alarms=count.get("aws:cloudwatch/compositeAlarm:CompositeAlarm", 0),
        dashboards=count.get("aws:cloudwatch/dashboard:Dashboard", 0),
        web_acls=len(acls),
        web_acl_rules=sum(len(acl.get("rules") or ()) for acl in acls),
        # A stream is read by Lambda at no price.
        polled_queues=sum("startingPosition" not in each.inputs for each in program.of(_MAPPING)),
        snap_start=any(inputs.get("snapStart") for inputs in functions.values()),
        memory_mb={name.split("-", 2)[2]: int(functions[name]["memorySize"]) for name in sorted(functions)},
    )


_MAPPING: Final = "aws:lambda/eventSourceMapping:EventSourceMapping"


def _metrics_of(alarm: Mapping[str, Any]) -> int:
    """Return what an alarm is paid for: each metric of its arithmetic, and of a query one at least."""
    return max(1, sum("metric" in query for query in alarm.get("metricQueries") or ()))


def _tells_of_each_invocation(function: Mapping[str, Any]) -> bool:
    """Say whether Lambda writes more into a function's log than what warns.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    logging = function.get("loggingConfig") or {}
    return (logging.get("logFormat"), logging.get("systemLogLevel")) != ("JSON", "WARN")


_LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"


def _access_log_bytes(program: Program) -> list[int]:
    stages = [*program.of("aws:apigateway/stage:Stage"), *program.of("aws:apigatewayv2/stage:Stage")]
    formats = [each.inputs["accessLogSettings"]["format"] for each in stages if each.inputs.get("accessLogSettings")]
    return [len(re.sub(r"\$context\.([\w.]+)", _sample, form)) + _EVENT_OVERHEAD_BYTES for form in formats]


def _sample(variable: re.Match[str]) -> str:
    return "x" * _SAMPLES.get(variable[1], _UNKNOWN_BYTES)


def text(program: Callable[[str], Program] = of_stack) -> str:
    """Return what resources.toml should have, by the program of each stack."""
    return toml({stack: resources(program(stack)) for stack in STACKS})


def write() -> None:
    """Write resources.toml."""
    RESOURCES.write_text(text())


if __name__ == "__main__":
    write()
