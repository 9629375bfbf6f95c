"""The queue that leads broadcasts, and how full those of the channels are."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.domain.channels import Channel

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class SqsBroadcastQueue:
    """Calls `sqs:SendMessage`. Sent twice is no harm: the second finds its page done."""

    def __init__(self, url: str, client: "SQSClient") -> None:
        self._url = url
        self._client = client

    def send(self, step: Mapping[str, Any], wait: timedelta) -> None:
        """Have the fan-out go on with a broadcast, after a wait."""
        self._client.send_message(
            QueueUrl=self._url, MessageBody=json.dumps(dict(step)), DelaySeconds=int(wait.total_seconds())
        )


class SqsCrowds:
    """Calls `sqs:GetQueueAttributes`: the counts are about a minute behind at worst, and mostly a second."""

    def __init__(self, urls: Mapping[str, str], client: "SQSClient") -> None:
        self._urls = urls
        self._client = client

    def waiting(self, channel: Channel) -> int:
        """Return about how many deliveries are in the channel's queue: waiting, being sent, or put off."""
        answer = self._client.get_queue_attributes(QueueUrl=self._urls[channel], AttributeNames=list(_COUNTS))
        return sum(int(answer["Attributes"].get(name, 0)) for name in _COUNTS)
