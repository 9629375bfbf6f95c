"""What nobody can read is parked whole."""

from typing import Any

import boto3
from botocore.stub import Stubber

from handlers.adapters.aws.quarantine import SqsQuarantine

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/carillon-test-quarantine"


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def park(body: str, attributes: dict[str, Any], sent: dict[str, Any]) -> None:
    client = boto3.client("sqs", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        stub.add_response("send_message", {}, {"QueueUrl": URL, "MessageBody": body, "MessageAttributes": sent})
        SqsQuarantine(URL, "email", client).park("m-1", body, attributes, "not_an_event")


OURS = {
    "carillon_reason": text("not_an_event"),
    "carillon_message_id": text("m-1"),
    "carillon_channel": text("email"),
}


def test_the_body_its_attributes_and_why_it_is_there() -> None:
    given = {
        "ERROR_CODE": {"stringValue": "NO_PERMISSIONS", "dataType": "String"},
        "bytes": {"binaryValue": "AAE=", "dataType": "Binary"},
    }
    theirs = {"ERROR_CODE": text("NO_PERMISSIONS"), "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}}
    park("not ours", given, {**OURS, **theirs})


def test_sqs_takes_ten_attributes_and_no_more() -> None:
    given = {f"a{n}": {"stringValue": "v", "dataType": "String"} for n in range(10)}
    park("not ours", given, {**OURS, **{f"a{n}": text("v") for n in range(7)}})


def test_a_body_that_leaves_no_room_is_still_whole() -> None:
    park("x" * (1024 * 1024 - 10), {}, {})
