"""The AWS clients, each bounded in time. A function creates those it needs once.

Those that nearly every invocation calls are made when the environment starts, which SnapStart keeps; the others at
their first call, as one takes 10 to 60 ms of CPU to make, and most invocations need none of them.

Every call ends: after `connect` + `read` seconds, times the attempts. Retries are botocore's `standard` mode (transient
errors, 5xx and throttling, with jitter: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
All calls that are retried may be repeated without harm: reads, conditional writes, and events that are deduplicated.
SES and SNS are the exceptions, and have clients without retries.

Two things that botocore does for each call are off, an eighth of the processor time of one. It would put the
`User-Agent` together anew, and it would check our parameters against the service's model: mypy has done that, with
boto3's stubs, and the adapters' tests against the emulator do it with clients as boto3 makes them. AWS checks as well.
"""

import os
from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


CONNECTIONS: Final = 10
"""How many calls one client makes at once: for each more it would make a connection that it throws away again."""


def _config(*, connect: float, read: float, attempts: int) -> Config:
    return Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
        user_agent="carillon",
        parameter_validation=False,
    )


class AtFirstUse:
    """Stands for a client, or what holds one, and makes it when something of it is used: once, whichever threads want
    it at a time.
    """

    _making: Final = RLock()  # one for all: making a client is not thread-safe, and what is made may make another

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._made: object | None = None

    def __getattr__(self, name: str) -> Any:
        """Return what the client has of that name."""
        if self._made is None:
            with self._making:
                if self._made is None:
                    self._made = self._make()
        return getattr(self._made, name)


def _later(service: str, config: Config) -> AtFirstUse:
    return AtFirstUse(lambda: boto3.client(cast(Any, service), config=config))


_QUICK = _config(connect=1, read=3, attempts=3)
_BRIEF = _config(connect=1, read=2, attempts=2)
_ONCE = _config(connect=2, read=10, attempts=1)


def dynamodb() -> "DynamoDBClient":
    """At most 12 seconds, ordinarily milliseconds."""
    return boto3.client("dynamodb", config=_QUICK)


def events() -> "EventBridgeClient":
    """At most 6 seconds: a producer waits for its 202, and what is not published is the sweeper's."""
    return boto3.client("events", config=_BRIEF)


def kms() -> "KMSClient":
    """At most 12 seconds."""
    return cast("KMSClient", _later("kms", _QUICK))


def s3() -> "S3Client":
    """At most 12 seconds."""
    return cast("S3Client", _later("s3", _QUICK))


def audience_files() -> "S3Client":
    """At most 12 seconds. What it signs is for others to send.

    So it signs by AWS Signature Version 4, which objects under a KMS key ask for, for the region's own host, which
    answers at once, and without a checksum that they would have to work out.
    """
    elsewhere = {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} & os.environ.keys()
    style: Literal["path", "virtual"] = "path" if elsewhere else "virtual"
    signing = Config(
        signature_version="s3v4", request_checksum_calculation="when_required", s3={"addressing_style": style}
    )
    return cast("S3Client", _later("s3", _QUICK.merge(signing)))


def scheduler() -> "EventBridgeSchedulerClient":
    """At most 6 seconds: a producer waits for its 202, and what is not scheduled is published all the same."""
    return cast("EventBridgeSchedulerClient", _later("scheduler", _BRIEF))


def secretsmanager() -> "SecretsManagerClient":
    """At most 12 seconds."""
    return cast("SecretsManagerClient", _later("secretsmanager", _QUICK))


def sesv2() -> "SESV2Client":
    """At most 12 seconds, and one attempt.

    SendEmail has no idempotency token (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html): when
    an answer is lost, a retry by botocore would send a second message that nobody could see. The worker's own retry is
    recorded as an attempt of its own, after one of unknown outcome.
    """
    return cast("SESV2Client", _later("sesv2", _ONCE))


def sns() -> "SNSClient":
    """At most 12 seconds, and one attempt: Publish to a telephone or a device has no idempotency token either."""
    return cast("SNSClient", _later("sns", _ONCE))


def quarantine() -> "SQSClient":
    """SQS, at most 12 seconds: what is parked twice, as an answer was lost, is there twice and no more."""
    return boto3.client("sqs", config=_QUICK)


def repeated_messages() -> "SQSClient":
    """SQS, at most 12 seconds: a message that is sent twice, as an answer was lost, is known as one.

    A step of a broadcast is done once; a status change has the same id each time that its app is told.
    """
    return cast("SQSClient", _later("sqs", _QUICK))


def sqs() -> "SQSClient":
    """At most 3 seconds, and one attempt: what it asks for at the end of an invocation is good to have, and no more."""
    return cast("SQSClient", _later("sqs", _config(connect=1, read=2, attempts=1)))
