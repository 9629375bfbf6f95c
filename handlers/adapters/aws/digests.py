"""Digests: which entries one has, and who is making it.

The entries are deliveries of the log, found by its index `digests`. Who makes the digest is in the table of limits, one
item for each, which ends a week after it was last held:

    {"id": "digest#<digest_id>", "holder": "<a uuid>", "lease_until": "…", "expiration": 1896696012,
     "told": {"<holder>": {"begun_at": "…", "at": "…", "outcome": "accepted", "status": "sent", …}, …}}

`told` is what came of its latest attempts, by who made them. A digest costs two writes to it, however many entries it
has; and what is in no digest costs nothing.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, plain, read_all, typed, write
from handlers.adapters.aws.indexed_event import indexed_event
from handlers.adapters.aws.log_keys import ACCEPTANCE, acceptance_of, head_key
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.adapters.aws.unreadable import tell_unreadable
from handlers.domain.notifications.claims import lease_end
from handlers.domain.notifications.deliveries import Conclusion
from handlers.domain.notifications.digests import DigestLease
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INDEX: Final = "digests"
_KEPT: Final = timedelta(days=7)
_MOST_TOLD: Final = 10
"""Of its attempts. An entry of an earlier one that was not told of it since counts as of unknown outcome."""

_FAILED: Final = "#failed#"


@dataclass(frozen=True, slots=True)
class DynamoDigests:
    """Calls `dynamodb:Query` on the log's index, and `dynamodb:UpdateItem` on the table of limits.

    Of notifications that have several deliveries also `dynamodb:BatchGetItem` on the log.
    """

    log: str
    limits: str
    client: "DynamoDBClient"
    calls: SideBySide = field(default_factory=SideBySide)

    def entries(self, digest_id: str) -> Sequence[DeliveryRequested]:
        """Return the events of all its entries that are still to be sent; one of the last second may be missing.

        What was never accepted is none of them.
        """
        pages = self.client.get_paginator("query").paginate(
            TableName=self.log,
            IndexName=_INDEX,
            KeyConditionExpression="digest_id = :digest",
            ExpressionAttributeValues=typed({":digest": digest_id}),
        )
        items = [item for page in pages for item in page["Items"] if _is_unsent(item)]
        return [event for item in self._accepted(items) if (event := _event(item)) is not None]

    def take(self, digest_id: str, lease_until: datetime, now: datetime) -> DigestLease | None:
        """Hold the digest until then, or until it is told or left; None when somebody else does.

        A write whose answer was lost is repeated by botocore, and then meets itself.
        """
        holder = str(uuid.uuid4())
        answer = write(
            self.client.update_item,
            TableName=self.limits,
            Key=_key(digest_id),
            UpdateExpression="SET holder = :me, lease_until = :lease, expiration = :end, "
            "told = if_not_exists(told, :none)",
            ConditionExpression="attribute_not_exists(holder) OR lease_until < :now OR holder = :me",
            ExpressionAttributeValues=typed(
                {
                    ":me": holder,
                    ":lease": rfc3339(lease_end(lease_until)),
                    ":now": rfc3339(now),
                    ":end": int((now + _KEPT).timestamp()),
                    ":none": {},
                }
            ),
            ReturnValues="ALL_NEW",
        )
        if isinstance(answer, Unmet):
            return None
        told = plain(answer["Attributes"])["told"]
        kept = sorted(told.items(), key=lambda each: str(each[1]["at"]))
        return DigestLease(
            holder,
            {each["begun_at"]: _conclusion(each) for _, each in kept},
            tuple(name for name, _ in kept[: max(0, len(kept) + 1 - _MOST_TOLD)]),
        )

    def tell(self, digest_id: str, taken: DigestLease, begun_at: datetime, conclusion: Conclusion) -> None:
        """Write what came of the attempt that was begun with all entries at this time, and let the digest go.

        Once more without that, if somebody else holds it by now.
        """
        forgotten = {f"#old{place}": name for place, name in enumerate(taken.forgotten)}
        telling = "SET told.#me = :told"
        removing = ", ".join(("holder", "lease_until", *(f"told.{name}" for name in forgotten)))
        arguments: dict[str, Any] = {"TableName": self.limits, "Key": _key(digest_id)}
        told = {"begun_at": rfc3339(begun_at), **_stored(conclusion)}
        answer = write(
            self.client.update_item,
            **arguments,
            UpdateExpression=f"{telling} REMOVE {removing}",
            ConditionExpression="holder = :me",
            ExpressionAttributeNames={"#me": taken.holder, **forgotten},
            ExpressionAttributeValues=typed({":me": taken.holder, ":told": told}),
        )
        if isinstance(answer, Unmet):
            self.client.update_item(
                **arguments,
                UpdateExpression=telling,
                ExpressionAttributeNames={"#me": taken.holder},
                ExpressionAttributeValues=typed({":told": told}),
            )

    def leave(self, digest_id: str, taken: DigestLease) -> None:
        """Let the digest go, of which nothing was sent; unless somebody else holds it by now."""
        write(
            self.client.update_item,
            TableName=self.limits,
            Key=_key(digest_id),
            UpdateExpression="REMOVE holder, lease_until",
            ConditionExpression="holder = :me",
            ExpressionAttributeValues=typed({":me": taken.holder}),
        )

    def _accepted(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return those whose acceptance came to its end."""
        marked = sorted({item["notification_id"]["S"] for item in items if acceptance_of(item) is not None})
        if not marked:
            return items
        keys = {self.log: [head_key(each) for each in marked]}
        heads = read_all(self.client, keys, self.calls, {self.log: ("notification_id", ACCEPTANCE)})[self.log]
        acceptances = {head["notification_id"]["S"]: acceptance_of(head) for head in heads}
        return [item for item in items if acceptance_of(item) in (None, acceptances.get(item["notification_id"]["S"]))]


def _key(digest_id: str) -> Item:
    return typed({"id": f"digest#{digest_id}"})


def _is_unsent(item: Item) -> bool:
    """Say whether an entry is in the index of what is due, and not among what has failed."""
    return _FAILED not in item.get("due_shard", {"S": _FAILED})["S"]


def _event(item: Item) -> DeliveryRequested | None:
    try:
        return indexed_event(item)
    except Exception as error:
        tell_unreadable(item, error)
        return None


def _stored(conclusion: Conclusion) -> Mapping[str, Any]:
    fields = conclusion.model_dump(exclude_none=True, exclude={"at", "held_until"}, mode="json")
    return {**fields, "at": rfc3339(conclusion.at)}


def _conclusion(stored: Mapping[str, Any]) -> Conclusion:
    return Conclusion.model_validate({name: value for name, value in stored.items() if name != "begun_at"})
