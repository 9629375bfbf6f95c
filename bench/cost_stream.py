"""What was written of a table in its stream, as Lambda hands it to a function."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3

Records = list[dict[str, Any]]


class Stream:
    """The stream of a table of the emulator, which is one shard."""

    def __init__(self, session: boto3.Session, endpoint_url: str, table: str) -> None:
        described = session.client("dynamodb", endpoint_url=endpoint_url).describe_table(TableName=table)
        self._arn = described["Table"]["LatestStreamArn"]
        self._client = session.client("dynamodbstreams", endpoint_url=endpoint_url)

    @contextmanager
    def watched(self) -> Iterator[Callable[[set[str]], Records]]:
        """Give what returns, once this is over, the records that were written meanwhile of these partitions."""
        [shard] = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        begun = self._client.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )["ShardIterator"]
        yield lambda partitions: [each for each in self._read(begun) if _partition(each) in partitions]

    def _read(self, position: str) -> Iterator[dict[str, Any]]:
        while True:
            page = self._client.get_records(ShardIterator=position)
            if not page["Records"]:
                return
            yield from map(_as_json, page["Records"])
            position = page["NextShardIterator"]


def _partition(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["Keys"]["notification_id"]["S"])


def _as_json(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as a function's event has it: without its time, which nothing needs, and bytes in base64.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    told = {name: _plain(value) for name, value in record["dynamodb"].items() if name != "ApproximateCreationDateTime"}
    return {"eventID": record["eventID"], "eventName": record["eventName"], "dynamodb": told}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return b64encode(value).decode() if isinstance(value, bytes) else value
