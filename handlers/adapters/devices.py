"""Whose each device is, and devices removed from a contact in the table of `handlers.adapters.contacts`.

A device is in one contact at most: that of who registered it last. For a phone whose owner has signed out and somebody
else in must not show the first one's messages. So a table of its own says of each device whose it is, and what adds a
device to a contact writes it there in the same transaction, and takes it from whoever had it before.

That a device is in somebody's contact implies that it is theirs there. The other way round it need not be: one that is
removed from a contact is let go of afterwards, and if that fails the item says nothing that matters; whoever registers
the device next takes its place.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.dynamo import Item, plain, typed

if TYPE_CHECKING:
    # Not at run time: the worker need not tell an e-mail address from another text.
    from mypy_boto3_dynamodb import DynamoDBClient

    from handlers.domain.contacts import Device

_ATTEMPTS: Final = 5


class ContendedContactError(Exception):
    """A contact's devices kept changing while they were to be changed."""


class DeviceOwners:
    """The table of devices: one item each, `{"token": <digest>, "user_id"}`.

    Its key is the SHA-256 of platform and token, as FCM's tokens may be longer than a key, which has 2,048 bytes.
    """

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self.table = table
        self._client = client

    def key(self, platform: str, token: str) -> Item:
        """Return the key of a device."""
        return typed({"token": sha256(f"{platform}#{token}".encode()).hexdigest()})

    def keys(self, devices: Iterable["Device"]) -> list[Item]:
        """Return the keys of devices."""
        return [self.key(device.platform, device.device_token) for device in devices]

    def taking(self, key: Item, user_id: str, from_user: str | None) -> Mapping[str, Any]:
        """Return the item of a transaction that makes a device a user's, if whose it is has not changed."""
        still: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(user_id)"}
        if from_user is not None:
            values = typed({":from": from_user})
            still = {"ConditionExpression": "user_id = :from", "ExpressionAttributeValues": values}
        return {"Put": {"TableName": self.table, "Item": key | typed({"user_id": user_id}), **still}}

    def let_go(self, user_id: str, keys: Iterable[Item]) -> None:
        """Delete the items of these devices (`dynamodb:DeleteItem`), as far as they are still this user's."""
        for key in keys:
            try:
                self._client.delete_item(
                    TableName=self.table,
                    Key=key,
                    ConditionExpression="user_id = :user",
                    ExpressionAttributeValues=typed({":user": user_id}),
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                continue


class DynamoDevices:
    """Calls `dynamodb:UpdateItem`, each time for one contact, and needs to read none; then `dynamodb:DeleteItem`."""

    def __init__(self, table: str, owners: DeviceOwners, client: "DynamoDBClient") -> None:
        self._table = table
        self._owners = owners
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
                self._owners.let_go(user_id, [self._owners.key(platform, token)])
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
