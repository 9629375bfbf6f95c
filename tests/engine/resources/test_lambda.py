import io
import json
import zipfile
from pathlib import Path

import pytest

from local.engine.aws import Aws
from local.engine.resources.provisioner import Created
from local.engine.wire import File
from tests.engine.resources.creation import DEFAULT_TAGS, create
from tests.engine.resources.test_iam import TRUST

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:"
INVOKE = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{}/invocations"
CODE = "import os\ndef handler(event, context):\n    return {'greeting': os.environ['GREETING'], 'event': event}\n"


@pytest.fixture(scope="module")
def function(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Created:
    archive = tmp_path_factory.mktemp("code") / "code.zip"
    archive.write_bytes(zipped(CODE))
    role = create(aws, "aws:iam/role:Role", name="greeter", assumeRolePolicy=json.dumps(TRUST))
    return create(
        aws,
        "aws:lambda/function:Function",
        name="greeter",
        description="greets",
        role=role.outputs["arn"],
        runtime="python3.13",
        architectures=["x86_64"],
        handler="index.handler",
        code=File(archive),
        sourceCodeHash="whatever",
        timeout=7,
        memorySize=512,
        environment={"variables": {"GREETING": "hello"}},
        publish=True,
    )


def zipped(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", code)
    return buffer.getvalue()


def test_a_function_is_configured_as_asked_and_runs_the_code_it_was_given(aws: Aws, function: Created) -> None:
    made = aws.lambda_.get_function_configuration(FunctionName="greeter")
    assert (made["Description"], made["Handler"], made["Runtime"]) == ("greets", "index.handler", "python3.13")
    assert (made["Timeout"], made["MemorySize"], made["Architectures"]) == (7, 512, ["x86_64"])
    assert made["CodeSha256"] == function.outputs["codeSha256"]
    assert aws.lambda_.list_tags(Resource=f"{ARN}greeter")["Tags"] == DEFAULT_TAGS
    answer = aws.lambda_.invoke(FunctionName="greeter", Qualifier="1", Payload=b'{"a": 1}')
    assert json.load(answer["Payload"]) == {"greeting": "hello", "event": {"a": 1}}


def test_a_functions_outputs_name_it_as_aws_does(function: Created) -> None:
    assert function.id == "greeter"
    assert function.outputs["arn"] == f"{ARN}greeter"
    assert function.outputs["version"] == "1"
    assert function.outputs["qualifiedArn"] == f"{ARN}greeter:1"
    assert function.outputs["invokeArn"] == INVOKE.format(f"{ARN}greeter")
    assert function.outputs["qualifiedInvokeArn"] == INVOKE.format(f"{ARN}greeter:1")


def test_an_alias_names_a_version_and_lets_a_service_in(aws: Aws, function: Created) -> None:
    alias = create(aws, "aws:lambda/alias:Alias", name="live", functionName=function.id, functionVersion="1")
    assert alias.id == alias.outputs["arn"] == f"{ARN}greeter:live"
    assert alias.outputs["invokeArn"] == INVOKE.format(f"{ARN}greeter:live")
    source = "arn:aws:execute-api:eu-central-1:123456789012:api/*"
    permission = create(
        aws,
        "aws:lambda/permission:Permission",
        action="lambda:InvokeFunction",
        function="greeter",
        qualifier="live",
        principal="apigateway.amazonaws.com",
        sourceArn=source,
    )
    [statement] = json.loads(aws.lambda_.get_policy(FunctionName="greeter", Qualifier="live")["Policy"])["Statement"]
    assert statement["Sid"] == permission.id == permission.outputs["statementId"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == source


def test_a_queue_is_polled_as_asked(aws: Aws, function: Created) -> None:
    queue = create(aws, "aws:sqs/queue:Queue", name="greetings")
    mapping = create(
        aws,
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        eventSourceArn=queue.outputs["arn"],
        functionName=function.outputs["arn"],
        batchSize=7,
        functionResponseTypes=["ReportBatchItemFailures"],
        scalingConfig={"maximumConcurrency": 5},
    )
    made = aws.lambda_.get_event_source_mapping(UUID=mapping.id)
    assert (made["BatchSize"], made["FunctionResponseTypes"]) == (7, ["ReportBatchItemFailures"])
    assert made["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert made["EventSourceArn"] == queue.outputs["arn"]


def test_a_stream_is_read_as_asked(aws: Aws, function: Created) -> None:
    table = create(
        aws,
        "aws:dynamodb/table:Table",
        name="followed",
        billingMode="PAY_PER_REQUEST",
        hashKey="id",
        attributes=[{"name": "id", "type": "S"}],
        streamEnabled=True,
        streamViewType="NEW_AND_OLD_IMAGES",
    )
    failed = create(aws, "aws:sqs/queue:Queue", name="failed").outputs["arn"]
    mapping = create(
        aws,
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        eventSourceArn=table.outputs["streamArn"],
        functionName=function.outputs["arn"],
        startingPosition="TRIM_HORIZON",
        batchSize=200,
        maximumBatchingWindowInSeconds=10,
        parallelizationFactor=1,
        bisectBatchOnFunctionError=True,
        maximumRecordAgeInSeconds=3600,
        functionResponseTypes=["ReportBatchItemFailures"],
        destinationConfig={"onFailure": {"destinationArn": failed}},
    )
    made = aws.lambda_.get_event_source_mapping(UUID=mapping.id)
    assert (made["EventSourceArn"], made["StartingPosition"]) == (table.outputs["streamArn"], "TRIM_HORIZON")
    assert (made["BatchSize"], made["MaximumBatchingWindowInSeconds"], made["ParallelizationFactor"]) == (200, 10, 1)
    assert (made["BisectBatchOnFunctionError"], made["MaximumRecordAgeInSeconds"]) == (True, 3600)
    assert made["DestinationConfig"] == {"OnFailure": {"Destination": failed}}
    assert made["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_code_that_is_not_a_file_is_named(aws: Aws, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"missing\.zip cannot be read"):
        create(aws, "aws:lambda/function:Function", name="empty", code=File(tmp_path / "missing.zip"))
