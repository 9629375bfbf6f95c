"""Devices that are dead, removed from a contact in the table of `handlers.adapters.contacts`."""

from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.dynamo import Item, plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS: Final = 5


class ContendedContactError(Exception):
    """The contact's devices kept changing while one of them was to be removed."""


class DynamoDevices:
    """Calls `dynamodb:UpdateItem`, each time for one contact, and needs to read none."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def forget(self, user_id: str, platform: str, token: str) -> None:
        """Remove the device from this user, if it is there; nobody else's, whoever has the token now.

        DynamoDB removes from a list by position, so the write says which device it expects there. The first guess is
        the first position, as most have one device; a guess that fails is answered with the contact as it is, and so
        with the right one. Raises `ContendedContactError` when the devices change each time in between.
        """
        position = 0
        for _ in range(_ATTEMPTS):
            met = self._remove(user_id, position, platform, token)
            found = None if met is None else _position(met, platform, token)
            if found is None:
                return
            position = found
        raise ContendedContactError

    def _remove(self, user_id: str, position: int, platform: str, token: str) -> Item | None:
        """Remove the device at this position, if it is that one; else return the contact, empty if there is none."""
        device = f"#devices[{position}]"
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"user_id": {"S": user_id}},
                UpdateExpression=f"REMOVE {device}",
                ConditionExpression=f"{device}.#token = :token AND {device}.#platform = :platform",
                ExpressionAttributeNames={
                    "#devices": "device_tokens",
                    "#token": "deviceToken",
                    "#platform": "platform",
                },
                ExpressionAttributeValues={":token": {"S": token}, ":platform": {"S": platform}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            response: Any = error.response
            met: Item = response.get("Item", {})
            return met
        return None


def _position(contact: Item, platform: str, token: str) -> int | None:
    devices = plain(contact).get("device_tokens") or ()
    places = (
        place
        for place, device in enumerate(devices)
        if (device["deviceToken"], device["platform"]) == (token, platform)
    )
    return next(places, None)
