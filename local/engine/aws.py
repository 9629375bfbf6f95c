"""The emulated AWS account as provisioners see it: one shared, thread-safe boto3 client per service, and ARNs."""

import os
import threading
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

from local.engine.emulator import Emulator

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

PARTITION = "aws"


class Aws:
    """The account of an emulator, asked with its root credentials; nothing is connected to before it is used."""

    def __init__(self, emulator: Emulator, parallel: int) -> None:
        self.emulator = emulator
        self.account_id = emulator.account_id
        self.region = emulator.region
        self._config = Config(
            connect_timeout=30,
            read_timeout=120,
            max_pool_connections=parallel,
            retries={"mode": "standard", "total_max_attempts": 2},
            s3={"addressing_style": "path"},
        )
        self._lock = threading.Lock()
        self._session: Any = None  # its stubs know the services by literal names only
        self._clients: dict[str, Any] = {}

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource of this account."""
        return f"arn:{PARTITION}:{service}:{self.region}:{self.account_id}:{resource}"

    @property
    def apigateway(self) -> "APIGatewayClient":
        """Amazon API Gateway, REST APIs."""
        client: APIGatewayClient = self._client("apigateway")
        return client

    @property
    def budgets(self) -> Any:
        """AWS Budgets, whose stubs are not installed: one call is not worth a package."""
        return self._client("budgets")

    @property
    def cloudwatch(self) -> "CloudWatchClient":
        """Amazon CloudWatch alarms and dashboards."""
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    @property
    def dynamodb(self) -> "DynamoDBClient":
        """Amazon DynamoDB."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @property
    def events(self) -> "EventBridgeClient":
        """Amazon EventBridge."""
        client: EventBridgeClient = self._client("events")
        return client

    @property
    def iam(self) -> "IAMClient":
        """AWS IAM."""
        client: IAMClient = self._client("iam")
        return client

    @property
    def kms(self) -> "KMSClient":
        """AWS KMS."""
        client: KMSClient = self._client("kms")
        return client

    @property
    def lambda_(self) -> "LambdaClient":
        """AWS Lambda."""
        client: LambdaClient = self._client("lambda")
        return client

    @property
    def logs(self) -> "CloudWatchLogsClient":
        """Amazon CloudWatch Logs."""
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @property
    def s3(self) -> "S3Client":
        """Amazon S3, with path-style addresses."""
        client: S3Client = self._client("s3")
        return client

    @property
    def scheduler(self) -> "EventBridgeSchedulerClient":
        """Amazon EventBridge Scheduler."""
        client: EventBridgeSchedulerClient = self._client("scheduler")
        return client

    @property
    def secretsmanager(self) -> "SecretsManagerClient":
        """AWS Secrets Manager."""
        client: SecretsManagerClient = self._client("secretsmanager")
        return client

    @property
    def sesv2(self) -> "SESV2Client":
        """Amazon SES."""
        client: SESV2Client = self._client("sesv2")
        return client

    @property
    def sns(self) -> "SNSClient":
        """Amazon SNS."""
        client: SNSClient = self._client("sns")
        return client

    @property
    def sqs(self) -> "SQSClient":
        """Amazon SQS."""
        client: SQSClient = self._client("sqs")
        return client

    def _client(self, service: str) -> Any:
        with self._lock:  # making a client is not thread-safe, using one is
            if service not in self._clients:
                self._session = self._session or self._new_session()
                self._clients[service] = self._session.client(
                    service, endpoint_url=self.emulator.endpoint_url, config=self._config
                )
            return self._clients[service]

    def _new_session(self) -> boto3.Session:
        # The engineer's own AWS profile must not reach the emulator, nor a broken one stop it.
        nobody = {name: (None, None, value, None) for name, value in _NO_PROFILE.items()}
        return boto3.Session(
            aws_access_key_id=self.emulator.access_key_id,
            aws_secret_access_key=self.emulator.secret_access_key,
            region_name=self.region,
            botocore_session=botocore.session.Session(session_vars=nobody),
        )


_NO_PROFILE = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
