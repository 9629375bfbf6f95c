"""The quarantine queue: one for all channels, for messages that nobody can read. Nobody receives from it but people."""

from base64 import b64decode
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
_MAX_ATTRIBUTES: Final = 10
_MAX_BYTES: Final = 1024 * 1024
_REASON: Final = "carillon_reason"
_MESSAGE_ID: Final = "carillon_message_id"
_CHANNEL: Final = "carillon_channel"


class SqsQuarantine:
    """Calls `sqs:SendMessage`."""

    def __init__(self, url: str, channel: str, client: "SQSClient") -> None:
        self._url = url
        self._channel = channel
        self._client = client

    def park(self, message_id: str, body: str, attributes: Mapping[str, Any], why: str) -> None:
        """Send the whole message here, its attributes (as Lambda gives them) beside why it is here and whence it came.

        What is so large that these do not fit beside it is sent without them: the redriver's log says why.
        """
        ours = {_REASON: _text(why), _MESSAGE_ID: _text(message_id), _CHANNEL: _text(self._channel)}
        theirs = {name: _sent(each) for name, each in attributes.items() if name not in ours}
        together: Any = {**ours, **dict(islice(theirs.items(), _MAX_ATTRIBUTES - len(ours)))}
        fits = len(body.encode()) + sum(_bytes(name, each) for name, each in together.items()) <= _MAX_BYTES
        self._client.send_message(QueueUrl=self._url, MessageBody=body, MessageAttributes=together if fits else {})


def _text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def _sent(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute as it is sent, from its form in an event: `{"dataType", "stringValue" or "binaryValue"}`.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    kind = attribute["dataType"]
    if attribute.get("binaryValue") is not None:
        return {"DataType": kind, "BinaryValue": b64decode(attribute["binaryValue"])}
    return {"DataType": kind, "StringValue": attribute.get("stringValue", "")}


def _bytes(name: str, attribute: Mapping[str, Any]) -> int:
    """Return what SQS counts of an attribute: its name, its type and its value."""
    value = attribute.get("BinaryValue") or attribute["StringValue"].encode()
    return len(name.encode()) + len(attribute["DataType"].encode()) + len(value)
