"""What a path answers to the methods it does not have: 204 to OPTIONS, 405 to any other, both with `Allow`.

API Gateway answers them itself (a MOCK integration), before anybody is asked for a token: no function is invoked, none
has to permit it, and what a path takes is in the API's description anyway (RFC 9110 9.3.7, 15.5.6).
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from handlers.domain.security_headers import SECURITY_HEADERS
from stacks.api.responses import METHOD_NOT_ALLOWED
from stacks.api.routes import allowed, path_identifier

# A mock without a template for the request's type would be a 500, and so it is 415 for any other than these.
_TYPES = (
    "application/json",  # which is also that of a request that says none
    "application/merge-patch+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
    "application/octet-stream",
)


@dataclass(frozen=True)
class Answer:
    """What a mock answers to one method, `ANY` for all that have none of their own."""

    method: str
    status: int
    body: str
    content_type: str | None = None


ANSWERS = (
    Answer("OPTIONS", 204, ""),
    Answer("ANY", METHOD_NOT_ALLOWED.status, METHOD_NOT_ALLOWED.template, "application/problem+json"),
)


def answer_other_methods(
    rest_api: pulumi.Input[str],
    path: str,
    resource_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    start: str = "",
) -> list[pulumi.Resource]:
    """Make both of a path's answers, by names with this start; a deployment has to come after what is returned."""
    return [_answer(each, rest_api, path, resource_id, opts, start) for each in ANSWERS]


def _answer(
    answer: Answer,
    rest_api: pulumi.Input[str],
    path: str,
    resource_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    start: str,
) -> pulumi.Resource:
    name = f"{start}{answer.method.lower()}{path_identifier(path)}"
    typed = {"Content-Type": answer.content_type} if answer.content_type else {}
    headers = {"Allow": ", ".join(allowed(path)), **typed, **SECURITY_HEADERS}
    method = aws.apigateway.Method(
        name, rest_api=rest_api, resource_id=resource_id, http_method=answer.method, authorization="NONE", opts=opts
    )
    where = {"rest_api": rest_api, "resource_id": resource_id, "http_method": method.http_method}
    integration = aws.apigateway.Integration(
        f"{name}-integration",
        **where,
        type="MOCK",
        request_templates=dict.fromkeys(_TYPES, json.dumps({"statusCode": answer.status})),
        passthrough_behavior="NEVER",
        opts=opts,
    )
    promised = aws.apigateway.MethodResponse(
        f"{name}-promised",
        **where,
        status_code=str(answer.status),
        response_parameters={f"method.response.header.{header}": True for header in headers},
        opts=opts,
    )
    made: pulumi.Resource = aws.apigateway.IntegrationResponse(
        f"{name}-answer",
        **where,
        status_code=str(answer.status),
        response_parameters={f"method.response.header.{header}": f"'{value}'" for header, value in headers.items()},
        response_templates={"application/json": answer.body},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[integration, promised])),
    )
    return made
