"""A real queue: what failed comes back when it was told to, and nobody is hurt when it cannot be told."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from handlers.adapters.aws.queue import SqsQueue


@pytest.fixture
def url(aws: Callable[[str], Any]) -> str:
    name = f"queue-{uuid.uuid4().hex[:8]}"
    url: str = aws("sqs").create_queue(QueueName=name, Attributes={"VisibilityTimeout": "180"})["QueueUrl"]
    return url


def received(client: Any, url: str, seconds: int = 0) -> list[Any]:
    return list(
        client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=seconds).get("Messages", [])
    )


def test_messages_come_back_when_they_were_told_to(aws: Callable[[str], Any], url: str) -> None:
    client = aws("sqs")
    for body in ("soon", "late"):
        client.send_message(QueueUrl=url, MessageBody=body)
    handles = {message["Body"]: message["ReceiptHandle"] for message in received(client, url)}
    assert received(client, url) == []
    waits = {handles["soon"]: timedelta(seconds=0.4), handles["late"]: timedelta(minutes=3)}
    SqsQueue(url, client).bring_back(waits)
    assert [message["Body"] for message in received(client, url, seconds=5)] == ["soon"]


def test_a_queue_that_cannot_be_told_is_complained_of_and_no_more(
    aws: Callable[[str], Any], url: str, caplog: pytest.LogCaptureFixture
) -> None:
    SqsQueue(url, aws("sqs")).bring_back({"no receipt handle": timedelta(seconds=1)})
    SqsQueue(f"{url}-gone", aws("sqs")).bring_back({"r": timedelta(seconds=1)})
    assert [record.message for record in caplog.records] == ["messages cannot be brought back sooner"] * 2
