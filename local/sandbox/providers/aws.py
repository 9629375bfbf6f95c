"""What the sandbox must know of an AWS service to let its calls pass through, and AWS's two ways to write an error."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from starlette.responses import JSONResponse, Response

from local.sandbox.faults import Mode
from local.sandbox.messages import Message


@dataclass(frozen=True)
class AwsRequest:
    """A signed request as it came: method, path without query, and the body."""

    method: str
    path: str
    body: bytes

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of a call in AWS's query protocol; nothing for a call in another one."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


class AwsProvider(Protocol):
    """An AWS service that sends messages, or one of the ways in which it does."""

    name: str
    """As in `/api/faults/{name}`."""
    signing_name: str
    """As in the credential scope of its requests."""

    def concerns(self, request: AwsRequest) -> bool:
        """Whether this is a call to look at."""

    def sends(self, request: AwsRequest) -> bool:
        """Whether this call, of those to look at, sends something: it then fails when it is told to."""

    def refusal(self, request: AwsRequest) -> Response | None:
        """The service's answer to a call that sends what it does not take, where the emulator takes it."""

    def message(self, request: AwsRequest, answer: bytes, /) -> Message | None:
        """The message that an accepted request has sent; None when it was about something else."""

    def failure(self, mode: Mode) -> Response:
        """The service's own answer to a call that fails this way; never asked for `timeout`, which is no answer."""


def json_error(status: int, code: str, message: str) -> Response:
    """An error of AWS's REST-JSON protocol, whose code is in a header.

    Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization
    """
    return JSONResponse({"message": message}, status, headers={"x-amzn-ErrorType": code})


def query_error(status: int, code: str, message: str, namespace: str) -> Response:
    """An error of AWS's query protocol, in XML.

    Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization
    """
    fault, request_id = "Sender" if status < 500 else "Receiver", str(uuid4())
    document = (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type><Code>{escape(code)}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Response(document, status, {"x-amzn-RequestId": request_id}, media_type="text/xml")
