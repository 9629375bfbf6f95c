"""A channel's queue, to its worker: Lambda receives and deletes, the worker says when what failed comes back."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from handlers.observability import describe, logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsQueue:
    """Calls `sqs:ChangeMessageVisibilityBatch`, which `sqs:ChangeMessageVisibility` permits.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """

    def __init__(self, url: str, client: "SQSClient") -> None:
        self._url = url
        self._client = client

    def bring_back(self, messages: Mapping[str, timedelta]) -> None:
        """Let messages, at most ten by their receipt handles, be received again so long from now. Never raises.

        What is not told in time comes back when the queue's own visibility timeout ends.
        """
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": math.ceil(wait.total_seconds())}
            for number, (handle, wait) in enumerate(messages.items())
        ]
        try:
            answer = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
        except (BotoCoreError, ClientError) as error:
            logger.warning("messages cannot be brought back sooner", messages=len(entries), **describe(error))
            return
        if failed := answer.get("Failed"):
            logger.warning("messages cannot be brought back sooner", messages=len(failed), code=failed[0]["Code"])
