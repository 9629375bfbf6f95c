"""The log to an operator: one notification or delivery, what has failed or is under way, and sending it again.

What is under way, is held or has failed is in the index `due` (`handlers.domain.notifications.due`): so it is found by
channel, status and time in queries of the index, never by reading the table. A user's and an address's are those of
them that carry that user or that address. What was sent is in no index: it is found by its notification's id.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, read_all, typed, write
from handlers.adapters.aws.log_items import delivery_of
from handlers.adapters.aws.log_keys import delivery_key, key_of
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.notifications.deliveries import Delivery, unknowns
from handlers.domain.notifications.due import FAILED, HELD, SHARDS, shard
from handlers.domain.notifications.failures import OF_AN_OUTAGE, Refusal, refusal, since
from handlers.domain.notifications.notification import NotificationState
from handlers.domain.notifications.outcomes import Reason
from handlers.domain.notifications.redrives import BY_OPERATOR as OPERATOR
from handlers.domain.notifications.statuses import BY_OPERATOR, UNSENT, Status
from handlers.domain.people.same_address import address_key
from handlers.domain.times import rfc3339
from ops.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INDEX: Final = "due"


class Kind(StrEnum):
    """What an operator can look for."""

    ERROR = "error"
    """It was to be sent, and ended in `error`."""
    HELD = "held"
    """It is `pending`, and nobody knows whether it was sent."""
    WAITING = "waiting"
    """It is still to be sent: `created` or `pending`."""


FAILURES: Final = (Kind.ERROR, Kind.HELD)


@dataclass(frozen=True)
class Wanted:
    """What is looked for; without reasons any, without ids any. `since` is when it failed, was held or was accepted."""

    channels: Sequence[Channel] = CHANNELS
    kinds: Sequence[Kind] = FAILURES
    user_id: str | None = None
    address: str | None = None
    reasons: Collection[Reason] = ()
    since: datetime | None = None
    ids: Collection[str] = ()

    def takes(self, delivery: Delivery) -> bool:
        """Say whether it is what the index does not tell: of these kinds, reasons, ids, and as young as this."""
        if self.since is not None and since(delivery) < self.since:
            return False
        if self.ids and not {delivery.delivery_id, delivery.notification_id} & set(self.ids):
            return False
        return _kind(delivery) in self.kinds and (not self.reasons or delivery.reason in self.reasons)


@dataclass(frozen=True)
class Choice:
    """A delivery that an operator may want sent again, and why it is not, if it is not."""

    delivery: Delivery
    refusal: Refusal | None


class Deliveries:
    """The log of one environment. Calls `dynamodb:Query`, `dynamodb:BatchGetItem` and `dynamodb:UpdateItem`."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._calls = SideBySide()
        self._table = table
        self._log = DynamoNotificationLog(table, client)
        self.unreadable: list[str] = []
        """The notifications of what was found and could not be read: it hides none of the others."""

    def state(self, some_id: str) -> NotificationState:
        """Return a notification by its id, or by the id of one of its deliveries that is in the index: that one alone.

        Raises `OperatorError` when there is none.
        """
        found = self._log.find(some_id)
        if found is not None:
            return NotificationState.of(*found)
        keys = self._keys(_shards(tuple(Kind)), _Filter(("#item = :item",), {":item": f"delivery#{some_id}"}))
        owner = next((key["notification_id"]["S"] for key in keys), None)
        found = None if owner is None else self._log.find(owner)
        if found is None:
            raise OperatorError(
                f"the log has no notification {some_id}, and no delivery of this id that is under way or has failed; "
                "one that was sent is found by its notification's id"
            )
        notification, deliveries = found
        return NotificationState.of(notification, tuple(each for each in deliveries if each.delivery_id == some_id))

    def find(self, wanted: Wanted, step: Callable[[], object] = lambda: None) -> list[Delivery]:
        """Return what is looked for, the oldest first; `step` is called after each of `steps(wanted)` partitions."""
        found = [
            delivery
            for partition in _shards(wanted.kinds, wanted.channels)
            for delivery in self._of_partition(partition, wanted, step)
        ]
        return sorted(found, key=since)

    def steps(self, wanted: Wanted) -> int:
        """Return how many partitions of the index are queried."""
        return len(_shards(wanted.kinds, wanted.channels))

    def choices(
        self, wanted: Wanted, now: datetime, step: Callable[[], object] = lambda: None, *, accept_duplicates: bool
    ) -> list[Choice]:
        """Return what has failed or is held of what is looked for, and which of it may be sent again.

        Without reasons or ids it is what an outage has left: what was refused would be refused again.
        """
        reasons = wanted.reasons or (() if wanted.ids else OF_AN_OUTAGE)
        chosen = [each for each in self.find(wanted, step) if not reasons or each.reason in reasons]
        return [Choice(each, refusal(each, now, accept_duplicates=accept_duplicates)) for each in chosen]

    def redrive(self, delivery: Delivery, now: datetime) -> bool:
        """Let a delivery be due now, so that the sweeper publishes it within a minute, as round 0 of its way back.

        One write on the condition that it is as it was seen, so two operators redrive it once, and no receipt or worker
        is overtaken. Return False, having written nothing, when it is not. The claim drops whatever is published twice.
        """
        status = BY_OPERATOR.get(delivery.status, delivery.status)
        at = rfc3339(now)
        setting = [
            "#status = :to",
            "#due_shard = :shard",
            "#due_at = :now",
            "#redrives = list_append(if_not_exists(#redrives, :none), :redrive)",
        ]
        values: dict[str, Any] = {
            ":to": status.value,
            ":shard": shard(delivery.channel, delivery.digest_id or delivery.delivery_id, is_urgent=delivery.is_urgent),
            ":now": at,
            ":none": [],
            ":redrive": [{"round": 0, "reason": OPERATOR, "at": at, "due_at": at}],
            ":seen": delivery.status.value,
            ":reason": delivery.reason and delivery.reason.value,
            ":count": delivery.attempts_begun,
            ":event": delivery.event_id,
        }
        if status is not delivery.status:
            setting.append("#timeline = list_append(#timeline, :step)")
            values[":step"] = [{"status": status.value, "at": at}]
        if doubts := unknowns(delivery.attempts):
            setting.append("#doubts_accepted = :doubts")
            values[":doubts"] = doubts
        update = f"SET {', '.join(setting)} REMOVE #reason, #lease_until, #republished"
        condition = (
            "#event_id = :event AND #status = :seen AND #reason = :reason AND #attempts_begun = :count "
            "AND (attribute_not_exists(#lease_until) OR #lease_until < :now) "
            "AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
        )
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=delivery_key(delivery.notification_id, delivery.delivery_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={name: name[1:] for name in re.findall(r"#\w+", f"{update} {condition}")},
            ExpressionAttributeValues=typed(values),
        )
        return not isinstance(answer, Unmet)

    def _of_partition(self, partition: str, wanted: Wanted, step: Callable[[], object]) -> Iterator[Delivery]:
        keys = list(self._keys([partition], _filter(wanted), _failed_since(partition, wanted)))
        for item in read_all(self._client, {self._table: keys}, self._calls)[self._table]:
            try:
                delivery = delivery_of(item)
            except (ValueError, KeyError, TypeError):
                self.unreadable.append(item["notification_id"]["S"])
                continue
            if wanted.takes(delivery):
                yield delivery
        step()

    def _keys(self, partitions: Iterable[str], only: "_Filter", failed_since: datetime | None = None) -> Iterator[Item]:
        later = {} if failed_since is None else {":since": rfc3339(failed_since)}
        for partition in partitions:
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=_INDEX,
                KeyConditionExpression="due_shard = :shard" + (" AND due_at >= :since" if later else ""),
                ExpressionAttributeValues=typed({":shard": partition, **later, **only.values}),
                **only.arguments,
            )
            for page in pages:
                yield from (key_of(item) for item in page["Items"])


@dataclass(frozen=True)
class _Filter:
    """What a query leaves out of what it finds in a partition."""

    conditions: tuple[str, ...]
    values: dict[str, str]

    @property
    def arguments(self) -> dict[str, Any]:
        if not self.conditions:
            return {}
        expression = " AND ".join(self.conditions)
        names = {name: name[1:] for name in re.findall(r"#\w+", expression)}
        return {"FilterExpression": expression, "ExpressionAttributeNames": names}


def _filter(wanted: Wanted) -> _Filter:
    values = {}
    if wanted.user_id is not None:
        values["user_id"] = wanted.user_id
    if wanted.address is not None:
        values["address_key"] = address_key(wanted.address)
    return _Filter(tuple(f"#{name} = :{name}" for name in values), {f":{name}": text for name, text in values.items()})


def _failed_since(partition: str, wanted: Wanted) -> datetime | None:
    """Return from when on to look: among those that have failed, which are by that time."""
    return wanted.since if any(partition in failed for failed in FAILED.values()) else None


def _shards(kinds: Collection[Kind], channels: Sequence[Channel] = CHANNELS) -> list[str]:
    """Return the partitions of the index in which these are; all that waits when that is asked for, held or not."""
    partitions: list[str] = []
    for channel in channels:
        if Kind.ERROR in kinds:
            partitions += FAILED[channel]
        if Kind.WAITING in kinds:
            partitions += SHARDS[channel]
        elif Kind.HELD in kinds:
            partitions.append(HELD[channel])
    return partitions


def _kind(delivery: Delivery) -> Kind | None:
    if delivery.status is Status.ERROR:
        return Kind.ERROR
    if delivery.status not in UNSENT:
        return None
    return Kind.HELD if delivery.is_held else Kind.WAITING
