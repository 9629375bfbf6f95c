"""The log's sparse index of deliveries that are still to be sent, by when they are due.

What the sweep cannot read it sets apart, in a shard of the index that is not swept: there it keeps nobody else from
their turn, is counted every minute, and waits for somebody to mend it (docs/runbooks/unreadable.md).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws.dynamo import Item, Unmet, plain, read, typed, write
from handlers.adapters.aws.indexed_event import indexed_event
from handlers.adapters.aws.log_keys import (
    ACCEPTANCE,
    acceptance_of,
    delivery_key,
    head_key,
    key_of,
)
from handlers.adapters.aws.unreadable import tell_unreadable
from handlers.domain.channels import Channel
from handlers.domain.notifications.due import (
    AFTER_ACCEPTANCE,
    AFTER_FAILURE,
    REDRIVEN,
    SHARDS,
    DueDelivery,
    failed_shard,
)
from handlers.domain.times import rfc3339
from handlers.observability import describe, logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INDEX: Final = "due"
_PAGE: Final = 100
_SET_APART: Final = "unreadable"


class DynamoDueIndex:
    """Calls `dynamodb:Query` on the index, and on the table `dynamodb:UpdateItem`.

    Of notifications that took several transactions also `dynamodb:BatchGetItem`, once for each page that has any; and
    to erase what an acceptance has left that died, `dynamodb:Query` and `dynamodb:DeleteItem`.
    """

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        """Yield the deliveries of a shard that are due, the longest waiting first, in pages of a hundred at most.

        What was never accepted, since its acceptance died or lost against another one, is none of them, and is erased
        once it is certain that nobody is about to accept it. What cannot be read is set apart.
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression="due_shard = :shard AND due_at <= :now",
            ExpressionAttributeValues=typed({":shard": shard, ":now": rfc3339(now)}),
            PaginationConfig={"PageSize": _PAGE},
        )
        for page in pages:
            yield self._deliveries(page["Items"], now)

    def redriven(self, channel: Channel, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        """Yield a channel's deliveries that wait for their next round, due or not, in the same way."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression="due_shard = :shard",
            ExpressionAttributeValues=typed({":shard": REDRIVEN[channel]}),
            PaginationConfig={"PageSize": _PAGE},
        )
        for page in pages:
            yield self._deliveries(page["Items"], now)

    def unsent(self, channel: Channel, now: datetime) -> int:
        """Return how many are tried or wait to be: those to be looked after soon, and all that were redriven.

        Of each shard as many as fit into 1 MB of the index.
        """
        soon = rfc3339(now + AFTER_FAILURE)
        return sum(self._count(shard, soon) for shard in SHARDS[channel] if shard != REDRIVEN[channel]) + self._count(
            REDRIVEN[channel]
        )

    def _count(self, shard: str, until: str | None = None) -> int:
        """Return how many items a shard has, up to a time if one is given, or how many of them fit into 1 MB."""
        timely, values = ("", {}) if until is None else (" AND due_at <= :until", {":until": until})
        return self._client.query(
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression=f"due_shard = :shard{timely}",
            ExpressionAttributeValues=typed({":shard": shard, **values}),
            Select="COUNT",
        )["Count"]

    def _deliveries(self, items: Sequence[Item], now: datetime) -> Sequence[DueDelivery]:
        return [delivery for item in self._accepted(items, now) if (delivery := self._read(item)) is not None]

    def set_apart(self) -> int:
        """Return how many items are set apart, or how many of them fit into 1 MB of the index."""
        return self._count(_SET_APART)

    def postpone(self, delivery: DueDelivery, until: datetime) -> None:
        """Let it be due later, and count it as republished; only count it if its due time has moved since it was found.

        If it was redriven, that is over: it goes back to where the others are.

        A failed attempt, quiet hours or another sweeper set `due_at` as well, and the last status removes it. The count
        is what makes each wait longer than the one before, so a worker that was quicker must not keep it from growing.
        What has failed meanwhile stays with those that have.
        """
        count = delivery.republished + 1
        failed = failed_shard(delivery.event.channel, delivery.event.delivery_id)
        met = self._update(
            delivery,
            "SET due_at = :until, due_shard = :shard, republished = :count",
            "due_at = :seen AND due_shard <> :failed",
            {
                ":until": rfc3339(until),
                ":shard": delivery.shard,
                ":count": count,
                ":seen": rfc3339(delivery.due_at),
                ":failed": failed,
            },
        )
        if met is not None and "due_at" in met:
            uncounted = "(attribute_not_exists(republished) OR republished < :count)"
            self._update(
                delivery,
                "SET due_shard = :shard, republished = :count",
                f"attribute_exists(due_at) AND due_shard <> :failed AND {uncounted}",
                {":shard": delivery.shard, ":count": count, ":failed": failed},
            )

    def _update(self, delivery: DueDelivery, update: str, condition: str, values: Mapping[str, Any]) -> Item | None:
        """Update the delivery on a condition, and return the item that was met if it does not hold."""
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=delivery_key(delivery.event.notification_id, delivery.event.delivery_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeValues=typed(values),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return answer.item if isinstance(answer, Unmet) else None

    def _read(self, item: Item) -> DueDelivery | None:
        """Return the delivery; or set its item apart."""
        try:
            return _due_delivery(item)
        except Exception as error:
            tell_unreadable(item, error)
            self._set_apart(item)
            return None

    def _set_apart(self, item: Item) -> None:
        """Move an item to where it is not swept, unless it has moved by itself. If that fails, the next sweep tries."""
        try:
            write(
                self._client.update_item,
                TableName=self._table,
                Key=key_of(item),
                UpdateExpression="SET due_shard = :apart",
                ConditionExpression="due_shard = :shard AND due_at = :at",
                ExpressionAttributeValues={
                    **typed({":apart": _SET_APART}),
                    ":shard": item["due_shard"],
                    ":at": item["due_at"],
                },
            )
        except Exception as error:
            logger.error("not set apart", **describe(error))

    def _accepted(self, items: Sequence[Item], now: datetime) -> Sequence[Item]:
        """Return those that were accepted, and erase what is left of those that never will be."""
        marked = {item["notification_id"]["S"] for item in items if acceptance_of(item) is not None}
        if not marked:
            return items
        keys = {self._table: [head_key(each) for each in sorted(marked)]}
        # Without what they say, which may be much.
        heads = read(self._client, keys, {self._table: ("notification_id", ACCEPTANCE)})[self._table]
        acceptances = {head["notification_id"]["S"]: acceptance_of(head) for head in heads}
        left = [
            item for item in items if acceptance_of(item) not in (None, acceptances.get(item["notification_id"]["S"]))
        ]
        # An acceptance takes seconds: what has been due for longer than this will not be accepted any more.
        over = rfc3339(now - AFTER_ACCEPTANCE)
        self._erase(item for item in left if item["due_at"]["S"] <= over)
        return [item for item in items if item not in left]

    def _erase(self, left: Iterable[Item]) -> None:
        """Erase all that the acceptances of these items have left. If that fails, the next sweep tries."""
        for notification_id, acceptance in sorted(
            {(item["notification_id"]["S"], item[ACCEPTANCE]["S"]) for item in left}
        ):
            try:
                erased = self._erase_acceptance(notification_id, acceptance)
            except (ClientError, BotoCoreError) as error:
                logger.error("not erased", notification_id=notification_id, **describe(error))
            else:
                logger.warning("erased, as it was never accepted", notification_id=notification_id, items=erased)

    def _erase_acceptance(self, notification_id: str, acceptance: str) -> int:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="notification_id = :id",
            FilterExpression=f"{ACCEPTANCE} = :acceptance",
            ProjectionExpression="notification_id, #item",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues=typed({":id": notification_id, ":acceptance": acceptance}),
        )
        keys = [key_of(item) for page in pages for item in page["Items"]]
        for key in keys:
            self._client.delete_item(TableName=self._table, Key=key)
        return len(keys)


def _due_delivery(item: dict[str, Any]) -> DueDelivery:
    """Return the delivery; raise a ValueError when it is not what the index holds of one."""
    values = plain(item)
    return DueDelivery(
        event=indexed_event(item),
        due_at=datetime.fromisoformat(values["due_at"]),
        republished=int(values.get("republished", 0)),
    )
