"""API Gateway's part: the event of a REST API's Lambda proxy integration, and its reading of the answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LambdaContext:
    function_name: str = "test"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:test"
    aws_request_id: str = "6f1c"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str | None
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

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
    query: Mapping[str, str | list[str]] | None = None,
    headers: Mapping[str, str | list[str]] | None = None,
    app_key: str = "demo",
    rate: Mapping[str, str] | None = None,
    scopes: Mapping[str, str] | None = None,
) -> Answer:
    """Call the function as an app. A body that is text or bytes is sent as it is, anything else as JSON.

    What is a list in the query or headers is there that many times: the last of them stands alone where only one can.
    """
    sent = _multiple({"Content-Type": "application/json", **(headers or {})})
    queried = _multiple(query or {})
    event = {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in sent.items()},
        "multiValueHeaders": sent,
        "queryStringParameters": {name: values[-1] for name, values in queried.items()} or None,
        "multiValueQueryStringParameters": queried or None,
        "requestContext": {
            "authorizer": {
                "app_key": app_key,
                "categories": '["*"]',
                "channels": json.dumps(channels),
                **(rate or {}),
                **(scopes or {}),
            },
            "requestId": "r",
            "path": f"/live{path}",
        },
        **_body(body),
    }
    answer = handler(event, LambdaContext())
    received = {**answer.get("headers", {}), **{k: v[0] for k, v in answer.get("multiValueHeaders", {}).items()}}
    content_type = next((value for name, value in received.items() if name.lower() == "content-type"), None)
    text = answer["body"]
    assert isinstance(text, str), "a body that is not a string is a malformed answer"
    return Answer(answer["statusCode"], content_type, json.loads(text) if text else None, received)


def _multiple(given: Mapping[str, str | list[str]]) -> dict[str, list[str]]:
    return {name: [value] if isinstance(value, str) else value for name, value in given.items()}


def _body(body: Any) -> dict[str, Any]:
    if isinstance(body, bytes):
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return {"body": text, "isBase64Encoded": False}
