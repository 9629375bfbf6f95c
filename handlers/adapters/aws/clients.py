"""The AWS clients, each bounded in time. A function creates those it needs once, when its environment starts.

Every call ends: after `connect` + `read` seconds, times the attempts. Retries are botocore's `standard` mode (transient
errors, 5xx and throttling, with jitter: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
All calls that are retried may be repeated without harm: reads, conditional writes, and events that are deduplicated.
SES and SNS are the exceptions, and have clients without retries.
"""

from typing import TYPE_CHECKING, Final

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
    )


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
    return boto3.client("kms", config=_QUICK)


def s3() -> "S3Client":
    """At most 12 seconds."""
    return boto3.client("s3", config=_QUICK)


def scheduler() -> "EventBridgeSchedulerClient":
    """At most 6 seconds: a producer waits for its 202, and what is not scheduled is published all the same."""
    return boto3.client("scheduler", config=_BRIEF)


def secretsmanager() -> "SecretsManagerClient":
    """At most 12 seconds."""
    return boto3.client("secretsmanager", config=_QUICK)


def sesv2() -> "SESV2Client":
    """At most 12 seconds, and one attempt.

    SendEmail has no idempotency token (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html): when
    an answer is lost, a retry by botocore would send a second message that nobody could see. The worker's own retry is
    recorded as an attempt of its own, after one of unknown outcome.
    """
    return boto3.client("sesv2", config=_ONCE)


def sns() -> "SNSClient":
    """At most 12 seconds, and one attempt: Publish to a telephone or a device has no idempotency token either."""
    return boto3.client("sns", config=_ONCE)


def sqs() -> "SQSClient":
    """At most 3 seconds, and one attempt: what it asks for at the end of an invocation is good to have, and no more."""
    return boto3.client("sqs", config=_config(connect=1, read=2, attempts=1))
