"""AWS Lambda: functions, aliases, permissions, event source mappings."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import PARTITION, Aws
from local.engine.inputs import Block, Inputs
from local.engine.resources.provisioner import Created, Provisioner


def function(inputs: Inputs, aws: Aws) -> Created:
    """A function from a zip, active, and published as a version when that is asked."""
    name = inputs.name()
    settings = inputs.pick(
        description="Description",
        role="Role",
        runtime="Runtime",
        architectures="Architectures",
        handler="Handler",
        timeout="Timeout",
        memorySize="MemorySize",
        publish="Publish",
    )
    if environment := inputs.block("environment"):
        settings["Environment"] = environment.pick(variables="Variables")
    if logging := inputs.block("loggingConfig"):
        settings["LoggingConfig"] = logging.pick(
            logFormat="LogFormat",
            applicationLogLevel="ApplicationLogLevel",
            systemLogLevel="SystemLogLevel",
            logGroup="LogGroup",
        )
    code: Any = {"ZipFile": inputs.required("code").read()}
    created = aws.lambda_.create_function(FunctionName=name, Code=code, Tags=inputs.tags(), **settings)
    if created.get("State") != "Active":
        aws.lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    arn = aws.arn("lambda", f"function:{name}")
    qualified = f"{arn}:{created['Version']}"
    return Created(
        name,
        {
            "name": name,
            "arn": arn,
            "qualifiedArn": qualified,
            "invokeArn": _invoke_arn(arn, aws),
            "qualifiedInvokeArn": _invoke_arn(qualified, aws),
            "version": created["Version"],
            "codeSha256": created["CodeSha256"],
        },
    )


def alias(inputs: Inputs, aws: Aws) -> Created:
    """A name for a published version."""
    created = aws.lambda_.create_alias(
        FunctionName=inputs.required("functionName"),
        Name=inputs.name(),
        FunctionVersion=inputs.required("functionVersion"),
        **inputs.pick(description="Description"),
    )
    arn = created["AliasArn"]
    return Created(arn, {"name": created["Name"], "arn": arn, "invokeArn": _invoke_arn(arn, aws)})


def permission(inputs: Inputs, aws: Aws) -> Created:
    """A statement in a function's policy."""
    statement = inputs.get("statementId") or inputs.generated_name()
    settings = inputs.pick(qualifier="Qualifier", sourceArn="SourceArn", sourceAccount="SourceAccount")
    aws.lambda_.add_permission(
        FunctionName=inputs.required("function"),
        StatementId=statement,
        Action=inputs.required("action"),
        Principal=inputs.required("principal"),
        **settings,
    )
    return Created(statement, {"statementId": statement})


def event_source_mapping(inputs: Inputs, aws: Aws) -> Created:
    """What polls a queue, or a table's stream, and invokes a function."""
    settings: dict[str, Any] = inputs.pick(
        eventSourceArn="EventSourceArn",
        batchSize="BatchSize",
        functionResponseTypes="FunctionResponseTypes",
        maximumBatchingWindowInSeconds="MaximumBatchingWindowInSeconds",
        startingPosition="StartingPosition",
        bisectBatchOnFunctionError="BisectBatchOnFunctionError",
        maximumRecordAgeInSeconds="MaximumRecordAgeInSeconds",
        parallelizationFactor="ParallelizationFactor",
    )
    if failed := (inputs.block("destinationConfig") or Block({})).block("onFailure"):
        settings["DestinationConfig"] = {"OnFailure": {"Destination": failed.required("destinationArn")}}
    if scaling := inputs.block("scalingConfig"):
        settings["ScalingConfig"] = scaling.pick(maximumConcurrency="MaximumConcurrency")
    target = inputs.required("functionName")
    created = aws.lambda_.create_event_source_mapping(FunctionName=target, Tags=inputs.tags(), **settings)
    identity = created["UUID"]
    arn = aws.arn("lambda", f"event-source-mapping:{identity}")
    return Created(identity, {"uuid": identity, "arn": arn, "functionArn": created["FunctionArn"]})


def _invoke_arn(arn: str, aws: Aws) -> str:
    """What API Gateway calls a function by: the path of Lambda's Invoke API."""
    return f"arn:{PARTITION}:apigateway:{aws.region}:lambda:path/2015-03-31/functions/{arn}/invocations"


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:lambda/function:Function": function,
    "aws:lambda/alias:Alias": alias,
    "aws:lambda/permission:Permission": permission,
    "aws:lambda/eventSourceMapping:EventSourceMapping": event_source_mapping,
}
