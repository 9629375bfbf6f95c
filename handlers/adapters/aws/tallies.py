"""What workers and redrivers count of what a person should hear of, in the channel's item (`provider_items`)."""

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws.dynamo import typed
from handlers.adapters.aws.provider_items import item_id, tally_attributes
from handlers.domain.alerts import Cause
from handlers.domain.channels import Channel
from handlers.domain.times import rfc3339
from handlers.observability import describe, logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoTallies:
    """Calls `dynamodb:UpdateItem`, once for a batch in which there was anything to count: never while all is well."""

    def __init__(self, table: str, channel: Channel, client: "DynamoDBClient") -> None:
        self._table = table
        self._key = typed({"id": item_id(channel)})
        self._client = client

    def add(self, cause: Cause, times: int, why: str, now: datetime) -> None:
        """Count. Never raises: the metric of the same is counted as well, and has an alarm.

        A count of which the answer is lost is counted once more.
        """
        total, last = tally_attributes(cause)
        try:
            self._client.update_item(
                TableName=self._table,
                Key=self._key,
                UpdateExpression="ADD #total :times SET #last = :last",
                ExpressionAttributeNames={"#total": total, "#last": last},
                ExpressionAttributeValues=typed({":times": times, ":last": {"at": rfc3339(now), "why": why}}),
            )
        except (BotoCoreError, ClientError) as error:
            logger.warning("not counted for the alert", cause=cause, **describe(error))
