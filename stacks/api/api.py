"""The REST API: its routes, its authorizer, what it checks before a function is invoked, and its access log."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pulumi
import pulumi_aws as aws

from stacks.api.logging import AccountLogging, AccountLoggingArgs
from stacks.api.other_methods import ANSWERS, answer_other_methods
from stacks.api.responses import RESPONSES
from stacks.api.routes import ROUTES, Route, path_identifier, paths
from stacks.compute.function import Function, Logging, permit
from stacks.naming import STAGE, Naming
from stacks.settings import ApiSettings

# TLS 1.3 alone, on the API as on a domain of one's own, whose handshake follows the policy of the API behind it:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies.html
TLS_1_3 = "SecurityPolicy_TLS13_1_3_2025_09"
_STRICT = "STRICT"  # the TLS name and the Host header must be the same

# RFC 6750 2.1, the scheme in any case (RFC 9110 11.1). Anything else is refused without invoking the authorizer.
_BEARER = r"^[Bb][Ee][Aa][Rr][Ee][Rr] [-A-Za-z0-9._~+/]+=*$"
_OBJECT = {"$schema": "http://json-schema.org/draft-04/schema#", "title": "Object", "type": "object"}
_BODY_TYPES = ("application/json", "application/merge-patch+json")

# Nothing here says who a notification is for: the path of a contact names a user, so the route stands for it.
ACCESS_LOG_FORMAT = {
    "request_id": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "latency_ms": "$context.responseLatency",
    "integration_latency_ms": "$context.integrationLatency",
    "app_key": "$context.authorizer.app_key",
    "tls_version": "$context.tlsVersion",
}


@dataclass(frozen=True)
class ApiArgs:
    """`functions` are those behind the routes, by name."""

    naming: Naming
    settings: ApiSettings
    authorizer: Function
    functions: Mapping[str, Function]
    logging: Logging

    def __post_init__(self) -> None:
        if missing := {route.function for route in ROUTES} - set(self.functions):
            raise ValueError(f"Routes lead to functions that are not given: {', '.join(sorted(missing))}.")


class Api(pulumi.ComponentResource):
    """A regional REST API with one stage."""

    url: pulumi.Output[str]
    """Without a trailing slash; `/v1/…` follows."""
    dns_records: pulumi.Output[list[dict[str, str]]]
    """What makes a domain of one's own lead here: `{"name", "type", "value"}`; none without such a domain."""

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Api", name, {}, opts)
        self._args = args
        self._api = self._rest_api()
        self._authorizer = self._token_authorizer()
        self._resources = self._paths()
        deployed = [*self._responses(), *self._methods(), *self._other_methods()]
        stage = self._stage(self._deployment(deployed))
        domain = self._own_domain(stage)
        self.url = pulumi.Output.format("https://{0}", domain.domain_name) if domain else stage.invoke_url
        self.dns_records = _dns_records(domain)
        self.register_outputs({"url": self.url, "dns_records": self.dns_records})

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _rest_api(self) -> aws.apigateway.RestApi:
        return aws.apigateway.RestApi(
            "api",
            name=self._args.naming.prefix,
            description="Send notifications, keep contacts and templates",
            endpoint_configuration={"types": "REGIONAL"},
            security_policy=TLS_1_3,
            endpoint_access_mode=_STRICT,
            disable_execute_api_endpoint=self._args.settings.custom_domain is not None,
            opts=self._child,
        )

    def _token_authorizer(self) -> aws.apigateway.Authorizer:
        authorizer = aws.apigateway.Authorizer(
            "authorizer",
            name="app-token",
            rest_api=self._api.id,
            type="TOKEN",
            authorizer_uri=self._args.authorizer.invoke_arn,
            identity_source="method.request.header.Authorization",
            identity_validation_expression=_BEARER,
            authorizer_result_ttl_in_seconds=self._args.settings.authorizer_cache_seconds,
            opts=self._child,
        )
        self._permit("authorizer", self._args.authorizer, pulumi.Output.format("authorizers/{0}", authorizer.id))
        return authorizer

    def _permit(self, name: str, function: Function, what: pulumi.Input[str]) -> None:
        source = pulumi.Output.format("{0}/{1}", self._api.execution_arn, what)
        permit(f"may-invoke-{name}", function, "apigateway.amazonaws.com", source, self._child)

    def _paths(self) -> dict[str, pulumi.Output[str]]:
        ids: dict[str, pulumi.Output[str]] = {"": self._api.root_resource_id}
        for path in paths():
            parent, _, part = path.rpartition("/")
            resource = aws.apigateway.Resource(
                f"path{path_identifier(path)}",
                rest_api=self._api.id,
                parent_id=ids[parent],
                path_part=part,
                opts=self._child,
            )
            ids[path] = resource.id
        return ids

    def _responses(self) -> list[pulumi.Resource]:
        return [
            aws.apigateway.Response(
                f"response-{response.kind.lower().replace('_', '-')}",
                rest_api_id=self._api.id,
                response_type=response.kind,
                status_code=str(response.status),
                response_templates={"application/json": response.template},
                response_parameters=response.parameters,
                opts=self._child,
            )
            for response in RESPONSES
        ]

    def _methods(self) -> list[pulumi.Resource]:
        validator = aws.apigateway.RequestValidator(
            "validator",
            name="body",
            rest_api=self._api.id,
            validate_request_body=True,
            validate_request_parameters=False,
            opts=self._child,
        )
        body = aws.apigateway.Model(
            "model",
            name="Object",
            description="Any JSON object: the functions say which fields it may have",
            rest_api=self._api.id,
            content_type="application/json",
            schema=json.dumps(_OBJECT),
            opts=self._child,
        )
        return [self._method(route, validator, body) for route in ROUTES]

    def _other_methods(self) -> list[pulumi.Resource]:
        return [
            made
            for path in dict.fromkeys(route.path for route in ROUTES)
            for made in answer_other_methods(self._api.id, path, self._resources[path], self._child)
        ]

    def _method(
        self, route: Route, validator: aws.apigateway.RequestValidator, body: aws.apigateway.Model
    ) -> aws.apigateway.Integration:
        method = aws.apigateway.Method(
            route.identifier,
            rest_api=self._api.id,
            resource_id=self._resources[route.path],
            http_method=route.method,
            authorization="NONE" if route.public else "CUSTOM",
            authorizer_id=None if route.public else self._authorizer.id,
            request_validator_id=validator.id if route.has_body else None,
            request_models=dict.fromkeys(_BODY_TYPES, body.name) if route.has_body else None,
            opts=self._child,
        )
        function = self._args.functions[route.function]
        self._permit(route.identifier, function, f"{STAGE}/{route.arn_suffix}")
        return aws.apigateway.Integration(
            f"{route.identifier}-integration",
            rest_api=self._api.id,
            resource_id=self._resources[route.path],
            http_method=method.http_method,
            type="AWS_PROXY",
            integration_http_method="POST",  # how Lambda is called, whatever the client's method
            uri=function.invoke_arn,
            opts=self._child,
        )

    def _deployment(self, deployed: list[pulumi.Resource]) -> aws.apigateway.Deployment:
        return aws.apigateway.Deployment(
            "deployment",
            rest_api=self._api.id,
            triggers={"surface": _surface(self._args.settings)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=deployed),
        )

    def _stage(self, deployment: aws.apigateway.Deployment) -> aws.apigateway.Stage:
        settings = self._args.settings
        log_group = self._access_log()
        # A stage cannot log before the account may.
        needed = (
            [AccountLogging("account-logging", AccountLoggingArgs(self._args.naming), self._child)]
            if settings.manage_account_logging
            else []
        )
        stage = aws.apigateway.Stage(
            "stage",
            rest_api=self._api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            access_log_settings={"destination_arn": log_group.arn, "format": json.dumps(ACCESS_LOG_FORMAT)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        aws.apigateway.MethodSettings(
            "throttling",
            rest_api=self._api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings={
                "throttling_rate_limit": settings.throttle_rate,
                "throttling_burst_limit": settings.throttle_burst,
                "metrics_enabled": True,
                # Execution logs hold requests and answers whole: personal data, and tokens.
                "logging_level": "OFF",
                "data_trace_enabled": False,
            },
            opts=self._child,
        )
        return stage

    def _access_log(self) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            "access-log",
            name=self._args.naming.api_log_group,
            kms_key_id=self._args.logging.key_arn,
            retention_in_days=self._args.logging.retention_days,
            opts=self._child,
        )

    def _own_domain(self, stage: aws.apigateway.Stage) -> aws.apigateway.DomainName | None:
        domain = self._args.settings.custom_domain
        if domain is None:
            return None
        made = aws.apigateway.DomainName(
            "domain",
            domain_name=domain.name,
            regional_certificate_arn=domain.certificate_arn,
            endpoint_configuration={"types": "REGIONAL"},
            security_policy=TLS_1_3,
            endpoint_access_mode=_STRICT,
            opts=self._child,
        )
        aws.apigateway.BasePathMapping(
            "domain-mapping",
            domain_name=made.domain_name,
            rest_api=self._api.id,
            stage_name=stage.stage_name,
            opts=self._child,
        )
        return made


def _dns_records(domain: aws.apigateway.DomainName | None) -> pulumi.Output[list[dict[str, str]]]:
    if domain is None:
        return pulumi.Output.from_input([])
    record = {"name": domain.domain_name, "type": "CNAME", "value": domain.regional_domain_name}
    return pulumi.Output.from_input([record])


def _surface(settings: ApiSettings) -> str:
    """Return a hash of all that a deployment freezes: until there is a new one, a stage goes on serving the old."""
    surface = {
        "routes": [asdict(route) for route in ROUTES],
        "responses": [asdict(response) for response in RESPONSES],
        "other methods": [asdict(answer) for answer in ANSWERS],
        "body": [_OBJECT, _BODY_TYPES],
        "authorizer": [_BEARER, settings.authorizer_cache_seconds],
        "tls": [TLS_1_3, _STRICT, settings.custom_domain is not None],
    }
    return hashlib.sha256(json.dumps(surface, sort_keys=True).encode()).hexdigest()
