"""Calls every function once, so that the first request of whoever has just started the platform need not wait.

A function's process starts at its first call and loads its code, which takes seconds on a busy machine.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

import boto3
import httpx
from botocore.config import Config

from local.directory import LocalInfo
from local.engine.emulator import Emulator
from ops.client import Credentials

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_PATHS: Final = ("/v1/notifications/none", "/v1/contacts/none", "/v1/templates/none/email/default", "/t/o/none")
"""One of each function behind the API; none of them changes anything."""
_NO_EVENT: Final = {"messageId": "warming", "receiptHandle": "none", "body": "warming", "attributes": {}}
_PATIENCE_SECONDS: Final = 300


def warm(local: LocalInfo, emulator: Emulator, channels: Sequence[str]) -> None:
    """Return once the API's functions and these channels' workers have answered, whatever they said."""
    headers = {"Authorization": f"Bearer {Credentials(local.app_key, local.app_secret).token()}"}
    lambda_ = boto3.client(
        "lambda",
        endpoint_url=emulator.endpoint_url,
        region_name=emulator.region,
        aws_access_key_id=emulator.access_key_id,
        aws_secret_access_key=emulator.secret_access_key,
        config=Config(read_timeout=_PATIENCE_SECONDS, retries={"total_max_attempts": 1}),
    )
    with (
        httpx.Client(base_url=local.api_url, headers=headers, timeout=_PATIENCE_SECONDS) as api,
        ThreadPoolExecutor() as threads,
    ):
        list(threads.map(api.get, _PATHS))
        list(threads.map(partial(_work_on_nothing, lambda_), channels))


def _work_on_nothing(lambda_: "LambdaClient", channel: str) -> None:
    """Give a worker a message that is no event. It refuses it and logs that.

    An empty batch would be an error, and the emulator ends a process whose handler raised one.
    """
    name = f"carillon-local-worker-{channel}"
    lambda_.invoke(FunctionName=name, Qualifier="live", Payload=json.dumps({"Records": [_NO_EVENT]}))
