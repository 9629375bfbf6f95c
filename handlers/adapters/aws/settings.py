"""Notification settings in DynamoDB: one item a user, `user_id` and the settings as they are in JSON."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from handlers.adapters.aws.dynamo import Item, Unmet, attempt_write, contending, plain, typed, write
from handlers.domain.people.settings import UserSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class SettingsTable:
    """Each method is one request, but for `change`, which is two."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def get(self, user_id: str) -> UserSettings | None:
        """Return the user's settings as last written (`dynamodb:GetItem`); `None` of who never chose any."""
        item = self._read(user_id)
        return None if item is None else _settings(item)

    def put(self, user_id: str, settings: UserSettings) -> bool:
        """Store the settings in place of any others (`dynamodb:PutItem`); say whether there were none."""
        item = _item(user_id, settings)
        answer = write(self._client.put_item, TableName=self._table, Item=item, ReturnValues="ALL_OLD")
        return isinstance(answer, Unmet) or "Attributes" not in answer

    def change(self, user_id: str, change: Callable[[UserSettings], UserSettings]) -> UserSettings:
        """Read the settings, store what the change makes of them, and return that; of two at once neither is lost.

        Raises `Contended` when others change them each time in between.
        """
        for _ in contending():
            seen = self._read(user_id)
            changed = change(UserSettings() if seen is None else _settings(seen))
            if self._replace(user_id, seen, changed):
                break
        return changed

    def _read(self, user_id: str) -> Item | None:
        return self._client.get_item(TableName=self._table, Key=typed({"user_id": user_id}), ConsistentRead=True).get(
            "Item"
        )

    def _replace(self, user_id: str, seen: Item | None, settings: UserSettings) -> bool:
        """Store the settings if those that were seen are still there."""
        item = _item(user_id, settings)
        answer = attempt_write(self._client.put_item, TableName=self._table, Item=item, **_still(seen))
        return answer is not None and not isinstance(answer, Unmet)


def _still(seen: Item | None) -> dict[str, Any]:
    """Return the arguments that make a write depend on what was seen."""
    if seen is None:
        return {"ConditionExpression": "attribute_not_exists(user_id)"}
    fields = [field for field in UserSettings.model_fields if field in seen]
    return {
        "ConditionExpression": " AND ".join(
            ["attribute_exists(user_id)", *(f"{field} = :{field}" for field in fields)]
        ),
        "ExpressionAttributeValues": {f":{field}": seen[field] for field in fields},
    }


def _item(user_id: str, settings: UserSettings) -> Item:
    return typed({"user_id": user_id, **settings.document()})


def _settings(item: Item) -> UserSettings:
    return UserSettings.model_validate(plain({name: item[name] for name in UserSettings.model_fields if name in item}))
