"""What is asked of the functions that are measured, in the form in which API Gateway and SQS hand it to them."""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ops.client import Credentials

_PROSE: Final = """
    a account again all amount and answer as at be before bill by can card change code confirm contact customer date
    day delivered details do email every for from get give has have hello help here hour if in invoice is it item keep
    last let link made message minute more name new next no not number of offer on one only open order our page paid
    pay payment phone please price receipt reply return see send service ship so support team than thank that the then
    there they this time to today total track two until update use was we week when which will with within year you
"""
_ENDS: Final = (" ", " ", " ", " ", " ", " ", ", ", ". ", "! ", " 42 ")


def content(channel: str, size: int, printed: str = "") -> dict[str, str]:
    """Return a message whose parts have so many characters together, and print what is to be printed besides."""
    if channel == "email":
        tags = '<p></p><img src="{{ open_url }}"><a href="{{ tracked(\'https://example.com/\') }}">a</a>'
        subject = "Measured"
        return {"subject": subject, "body": f"<p>{printed}{text(size - len(tags) - len(subject))}</p>{tags[7:]}"}
    subject = "Measured" if channel == "push" else ""
    body = printed + text(size - len(subject))
    return {"subject": subject, "body": body} if subject else {"body": body}


def text(size: int) -> str:
    """Return so many characters of text, always the same, which can be compressed as much as what people write."""
    chosen, words, text = random.Random(7), _PROSE.split(), ""  # noqa: S311 - no secret
    while len(text) < size:
        text += chosen.choice(words) + chosen.choice(_ENDS)
    return text[:size]


def contact(user: str) -> dict[str, Any]:
    """Return a user who is reached once on every channel."""
    url = f"https://hooks.example.com/{uuid.uuid4().hex}"
    return {
        "email": f"{user}@example.com",
        "phone": f"+4915112345{user[-3:]}",
        "device_tokens": [{"deviceToken": uuid.uuid4().hex * 2, "platform": "apns"}],
        "external_channels": [{"platform": "webhook", "url": url, "status": True}],
    }


def post(body: Mapping[str, Any], credentials: Credentials) -> dict[str, Any]:
    """Return the event of a REST API.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    authorizer = {"app_key": credentials.app_key, "categories": '["*"]', "channels": '["*"]'}
    return {**event("POST", "/v1/notifications", "/v1/notifications", authorizer), "body": json.dumps(body)}


def event(method: str, resource: str, path: str, authorizer: Mapping[str, str]) -> dict[str, Any]:
    """Return what a REST API hands to its function."""
    headers = {"Content-Type": "application/json", "Host": "abcdefghij.execute-api.eu-central-1.amazonaws.com"}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"authorizer": authorizer, "requestId": str(uuid.uuid4()), "path": f"/live{path}"},
        "body": None,
        "isBase64Encoded": False,
    }


def batch(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the event of a queue, of entries of the bus as rules send them on.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    return {"Records": [_record(each) for each in events]}


def _record(entry: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": "123456789012",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "eu-central-1",
        "resources": entry["Resources"],
        "detail": json.loads(entry["Detail"]),
    }
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": uuid.uuid4().hex,
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1764000000000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:carillon-prod-email",
        "awsRegion": "eu-central-1",
    }
