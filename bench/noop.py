"""The floor: what a pipeline of this shape costs that does nothing, with boto3 alone. Runs in Lambda as it stands.

It prints one line for each invocation, as ours do: in the emulator a function that prints nothing takes 50 ms longer.
"""

import json
import os
import time
import uuid
from typing import Any

import boto3

# ruff: noqa: T201 - Lambda's log is what is printed

_dynamodb = boto3.client("dynamodb")
_events = boto3.client("events")
_table = os.environ["TABLE"]
_bus = os.environ["BUS"]


def authorize(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Let everybody call everything."""
    del context
    print("authorized")
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    return {"principalId": "bench", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def accept(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Put one item and one event."""
    del context
    key = str(uuid.uuid4())
    item = {"id": {"S": key}, "status": {"S": "created"}, "body": {"S": event["body"]}}
    _dynamodb.put_item(TableName=_table, Item=item)
    detail = json.dumps({"id": key})
    _events.put_events(Entries=[{"Source": "bench", "DetailType": "noop", "Detail": detail, "EventBusName": _bus}])
    print("accepted")
    return {"statusCode": 202, "body": json.dumps({"id": key})}


def deliver(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Update one item for each record."""
    del context
    for record in event["Records"]:
        _dynamodb.update_item(
            TableName=_table,
            Key={"id": {"S": json.loads(record["body"])["detail"]["id"]}},
            UpdateExpression="SET #status = :sent, sent_at = :at",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":sent": {"S": "sent"}, ":at": {"N": str(time.time())}},
        )
    print("delivered")
    return {"batchItemFailures": []}
