"""Contacts in DynamoDB: one item a user, `user_id` and the contact's own fields under the names they have in JSON."""

from typing import TYPE_CHECKING, Any

from handlers.adapters.dynamo import plain, typed
from handlers.domain.contacts import Changes, Contact

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ContactsTable:
    """Each method is one request, and each write is atomic: of two at once neither is lost in the other."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def get(self, user_id: str) -> Contact | None:
        """Return the contact as last written (`dynamodb:GetItem`)."""
        item = self._client.get_item(TableName=self._table, Key=_key(user_id), ConsistentRead=True).get("Item")
        return None if item is None else _contact(item)

    def put(self, user_id: str, contact: Contact) -> bool:
        """Store the contact in place of whatever was there (`dynamodb:PutItem`); say whether nothing was."""
        item = _key(user_id) | typed(contact.document())
        answer = self._client.put_item(TableName=self._table, Item=item, ReturnValues="ALL_OLD")
        return "Attributes" not in answer

    def change(self, user_id: str, changes: Changes) -> Contact | None:
        """Change these fields and return the result (`dynamodb:UpdateItem`); `None` when there is no such contact."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(user_id),
                ConditionExpression="attribute_exists(user_id)",
                ReturnValues="ALL_NEW",
                **_update(changes),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _contact(answer["Attributes"])

    def delete(self, user_id: str) -> None:
        """Delete the contact, if there is one (`dynamodb:DeleteItem`)."""
        self._client.delete_item(TableName=self._table, Key=_key(user_id))


def _contact(item: dict[str, Any]) -> Contact:
    """Return the contact in an item of the table; attributes that are no field of a contact are not looked at."""
    return Contact.model_validate(plain({field: item[field] for field in Contact.model_fields if field in item}))


def _key(user_id: str) -> dict[str, Any]:
    return {"user_id": {"S": user_id}}


def _update(changes: Changes) -> dict[str, Any]:
    """Return the arguments of UpdateItem that change the item so; by placeholders, as DynamoDB reserves many names."""
    names = {f"#{field}": field for field in (*changes.assigned, *changes.removed)}
    if not names:
        return {}
    assignments = ", ".join(f"#{field} = :{field}" for field in changes.assigned)
    removals = ", ".join(f"#{field}" for field in changes.removed)
    clauses = (f"SET {assignments}" if assignments else "", f"REMOVE {removals}" if removals else "")
    update = {"UpdateExpression": " ".join(clauses).strip(), "ExpressionAttributeNames": names}
    values = typed({f":{field}": value for field, value in changes.assigned.items()})
    return update | ({"ExpressionAttributeValues": values} if values else {})
