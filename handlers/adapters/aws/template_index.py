"""Which languages each template has, in DynamoDB beside S3: to read an item costs a tenth of a listing, and no call of
its own where a batch is read anyway.

S3 alone is right. What the item has of it is right as well, or is not there: who stores a version takes `languages`
away first, and gives them back after, if nobody else has begun or ended meanwhile. Who finds none lists S3 and keeps
what it says, under the same condition. So a template is in use as soon as its PUT has answered, whoever else stores one
at the time; and if one dies in between, that costs a listing each time, until five minutes have passed.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, plain, typed, write
from handlers.adapters.aws.template_items import languages_of, template_key
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_IS_DEAD: Final = timedelta(minutes=5)
"""After this a writer will store nothing any more: a function ends after seconds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found: the languages, None when only S3 can tell; the revision; and whether nobody is storing any."""

    languages: Mapping[str, str] | None
    revision: int | None
    is_quiet: bool


@dataclass(frozen=True, slots=True)
class Writing:
    """A version about to be stored by `writer`; `is_alone` if nobody else was, when it began."""

    folder: str
    writer: str
    revision: int
    is_alone: bool


class DynamoTemplateIndex:
    """Calls `dynamodb:GetItem` and `dynamodb:UpdateItem`."""

    def __init__(self, table: str, client: "DynamoDBClient", clock: Callable[[], datetime]) -> None:
        self._table = table
        self._client = client
        self._clock = clock

    def find(self, folder: str) -> Entry:
        """Return what is known of a folder, as last written."""
        key = template_key(folder)
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        revision = plain(item).get("revision")
        return Entry(languages_of(item), None if revision is None else int(revision), not self._living(item))

    def keep(self, folder: str, languages: Mapping[str, str], seen: Entry) -> None:
        """Keep what S3 was found to hold after the entry was seen, unless somebody is changing that."""
        # Of a name that nobody has stored anything under nothing is kept, since anybody may ask for any.
        if seen.is_quiet and (languages or seen.revision is not None):
            self._settle(folder, languages, seen.revision)

    def begin(self, folder: str) -> Writing:
        """Let the languages be uncertain while a version is stored."""
        writer = f"{rfc3339(self._clock())} {uuid.uuid4()}"
        answer = self._client.update_item(
            TableName=self._table,
            Key=template_key(folder),
            UpdateExpression="REMOVE languages ADD writers :me, revision :one",
            ExpressionAttributeValues=typed({":me": {writer}, ":one": 1}),
            ReturnValues="ALL_NEW",
        )["Attributes"]
        return Writing(folder, writer, int(plain(answer)["revision"]), self._living(answer) == {writer})

    def end(self, writing: Writing, languages: Mapping[str, str]) -> None:
        """Say what S3 holds now that the version is stored, or nothing, if others have stored something meanwhile."""
        if writing.is_alone and self._settle(writing.folder, languages, writing.revision):
            return
        self._client.update_item(
            TableName=self._table,
            Key=template_key(writing.folder),
            UpdateExpression="REMOVE languages ADD revision :one DELETE writers :me",
            ExpressionAttributeValues=typed({":me": {writing.writer}, ":one": 1}),
        )

    def _settle(self, folder: str, languages: Mapping[str, str], revision: int | None) -> bool:
        """Set the languages, all writers being done or dead, if nothing has changed since that revision."""
        unchanged = "attribute_not_exists(revision)" if revision is None else "revision = :seen"
        values: dict[str, Any] = {":languages": dict(languages), ":one": 1}
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=template_key(folder),
            UpdateExpression="SET languages = :languages REMOVE writers ADD revision :one",
            ConditionExpression=unchanged,
            ExpressionAttributeValues=typed(values if revision is None else values | {":seen": revision}),
        )
        return not isinstance(answer, Unmet)

    def _living(self, item: Item) -> set[str]:
        """Return who may still store something."""
        dead = rfc3339(self._clock() - _IS_DEAD)
        return {writer for writer in plain(item).get("writers", ()) if writer > dead}
