"""What goes wrong with a call to AWS: by botocore's own events, in the process of the function.

A fault proxy (microburst on PyPI is one) answers by rules and by chance. It cannot tell the second call of an
invocation from the first, and cannot kill who calls; so the hooks are here, and the errors are in AWS's own formats.
"""

import io
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, cast

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

KILLED: Final = 9
"""The exit code of a process that a fault has killed."""
EVERY: Final = 0
"""As an occurrence: each call of the operation."""


class Kind(StrEnum):
    """How a call fails. What is not said to be made is not made, and every attempt of botocore's fails alike."""

    KILLED_BEFORE = "killed before"
    """The process is gone before the call is made."""
    KILLED_AFTER = "killed after"
    """The call is made and answered; then the process is gone."""
    THROTTLED = "throttled"
    ERROR = "error 5xx"
    TIMEOUT = "timeout"
    ANSWER_LOST = "answer lost"
    """The call is made, and times out."""
    PARTIAL = "partial"
    """It is answered 200, and says that nothing of what it was asked was done."""


KILLS: Final = frozenset({Kind.KILLED_BEFORE, Kind.KILLED_AFTER})


def _none_read(asked: Mapping[str, Any]) -> Any:
    return {"Responses": {}, "UnprocessedKeys": asked["RequestItems"]}


def _none_written(asked: Mapping[str, Any]) -> Any:
    return {"UnprocessedItems": asked["RequestItems"]}


def _none_put(asked: Mapping[str, Any]) -> Any:
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "chaos"}
    return {"FailedEntryCount": len(asked["Entries"]), "Entries": [failed for _ in asked["Entries"]]}


def _none_changed(asked: Mapping[str, Any]) -> Any:
    failed = [{"Id": each["Id"], "SenderFault": False, "Code": "InternalError"} for each in asked["Entries"]]
    return {"Successful": [], "Failed": failed}


PARTIAL: Final = MappingProxyType(
    {
        "dynamodb:BatchGetItem": _none_read,
        "dynamodb:BatchWriteItem": _none_written,
        "events:PutEvents": _none_put,
        "sqs:ChangeMessageVisibilityBatch": _none_changed,
    }
)
"""What an operation that can fail in part answers then."""

WHOLE: Final = frozenset(
    {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:TransactWriteItems",
        "dynamodb:UpdateItem",
        "kms:GenerateMac",
        "s3:GetObject",
        "s3:ListObjectVersions",
        "s3:ListObjectsV2",
        "s3:PutObject",
        "scheduler:CreateSchedule",
        "secretsmanager:GetSecretValue",
        "sesv2:SendEmail",
        "sns:Publish",
        "sqs:GetQueueAttributes",
        "sqs:SendMessage",
    }
)
"""The other operations, which are done or are not. One that is in neither has no scenario yet, and fails the matrix."""

_XML: Final = MappingProxyType(
    {
        "s3": "<Error><Code>{code}</Code><Message>chaos</Message></Error>",
        "sns": "<ErrorResponse><Error><Code>{code}</Code><Message>chaos</Message></Error></ErrorResponse>",
    }
)
"""Of the services that do not answer in JSON."""
_THROTTLING: Final = MappingProxyType({"s3": (503, "SlowDown"), "sns": (400, "Throttling")})


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: with this call of this operation, of one invocation. The first is 1."""

    kind: Kind
    operation: str
    occurrence: int


@dataclass(frozen=True)
class Chance:
    """Anything may go wrong with any call, for this share of them."""

    share: float
    seed: str


class Interference:
    """Watches the calls of this process's functions, and lets some fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.faults = 0
        self._fault: Fault | Chance | None = None
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._now = threading.local()  # the fault of the call that this thread is making
        self._random = random.Random()
        self._session = URLLib3Session(timeout=30)
        boto3.DEFAULT_SESSION = session = boto3.Session()
        session.events.register("before-call", self._before_call)
        session.events.register("before-send", cast(Any, self._before_send))  # it may answer
        session.events.register("after-call", self._after_call)

    def begin(self, fault: Fault | Chance | None) -> None:
        """Count anew, as an invocation begins."""
        self.calls, self.faults, self._counts, self._fault = [], 0, Counter(), fault
        if isinstance(fault, Chance):
            self._random.seed(fault.seed)

    def _before_call(self, model: Any, params: Any, **_: Any) -> None:
        operation = f"{model.service_model.service_name}:{model.name}"
        with self._lock:
            self._counts[operation] += 1
            self.calls.append(operation)
            kind = self._kind(operation, self._counts[operation])
            self.faults += kind is not None
        self._now.kind, self._now.operation = kind, operation
        if kind is Kind.KILLED_BEFORE:
            os._exit(KILLED)

    def _kind(self, operation: str, occurrence: int) -> Kind | None:
        if isinstance(self._fault, Chance):
            if self._random.random() >= self._fault.share:
                return None
            return self._random.choice([kind for kind in Kind if is_possible(kind, operation)])
        if self._fault is None or operation != self._fault.operation:
            return None
        return self._fault.kind if self._fault.occurrence in (occurrence, EVERY) else None

    def _before_send(self, request: Any, **_: Any) -> AWSResponse | None:
        kind, service = self._now.kind, self._now.operation.partition(":")[0]
        match kind:
            case Kind.THROTTLED:
                status, code = _THROTTLING.get(service, (400, "ThrottlingException"))
                return _error(request, service, status, code)
            case Kind.ERROR:
                return _error(request, service, 500, "InternalServerError")
            case Kind.TIMEOUT:
                raise ReadTimeoutError(endpoint_url=request.url)
            case Kind.ANSWER_LOST:
                self._session.send(request)
                raise ReadTimeoutError(endpoint_url=request.url)
            case Kind.PARTIAL:
                answer = PARTIAL[self._now.operation](json.loads(request.body))
                return _response(request, 200, json.dumps(answer), {})
            case _:
                return None

    def _after_call(self, **_: Any) -> None:
        if self._now.kind is Kind.KILLED_AFTER:
            os._exit(KILLED)


def is_possible(kind: Kind, operation: str) -> bool:
    """Say whether a call of this operation can fail so."""
    return kind is not Kind.PARTIAL or operation in PARTIAL


class _Body(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """Yield all of it, as urllib3's responses do."""
        yield self.read()


def _error(request: Any, service: str, status: int, code: str) -> AWSResponse:
    if service in _XML:
        return _response(request, status, _XML[service].format(code=code), {"content-type": "text/xml"})
    return _response(request, status, json.dumps({"__type": code, "message": "chaos"}), {"x-amzn-errortype": code})


def _response(request: Any, status: int, body: str, headers: Mapping[str, str]) -> AWSResponse:
    return AWSResponse(request.url, status, cast(Any, headers), _Body(body.encode()))
