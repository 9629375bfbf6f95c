"""The REST API: its routes, its authorizer, what it checks before a function is invoked, and its access log."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from handlers.domain.security_headers import SECURITY_HEADERS
from stacks.api.logging import AccountLogging, AccountLoggingArgs
from stacks.api.other_methods import ANSWERS, answer_other_methods
from stacks.api.responses import RESPONSES
from stacks.api.routes import ROUTES, Route, path_identifier, paths
from stacks.compute.function import Function, Logging, permit
from stacks.naming import STAGE, Naming
from stacks.settings import ApiSettings, DomainSettings

# TLS 1.3 alone, on the API as on a domain of one's own, whose handshake follows the policy of the API behind it:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies.html
TLS_1_3 = "SecurityPolicy_TLS13_1_3_2025_09"
# TLS 1.2 too, with forward secrecy: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies-list.html
POLICIES = {"1.3": TLS_1_3, "1.2": "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"}
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
    """`functions` are those behind the routes, by name; `authorizer` is who is asked where a token is wanted."""

    naming: Naming
    settings: ApiSettings
    authorizer: Function | None
    functions: Mapping[str, Function]
    logging: Logging
    tracing: bool = False

    def __post_init__(self) -> None:
        if missing := {route.function for route in ROUTES} - set(self.functions):
            raise ValueError(f"Routes lead to functions that are not given: {', '.join(sorted(missing))}.")


@dataclass(frozen=True)
class _Body:
    """What checks that a body is a JSON object."""

    validator: aws.apigateway.RequestValidator
    model: aws.apigateway.Model


class _RestApi(pulumi.ComponentResource):
    """A regional REST API with one stage. Each has a type and a start of names of its own, which tell both apart."""

    _kind: ClassVar[str]
    _start: ClassVar[str]
    _description: ClassVar[str]
    _routes: ClassVar[tuple[Route, ...]]

    stage_arn: pulumi.Output[str]
    url: pulumi.Output[str]
    """Without a trailing slash; `/v1/…` follows."""
    dns_records: pulumi.Output[list[dict[str, str]]]
    """What makes a domain of one's own lead here: `{"name", "type", "value"}`; none without such a domain."""

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(self._kind, name, {}, opts)
        self._args = args
        self._api = self._rest_api()
        self._authorizer = self._token_authorizer()
        self._resources = self._paths()
        deployed = [*self._responses(), *self._methods(), *self._other_methods()]
        stage = self._stage(self._deployment(deployed))
        domain = self._own_domain(stage)
        self.stage_arn = stage.arn
        self.url = pulumi.Output.format("https://{0}", domain.domain_name) if domain else stage.invoke_url
        self.dns_records = _dns_records(domain)
        self.register_outputs({"stage_arn": self.stage_arn, "url": self.url, "dns_records": self.dns_records})

    @property
    def _api_name(self) -> str:
        raise NotImplementedError

    @property
    def _tls(self) -> str:
        """The policy that says which TLS is taken."""
        raise NotImplementedError

    @property
    def _domain(self) -> DomainSettings | None:
        """Return the domain of one's own, if there is one."""
        raise NotImplementedError

    @property
    def _log_group(self) -> str:
        raise NotImplementedError

    def _token_authorizer(self) -> aws.apigateway.Authorizer | None:
        """Return who is asked for each request that is not public; none without such requests."""
        raise NotImplementedError

    def _needed_to_log(self) -> list[pulumi.Resource]:
        """Return what a stage can only log after."""
        return []

    @property
    def _body(self) -> _Body:
        """What checks bodies; none is asked for where every route is public."""
        raise NotImplementedError

    def _named(self, name: str) -> str:
        return f"{self._start}{name}"

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _rest_api(self) -> aws.apigateway.RestApi:
        return aws.apigateway.RestApi(
            self._named("api"),
            name=self._api_name,
            description=self._description,
            endpoint_configuration={"types": "REGIONAL"},
            security_policy=self._tls,
            endpoint_access_mode=_STRICT,
            disable_execute_api_endpoint=self._domain is not None,
            opts=self._child,
        )

    def _permit(self, name: str, function: Function, what: pulumi.Input[str]) -> None:
        source = pulumi.Output.format("{0}/{1}", self._api.execution_arn, what)
        permit(self._named(f"may-invoke-{name}"), function, "apigateway.amazonaws.com", source, self._child)

    def _paths(self) -> dict[str, pulumi.Output[str]]:
        ids: dict[str, pulumi.Output[str]] = {"": self._api.root_resource_id}
        for path in paths(self._routes):
            parent, _, part = path.rpartition("/")
            resource = aws.apigateway.Resource(
                self._named(f"path{path_identifier(path)}"),
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
                self._named(f"response-{response.kind.lower().replace('_', '-')}"),
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
        return [self._method(route) for route in self._routes]

    def _other_methods(self) -> list[pulumi.Resource]:
        return [
            made
            for path in dict.fromkeys(route.path for route in self._routes)
            for made in answer_other_methods(self._api.id, path, self._resources[path], self._child, self._start)
        ]

    def _method(self, route: Route) -> aws.apigateway.Integration:
        checked = self._body if route.has_body else None
        method = aws.apigateway.Method(
            self._named(route.identifier),
            rest_api=self._api.id,
            resource_id=self._resources[route.path],
            http_method=route.method,
            authorization="NONE" if route.public else "CUSTOM",
            authorizer_id=None if route.public or self._authorizer is None else self._authorizer.id,
            request_validator_id=checked and checked.validator.id,
            request_models=checked and dict.fromkeys(_BODY_TYPES, checked.model.name),
            opts=self._child,
        )
        function = self._args.functions[route.function]
        self._permit(route.identifier, function, f"{STAGE}/{route.arn_suffix}")
        return aws.apigateway.Integration(
            self._named(f"{route.identifier}-integration"),
            rest_api=self._api.id,
            resource_id=self._resources[route.path],
            http_method=method.http_method,
            type="AWS_PROXY",
            integration_http_method="POST",  # how Lambda is called, whatever the client's method
            uri=function.invoke_arn,
            opts=self._child,
        )

    def _deployment(self, deployed: list[pulumi.Resource]) -> aws.apigateway.Deployment:
        remembered = self._args.settings.authorizer_cache_seconds
        frozen = surface(self._routes, remembered, self._tls, has_domain=self._domain is not None)
        return aws.apigateway.Deployment(
            self._named("deployment"),
            rest_api=self._api.id,
            triggers={"surface": frozen},
            opts=pulumi.ResourceOptions(parent=self, depends_on=deployed),
        )

    def _stage(self, deployment: aws.apigateway.Deployment) -> aws.apigateway.Stage:
        settings = self._args.settings
        log_group = self._access_log()
        stage = aws.apigateway.Stage(
            self._named("stage"),
            rest_api=self._api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            xray_tracing_enabled=self._args.tracing,
            access_log_settings={
                "destination_arn": log_group.arn,
                "format": json.dumps(ACCESS_LOG_FORMAT, separators=(",", ":")),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._needed_to_log()),
        )
        aws.apigateway.MethodSettings(
            self._named("throttling"),
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
            self._named("access-log"),
            name=self._log_group,
            kms_key_id=self._args.logging.key_arn,
            retention_in_days=self._args.logging.retention_days,
            opts=self._child,
        )

    def _own_domain(self, stage: aws.apigateway.Stage) -> aws.apigateway.DomainName | None:
        domain = self._domain
        if domain is None:
            return None
        made = aws.apigateway.DomainName(
            self._named("domain"),
            domain_name=domain.name,
            regional_certificate_arn=domain.certificate_arn,
            endpoint_configuration={"types": "REGIONAL"},
            security_policy=self._tls,
            endpoint_access_mode=_STRICT,
            opts=self._child,
        )
        aws.apigateway.BasePathMapping(
            self._named("domain-mapping"),
            domain_name=made.domain_name,
            rest_api=self._api.id,
            stage_name=stage.stage_name,
            opts=self._child,
        )
        return made


def surface(routes: Sequence[Route], authorizer_cache_seconds: int, tls: str, *, has_domain: bool) -> str:
    """Return a hash of all that a deployment freezes: until there is a new one, a stage goes on serving the old."""
    frozen = {
        "routes": [asdict(route) for route in routes],
        "responses": [asdict(response) for response in RESPONSES],
        "headers": dict(SECURITY_HEADERS),
        "other methods": [asdict(answer) for answer in ANSWERS],
        "body": [_OBJECT, _BODY_TYPES],
        "authorizer": [_BEARER, authorizer_cache_seconds],
        "tls": [tls, _STRICT, has_domain],
    }
    return hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()


class Api(_RestApi):
    """What producers call, with TLS 1.3 alone."""

    _kind = "carillon:stacks:Api"
    _start = ""
    _description = "Send notifications, keep contacts and templates"
    _routes = ROUTES

    @property
    def _api_name(self) -> str:
        return self._args.naming.prefix

    @property
    def _tls(self) -> str:
        return TLS_1_3

    @property
    def _domain(self) -> DomainSettings | None:
        return self._args.settings.custom_domain

    @property
    def _log_group(self) -> str:
        return self._args.naming.api_log_group

    def _needed_to_log(self) -> list[pulumi.Resource]:
        if not self._args.settings.manage_account_logging:
            return []
        return [AccountLogging("account-logging", AccountLoggingArgs(self._args.naming), self._child)]

    def _token_authorizer(self) -> aws.apigateway.Authorizer:
        if self._args.authorizer is None:
            raise ValueError("Producers' requests need an authorizer.")
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

    @cached_property
    def _body(self) -> "_Body":
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
        return _Body(validator, body)


class LinksApi(_RestApi):
    """What recipients and providers call: the public routes again, with a policy of TLS that any mail program can meet.

    AWS applies the policy of the API, also behind a domain, so another policy takes another API. The routes are on the
    other API too, for links of before and for whoever has one address for both.
    """

    _kind = "carillon:stacks:LinksApi"
    _start = "links-"
    _description = "Links in messages, and what providers tell of them"
    _routes = tuple(route for route in ROUTES if route.public)

    @property
    def _api_name(self) -> str:
        return self._args.naming.named("links")

    @property
    def _tls(self) -> str:
        return POLICIES[self._args.settings.minimum_tls]

    @property
    def _domain(self) -> DomainSettings | None:
        return self._args.settings.links_domain

    @property
    def _log_group(self) -> str:
        return self._args.naming.links_log_group

    def _token_authorizer(self) -> None:
        return None


def _dns_records(domain: aws.apigateway.DomainName | None) -> pulumi.Output[list[dict[str, str]]]:
    if domain is None:
        return pulumi.Output.from_input([])
    record = {"name": domain.domain_name, "type": "CNAME", "value": domain.regional_domain_name}
    return pulumi.Output.from_input([record])
