"""The time zone in a user's contact, in DynamoDB, to who may write nothing else of it."""

from typing import TYPE_CHECKING

from handlers.adapters.aws.dynamo import Unmet, typed, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ContactTimeZones:
    """One request (`dynamodb:UpdateItem` on contacts) each.

    It names the key and the time zone alone, as the function that recipients reach has no right to name more.
    """

    def __init__(self, contacts_table: str, client: "DynamoDBClient") -> None:
        self._table = contacts_table
        self._client = client

    def keep(self, user_id: str, timezone: str) -> bool:
        """Write it to the user's contact, whose other fields stay; False, and nothing written, if there is none."""
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=typed({"user_id": user_id}),
            UpdateExpression="SET #timezone = :timezone",
            ConditionExpression="attribute_exists(user_id)",
            ExpressionAttributeNames={"#timezone": "timezone"},
            ExpressionAttributeValues=typed({":timezone": timezone}),
        )
        return not isinstance(answer, Unmet)
