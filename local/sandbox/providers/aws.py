"""What the sandbox must know of an AWS service to let its calls pass through, and AWS's JSON error format."""

from dataclasses import dataclass
from typing import Protocol

from starlette.responses import JSONResponse, Response

from local.sandbox.faults import Mode
from local.sandbox.messages import Message


@dataclass(frozen=True)
class AwsRequest:
    """A signed request as it came: method, path without query, and the body."""

    method: str
    path: str
    body: bytes


class AwsProvider(Protocol):
    """An AWS service that sends messages."""

    name: str
    """As in `/api/faults/{name}`."""
    signing_name: str
    """As in the credential scope of its requests."""

    def message(self, request: AwsRequest) -> Message | None:
        """The message that an accepted request has sent; None when it was about something else."""

    def failure(self, mode: Mode) -> Response:
        """The service's own answer to a call that fails this way; never asked for `timeout`, which is no answer."""


def json_error(status: int, code: str, message: str) -> Response:
    """An error of AWS's REST-JSON protocol, whose code is in a header.

    Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization
    """
    return JSONResponse({"message": message}, status, headers={"x-amzn-ErrorType": code})
