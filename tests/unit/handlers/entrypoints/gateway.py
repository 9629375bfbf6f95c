"""API Gateway's part: the event of a REST API's Lambda proxy integration, and its reading of the answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LambdaContext:
    function_name: str = "test"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:test"
    aws_request_id: str = "6f1c"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str | None
    body: Any

    def fields(self) -> list[str]:
        return [error["field"] for error in self.body["errors"]]


def call(
    handler: Callable[..., dict[str, Any]],
    method: str,
    path: str,
    body: Any = None,
    *,
    resource: str = "/",
    channels: tuple[str, ...] = ("*",),
) -> Answer:
    """Call the function as the app `demo`."""
    authorizer = {"app_key": "demo", "categories": '["*"]', "channels": json.dumps(channels)}
    event = {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"authorizer": authorizer, "requestId": "r", "path": f"/live{path}"},
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
    answer = handler(event, LambdaContext())
    headers = {**answer.get("headers", {}), **{k: v[0] for k, v in answer.get("multiValueHeaders", {}).items()}}
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
    text = answer["body"]
    assert isinstance(text, str), "a body that is not a string is a malformed answer"
    return Answer(answer["statusCode"], content_type, json.loads(text) if text else None)
