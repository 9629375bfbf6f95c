"""Webhooks of apps in the table of limits, their signing keys, and the queue of what they are to be told.

    {"id": "webhook#billing", "version": 3, "url": "https://…", "statuses": ["error"], "failing_since": "2030-01-31T…"}

No secret is stored: a key is derived from one in KMS, by the app and the version. When a webhook ends, its version
stays, so that one that is set later has another key. Such an item has no end; there is one for each app at most.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws.dynamo import Unmet, plain, typed, write
from handlers.domain.notifications.statuses import Status
from handlers.domain.problems import Contended
from handlers.domain.times import rfc3339
from handlers.domain.webhooks import StatusChanged, Webhook
from handlers.observability import describe, logger
from handlers.ports import Webhooks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_sqs import SQSClient

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_PER_CALL: Final = 10
_REMEMBERED_FOR: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class DynamoWebhooks:
    """Calls `dynamodb:GetItem` and `UpdateItem`."""

    table: str
    client: "DynamoDBClient"

    def find(self, app_key: str) -> Webhook | None:
        """Return the app's webhook as last written, if it has one."""
        answer = self.client.get_item(TableName=self.table, Key=_key(app_key), ConsistentRead=True)
        return _webhook(app_key, plain(answer.get("Item", {})))

    def put(self, app_key: str, url: str, statuses: frozenset[Status]) -> Webhook:
        """Set it, with the next version, as one that does well."""
        values: dict[str, Any] = {":one": 1, ":url": url, ":statuses": sorted(statuses)}
        answer = self.client.update_item(
            TableName=self.table,
            Key=_key(app_key),
            UpdateExpression=(
                "SET #url = :url, statuses = :statuses REMOVE failing_since, suspended_since ADD version :one"
            ),
            ExpressionAttributeNames={"#url": "url"},
            ExpressionAttributeValues=typed(values),
            ReturnValues="ALL_NEW",
        )
        made = _webhook(app_key, plain(answer["Attributes"]))
        if made is None:
            raise Contended("the webhook was ended at the same time; try again")
        return made

    def end(self, app_key: str) -> None:
        """Forget all but the version; of an app that has never had one, nothing is written."""
        write(
            self.client.update_item,
            TableName=self.table,
            Key=_key(app_key),
            UpdateExpression="REMOVE #url, statuses, failing_since, suspended_since",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeNames={"#url": "url"},
        )

    def note(self, before: Webhook, after: Webhook) -> None:
        """Write how the endpoint does, unless somebody else has written since `before`."""
        marks = {"failing_since": after.failing_since, "suspended_since": after.suspended_since}
        kept = {name: rfc3339(at) for name, at in marks.items() if at is not None}
        gone = [name for name, at in marks.items() if at is None]
        sets = "SET " + ", ".join(f"{name} = :{name}" for name in kept) if kept else ""
        removes = "REMOVE " + ", ".join(gone) if gone else ""
        was = before.failing_since
        same = "attribute_not_exists(failing_since)" if was is None else "failing_since = :was"
        values = {":version": before.version, **{f":{name}": at for name, at in kept.items()}}
        met = write(
            self.client.update_item,
            TableName=self.table,
            Key=_key(before.app_key),
            UpdateExpression=f"{sets} {removes}".strip(),
            ConditionExpression=f"version = :version AND attribute_exists(#url) AND {same}",
            ExpressionAttributeNames={"#url": "url"},
            ExpressionAttributeValues=typed(values if was is None else {**values, ":was": rfc3339(was)}),
        )
        if isinstance(met, Unmet):
            logger.info("a webhook was changed by somebody else", app_key=before.app_key)


@dataclass(frozen=True, slots=True)
class Remembered:
    """Webhooks as they were some seconds ago at most, also that an app has none: one read each, and not one a move."""

    webhooks: Webhooks
    clock: Callable[[], datetime]
    _known: dict[str, tuple[datetime, Webhook | None]] = field(default_factory=dict)

    def find(self, app_key: str) -> Webhook | None:
        """Return the app's webhook, if it has one."""
        now = self.clock()
        until, found = self._known.get(app_key, (now, None))
        if until <= now:
            found = self.webhooks.find(app_key)
            self._known[app_key] = (now + _REMEMBERED_FOR, found)
        return found

    def note(self, before: Webhook, after: Webhook) -> None:
        """Write how an endpoint does, and read it anew when it is asked for next."""
        self._known.pop(before.app_key, None)
        self.webhooks.note(before, after)


class KmsWebhookKeys:
    """Calls `kms:GenerateMac`, once for each app and version in an execution environment."""

    def __init__(self, key_id: str, client: "KMSClient") -> None:
        self._key_id = key_id
        self._client = client
        self._known: dict[tuple[str, int], bytes] = {}
        self._lock = Lock()

    def key(self, app_key: str, version: int) -> bytes:
        """Return the signing key, 32 bytes: the same each time, and another for each app and version."""
        with self._lock:
            if (found := self._known.get((app_key, version))) is None:
                message = f"carillon: the key of a webhook, 1: {version} {app_key}".encode()
                answer = self._client.generate_mac(KeyId=self._key_id, Message=message, MacAlgorithm="HMAC_SHA_256")
                found = self._known[app_key, version] = answer["Mac"]
            return found


class SqsOutbox:
    """Calls `sqs:SendMessageBatch`, which `sqs:SendMessage` permits."""

    def __init__(self, url: str, client: "SQSClient") -> None:
        self._url = url
        self._client = client

    def put(self, messages: Sequence[StatusChanged]) -> list[str]:
        """Send these, ten at a time; return the ids of those that the queue did not take. Never raises."""
        parts = (messages[start : start + _PER_CALL] for start in range(0, len(messages), _PER_CALL))
        return [each for part in parts for each in self._put(part)]

    def _put(self, messages: Sequence[StatusChanged]) -> list[str]:
        entries: Any = [{"Id": each.event_id, "MessageBody": each.model_dump_json()} for each in messages]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            logger.error("status changes cannot be announced", messages=len(messages), **describe(error))
            return [each.event_id for each in messages]
        if failed := answer.get("Failed"):
            logger.error("status changes cannot be announced", messages=len(failed), code=failed[0]["Code"])
        return [each["Id"] for each in failed or ()]


def _key(app_key: str) -> dict[str, Any]:
    return typed({"id": f"webhook#{app_key}"})


def _webhook(app_key: str, values: dict[str, Any]) -> Webhook | None:
    """Return what an item holds; None of one that was ended."""
    if "url" not in values:
        return None
    return Webhook(
        app_key,
        values["url"],
        frozenset(map(Status, values["statuses"])),
        int(values["version"]),
        _time(values.get("failing_since")),
        _time(values.get("suspended_since")),
    )


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
