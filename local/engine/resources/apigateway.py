"""Amazon API Gateway: a REST API, resource by resource."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import Aws
from local.engine.inputs import Inputs
from local.engine.resources.provisioner import Created, Provisioner

_ACCOUNT_ID: Final = "api-gateway-account"  # the real provider's id for what there is one of per region


def rest_api(inputs: Inputs, aws: Aws) -> Created:
    """A REST API with nothing but its root."""
    settings: dict[str, Any] = inputs.pick(
        description="description",
        disableExecuteApiEndpoint="disableExecuteApiEndpoint",
        securityPolicy="securityPolicy",
        endpointAccessMode="endpointAccessMode",
    )
    if endpoint := inputs.block("endpointConfiguration"):
        settings["endpointConfiguration"] = {"types": [endpoint.required("types")]}
    created = aws.apigateway.create_rest_api(name=inputs.name(), tags=inputs.tags(), **settings)
    identity = created["id"]
    return Created(
        identity,
        {
            "name": created["name"],
            "rootResourceId": created["rootResourceId"],
            "arn": f"arn:aws:apigateway:{aws.region}::/restapis/{identity}",
            "executionArn": aws.arn("execute-api", identity),
        },
    )


def resource(inputs: Inputs, aws: Aws) -> Created:
    """One segment of a path."""
    created = aws.apigateway.create_resource(
        restApiId=inputs.required("restApi"), parentId=inputs.required("parentId"), pathPart=inputs.required("pathPart")
    )
    return Created(created["id"], {"path": created["path"]})


def method(inputs: Inputs, aws: Aws) -> Created:
    """A method of a path, and who may call it with what."""
    api, path, verb = inputs.required("restApi"), inputs.required("resourceId"), inputs.required("httpMethod")
    settings = inputs.pick(
        authorizerId="authorizerId",
        requestModels="requestModels",
        requestParameters="requestParameters",
        requestValidatorId="requestValidatorId",
    )
    kind = inputs.required("authorization")
    aws.apigateway.put_method(restApiId=api, resourceId=path, httpMethod=verb, authorizationType=kind, **settings)
    return Created(f"agm-{api}-{path}-{verb}")


def integration(inputs: Inputs, aws: Aws) -> Created:
    """What answers a method."""
    api, path, verb = inputs.required("restApi"), inputs.required("resourceId"), inputs.required("httpMethod")
    settings = inputs.pick(
        type="type",
        integrationHttpMethod="integrationHttpMethod",
        uri="uri",
        timeoutMilliseconds="timeoutInMillis",
        requestTemplates="requestTemplates",
        passthroughBehavior="passthroughBehavior",
    )
    aws.apigateway.put_integration(restApiId=api, resourceId=path, httpMethod=verb, **settings)
    return Created(f"agi-{api}-{path}-{verb}")


def method_response(inputs: Inputs, aws: Aws) -> Created:
    """A status that a method may answer with, and the headers it may have then."""
    api, path, verb = inputs.required("restApi"), inputs.required("resourceId"), inputs.required("httpMethod")
    status, settings = inputs.required("statusCode"), inputs.pick(responseParameters="responseParameters")
    aws.apigateway.put_method_response(restApiId=api, resourceId=path, httpMethod=verb, statusCode=status, **settings)
    return Created(f"agmr-{api}-{path}-{verb}-{status}")


def integration_response(inputs: Inputs, aws: Aws) -> Created:
    """What a method answers of what its integration answered."""
    api, path, verb = inputs.required("restApi"), inputs.required("resourceId"), inputs.required("httpMethod")
    status = inputs.required("statusCode")
    settings = inputs.pick(responseParameters="responseParameters", responseTemplates="responseTemplates")
    aws.apigateway.put_integration_response(
        restApiId=api, resourceId=path, httpMethod=verb, statusCode=status, **settings
    )
    return Created(f"agir-{api}-{path}-{verb}-{status}")


def authorizer(inputs: Inputs, aws: Aws) -> Created:
    """A function that says who calls."""
    api = inputs.required("restApi")
    settings = inputs.pick(
        type="type",
        authorizerUri="authorizerUri",
        identitySource="identitySource",
        identityValidationExpression="identityValidationExpression",
        authorizerResultTtlInSeconds="authorizerResultTtlInSeconds",
    )
    identity = aws.apigateway.create_authorizer(restApiId=api, name=inputs.name(), **settings)["id"]
    return Created(identity, {"arn": f"arn:aws:apigateway:{aws.region}::/restapis/{api}/authorizers/{identity}"})


def request_validator(inputs: Inputs, aws: Aws) -> Created:
    """What is checked before an integration is called."""
    settings = inputs.pick(
        validateRequestBody="validateRequestBody", validateRequestParameters="validateRequestParameters"
    )
    created = aws.apigateway.create_request_validator(
        restApiId=inputs.required("restApi"), name=inputs.name(), **settings
    )
    return Created(created["id"], {"name": created["name"]})


def model(inputs: Inputs, aws: Aws) -> Created:
    """A JSON schema that bodies are checked with."""
    created = aws.apigateway.create_model(
        restApiId=inputs.required("restApi"),
        name=inputs.name(),
        contentType=inputs.required("contentType"),
        **inputs.pick(description="description", schema="schema"),
    )
    return Created(created["id"], {"name": created["name"]})


def gateway_response(inputs: Inputs, aws: Aws) -> Created:
    """What API Gateway answers when it does not come to an integration."""
    api, kind = inputs.required("restApiId"), inputs.required("responseType")
    settings = inputs.pick(
        statusCode="statusCode", responseParameters="responseParameters", responseTemplates="responseTemplates"
    )
    aws.apigateway.put_gateway_response(restApiId=api, responseType=kind, **settings)
    return Created(f"aggr-{api}-{kind}")


def deployment(inputs: Inputs, aws: Aws) -> Created:
    """The API as it is now, for stages to serve."""
    api = inputs.required("restApi")
    created = aws.apigateway.create_deployment(restApiId=api, **inputs.pick(description="description"))
    return Created(created["id"])


def stage(inputs: Inputs, aws: Aws) -> Created:
    """A deployment under a name, at the address the emulator serves it under."""
    api, name = inputs.required("restApi"), inputs.required("stageName")
    settings = inputs.pick(description="description", xrayTracingEnabled="tracingEnabled", variables="variables")
    aws.apigateway.create_stage(
        restApiId=api, stageName=name, deploymentId=inputs.required("deployment"), tags=inputs.tags(), **settings
    )
    if log := inputs.block("accessLogSettings"):
        _patch_stage(
            api, name, _paths("/accessLogSettings", log.pick(destinationArn="destinationArn", format="format")), aws
        )
    return Created(
        f"ags-{api}-{name}",
        {
            "arn": f"arn:aws:apigateway:{aws.region}::/restapis/{api}/stages/{name}",
            "executionArn": aws.arn("execute-api", f"{api}/{name}"),
            "invokeUrl": f"{aws.emulator.endpoint_url}/_aws/execute-api/{api}/{name}",
        },
    )


def method_settings(inputs: Inputs, aws: Aws) -> Created:
    """Throttling, metrics and logging of a stage's methods."""
    api, name, path = inputs.required("restApi"), inputs.required("stageName"), inputs.required("methodPath")
    if settings := inputs.block("settings"):
        values = settings.pick(
            throttlingRateLimit="throttling/rateLimit",
            throttlingBurstLimit="throttling/burstLimit",
            metricsEnabled="metrics/enabled",
            loggingLevel="logging/loglevel",
            dataTraceEnabled="logging/dataTrace",
        )
        _patch_stage(api, name, _paths(f"/{path}", values), aws)
    return Created(f"{api}-{name}-{path}")


def account(inputs: Inputs, aws: Aws) -> Created:
    """The role that all APIs of the account and region log with."""
    values = inputs.pick(cloudwatchRoleArn="cloudwatchRoleArn")
    aws.apigateway.update_account(patchOperations=_replacements(_paths("", values)))
    return Created(_ACCOUNT_ID)


def _patch_stage(api: str, stage_name: str, values: Mapping[str, str], aws: Aws) -> None:
    aws.apigateway.update_stage(restApiId=api, stageName=stage_name, patchOperations=_replacements(values))


def _paths(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Patch values by path; API Gateway takes all of them as text, and truth in lower case."""
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
    return {f"{prefix}/{name}": text for name, text in texts.items()}


def _replacements(values: Mapping[str, str]) -> list[Any]:
    return [{"op": "replace", "path": path, "value": value} for path, value in values.items()]


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:apigateway/restApi:RestApi": rest_api,
    "aws:apigateway/resource:Resource": resource,
    "aws:apigateway/method:Method": method,
    "aws:apigateway/integration:Integration": integration,
    "aws:apigateway/methodResponse:MethodResponse": method_response,
    "aws:apigateway/integrationResponse:IntegrationResponse": integration_response,
    "aws:apigateway/authorizer:Authorizer": authorizer,
    "aws:apigateway/requestValidator:RequestValidator": request_validator,
    "aws:apigateway/model:Model": model,
    "aws:apigateway/response:Response": gateway_response,
    "aws:apigateway/deployment:Deployment": deployment,
    "aws:apigateway/stage:Stage": stage,
    "aws:apigateway/methodSettings:MethodSettings": method_settings,
    "aws:apigateway/account:Account": account,
}
