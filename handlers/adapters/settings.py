"""Notification settings in DynamoDB: one item a user, `user_id` and the settings as they are in JSON."""

from typing import TYPE_CHECKING

from handlers.adapters.dynamo import plain, typed
from handlers.domain.settings import UserSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class SettingsTable:
    """Each method is one request."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def get(self, user_id: str) -> UserSettings | None:
        """Return the user's settings as last written (`dynamodb:GetItem`); `None` of who never chose any."""
        key = typed({"user_id": user_id})
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return None
        return UserSettings.model_validate(
            plain({name: item[name] for name in UserSettings.model_fields if name in item})
        )

    def put(self, user_id: str, settings: UserSettings) -> bool:
        """Store the settings in place of any others (`dynamodb:PutItem`); say whether there were none."""
        item = typed({"user_id": user_id, **settings.document()})
        answer = self._client.put_item(TableName=self._table, Item=item, ReturnValues="ALL_OLD")
        return "Attributes" not in answer
