import json
from typing import Any

import httpx
import pytest

from local.engine.aws import Aws
from local.engine.resources.provisioner import Created
from tests.engine.resources.creation import DEFAULT_TAGS, create

URI = (
    "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:eu-central-1:123456789012:function:f:live/invocations"
)


@pytest.fixture(scope="module")
def api(aws: Aws) -> Created:
    return create(
        aws,
        "aws:apigateway/restApi:RestApi",
        name="api",
        description="described",
        endpointConfiguration={"types": "REGIONAL"},
        securityPolicy="SecurityPolicy_TLS13_1_3_2025_09",
        endpointAccessMode="STRICT",
        disableExecuteApiEndpoint=False,
    )


@pytest.fixture(scope="module")
def surface(aws: Aws, api: Created) -> dict[str, str]:
    """One path with a method whose body and caller are checked; the ids of all that makes it up."""
    path = create(
        aws,
        "aws:apigateway/resource:Resource",
        restApi=api.id,
        parentId=api.outputs["rootResourceId"],
        pathPart="v1",
    )
    authorizer = create(
        aws,
        "aws:apigateway/authorizer:Authorizer",
        name="token",
        restApi=api.id,
        type="TOKEN",
        authorizerUri=URI,
        identitySource="method.request.header.Authorization",
        identityValidationExpression="^Bearer .+$",
        authorizerResultTtlInSeconds=60,
    )
    validator = create(
        aws,
        "aws:apigateway/requestValidator:RequestValidator",
        name="body",
        restApi=api.id,
        validateRequestBody=True,
        validateRequestParameters=False,
    )
    create(
        aws,
        "aws:apigateway/model:Model",
        name="Object",
        description="any",
        restApi=api.id,
        contentType="application/json",
        schema='{"type": "object"}',
    )
    where = {"restApi": api.id, "resourceId": path.id, "httpMethod": "POST"}
    create(
        aws,
        "aws:apigateway/method:Method",
        **where,
        authorization="CUSTOM",
        authorizerId=authorizer.id,
        requestValidatorId=validator.id,
        requestModels={"application/json": "Object"},
    )
    create(
        aws,
        "aws:apigateway/integration:Integration",
        **where,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=URI,
    )
    return {"path": path.id, "authorizer": authorizer.id, "validator": validator.id}


@pytest.fixture(scope="module")
def stage(aws: Aws, api: Created, surface: dict[str, str]) -> Created:
    create(
        aws,
        "aws:apigateway/response:Response",
        restApiId=api.id,
        responseType="UNAUTHORIZED",
        statusCode="401",
        responseTemplates={"application/json": '{"status": 401}'},
        responseParameters={"gatewayresponse.header.Content-Type": "'application/problem+json'"},
    )
    deployment = create(aws, "aws:apigateway/deployment:Deployment", restApi=api.id, triggers={"surface": "x"})
    return create(
        aws,
        "aws:apigateway/stage:Stage",
        restApi=api.id,
        deployment=deployment.id,
        stageName="live",
        accessLogSettings={
            "destinationArn": "arn:aws:logs:eu-central-1:123456789012:log-group:api",
            "format": '{"path": "a/b"}',
        },
    )


def test_an_api_is_regional_tagged_and_named_as_aws_does(aws: Aws, api: Created) -> None:
    made = aws.apigateway.get_rest_api(restApiId=api.id)
    assert (made["name"], made["description"]) == ("api", "described")
    assert made["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert made["tags"] == DEFAULT_TAGS
    assert made["rootResourceId"] == api.outputs["rootResourceId"]
    assert api.outputs["executionArn"] == f"arn:aws:execute-api:eu-central-1:123456789012:{api.id}"
    assert api.outputs["arn"] == f"arn:aws:apigateway:eu-central-1::/restapis/{api.id}"


def test_a_method_knows_its_authorizer_validator_model_and_integration(
    aws: Aws, api: Created, surface: dict[str, str]
) -> None:
    made: Any = aws.apigateway.get_method(restApiId=api.id, resourceId=surface["path"], httpMethod="POST")
    assert (made["authorizationType"], made["authorizerId"]) == ("CUSTOM", surface["authorizer"])
    assert made["requestValidatorId"] == surface["validator"]
    assert made["requestModels"] == {"application/json": "Object"}
    integration = made["methodIntegration"]
    assert (integration["type"], integration["httpMethod"], integration["uri"]) == ("AWS_PROXY", "POST", URI)
    authorizer = aws.apigateway.get_authorizer(restApiId=api.id, authorizerId=surface["authorizer"])
    assert (authorizer["type"], authorizer["authorizerUri"]) == ("TOKEN", URI)
    assert (authorizer["identityValidationExpression"], authorizer["authorizerResultTtlInSeconds"]) == (
        "^Bearer .+$",
        60,
    )
    assert authorizer["identitySource"] == "method.request.header.Authorization"
    validator = aws.apigateway.get_request_validator(restApiId=api.id, requestValidatorId=surface["validator"])
    assert (validator["validateRequestBody"], validator["validateRequestParameters"]) == (True, False)
    model = aws.apigateway.get_model(restApiId=api.id, modelName="Object")
    assert (model["contentType"], json.loads(model["schema"])) == ("application/json", {"type": "object"})


def test_a_stage_is_reached_at_its_invoke_url_and_answers_as_the_gateway_responses_say(
    aws: Aws, stage: Created
) -> None:
    assert stage.outputs["invokeUrl"].startswith(aws.emulator.endpoint_url)
    answer = httpx.post(f"{stage.outputs['invokeUrl']}/v1", json={})
    assert (answer.status_code, answer.json()) == (401, {"status": 401})
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_stage_logs_and_is_throttled_as_asked(aws: Aws, api: Created, stage: Created) -> None:
    create(
        aws,
        "aws:apigateway/methodSettings:MethodSettings",
        restApi=api.id,
        stageName="live",
        methodPath="*/*",
        settings={
            "throttlingRateLimit": 100,
            "throttlingBurstLimit": 50,
            "metricsEnabled": True,
            "loggingLevel": "OFF",
            "dataTraceEnabled": False,
        },
    )
    made = aws.apigateway.get_stage(restApiId=api.id, stageName="live")
    assert made["accessLogSettings"] == {
        "destinationArn": "arn:aws:logs:eu-central-1:123456789012:log-group:api",
        "format": '{"path": "a/b"}',
    }
    settings = made["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (100, 50)
    assert (settings["metricsEnabled"], settings["loggingLevel"], settings["dataTraceEnabled"]) == (True, "OFF", False)
    assert made["tags"] == DEFAULT_TAGS
    assert stage.id == f"ags-{api.id}-live"


def test_the_account_logs_with_its_role(aws: Aws) -> None:
    role = "arn:aws:iam::123456789012:role/api-logs"
    create(aws, "aws:apigateway/account:Account", cloudwatchRoleArn=role)
    assert aws.apigateway.get_account()["cloudwatchRoleArn"] == role
