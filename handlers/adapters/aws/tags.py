"""Contacts by their tags, in DynamoDB: `{"tag", "user_id", "written_at"}`, one item for each tag of a contact.

The contact itself says which tags it has. The index may name users who have a tag no longer, and never lacks one who
has it: it is written before the contact is. What is out of date is found when it is read, and goes then; but only when
it is older than any contact could take to be written after it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, by_user, delete_all, plain, put_all, read_all, typed, write
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CERTAIN_AFTER: Final = timedelta(hours=1)


class DynamoTagWriter:
    """Calls `dynamodb:BatchWriteItem`, once for 25 tags of a contact that is written with any, or is erased."""

    def __init__(self, table: str, client: "DynamoDBClient", clock: Callable[[], datetime]) -> None:
        self._table = table
        self._client = client
        self._clock = clock
        self._calls = SideBySide()

    def tag(self, user_id: str, tags: Iterable[str]) -> None:
        """Note that the user is about to have these tags."""
        at = rfc3339(self._clock())
        items = [typed({"tag": tag, "user_id": user_id, "written_at": at}) for tag in tags]
        if items:
            put_all(self._client, self._table, items, self._calls)

    def untag(self, user_id: str, tags: Iterable[str]) -> None:
        """Forget that the user has these tags, as the user is about to be erased."""
        keys = [typed({"tag": tag, "user_id": user_id}) for tag in tags]
        if keys:
            delete_all(self._client, self._table, keys, self._calls)


class DynamoTagIndex:
    """Calls `dynamodb:Query`, for contacts `dynamodb:BatchGetItem`, for what is out of date `dynamodb:DeleteItem`."""

    def __init__(self, table: str, contacts: str, client: "DynamoDBClient", clock: Callable[[], datetime]) -> None:
        self._table = table
        self._contacts = contacts
        self._client = client
        self._clock = clock
        self._calls = SideBySide()

    def page(self, tag: str, after: str | None, most: int) -> tuple[Sequence[str], str | None]:
        """Return users with a tag, in the order of their ids, and after whom to go on; None when there are no more."""
        start: Any = {} if after is None else {"ExclusiveStartKey": typed({"tag": tag, "user_id": after})}
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="tag = :tag",
            ExpressionAttributeValues=typed({":tag": tag}),
            Limit=most,
            ConsistentRead=True,
            **start,
        )
        named = [str(item["user_id"]["S"]) for item in answer["Items"]]
        keys = {self._contacts: [typed({"user_id": user}) for user in named]}
        found = read_all(self._client, keys, self._calls, {self._contacts: ("user_id", "tags")})
        contacts = by_user(found[self._contacts])
        tagged = {user for user, contact in contacts.items() if tag in plain(contact).get("tags", ())}
        for item in answer["Items"]:
            if item["user_id"]["S"] not in tagged:
                self._forget(item)
        last = answer.get("LastEvaluatedKey")
        return [user for user in named if user in tagged], None if last is None else str(last["user_id"]["S"])

    def _forget(self, item: Item) -> None:
        """Remove an item that is out of date, unless it was written anew, or lately: its contact may be to follow."""
        if item["written_at"]["S"] > rfc3339(self._clock() - _CERTAIN_AFTER):
            return
        write(
            self._client.delete_item,
            TableName=self._table,
            Key={name: item[name] for name in ("tag", "user_id")},
            ConditionExpression="written_at = :seen",
            ExpressionAttributeValues={":seen": item["written_at"]},
        )
