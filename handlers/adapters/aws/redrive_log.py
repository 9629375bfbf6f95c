"""The log to the redriver: a delivery is looked at, and noted for its next round, or given up.

`redrives` is a list of its rounds, `{"round", "reason", "at", "due_at"}`, in their order. Meanwhile the delivery is in
a partition of the due index of its own (`domain.notifications.due.REDRIVEN`), until the sweeper has published it.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, plain, typed, write
from handlers.adapters.aws.log_keys import delivery_key
from handlers.domain.channels import Channel
from handlers.domain.notifications.claims import Found
from handlers.domain.notifications.due import REDRIVEN, failed_shard
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.outcomes import Reason
from handlers.domain.notifications.redrives import Redrive, Waiting
from handlers.domain.notifications.statuses import Status
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Nobody has begun an attempt since it was read, or moved it on; so a message that is met twice counts once.
_IS_AS_SEEN: Final = "#status = :seen AND #attempts_begun = :count AND "


class DynamoRedriveLog:
    """Calls `dynamodb:GetItem` and `dynamodb:UpdateItem`, once each for a message."""

    def __init__(self, table: str, channel: Channel, client: "DynamoDBClient") -> None:
        self._table = table
        self._channel = channel
        self._client = client

    def waiting(self, event: DeliveryRequested) -> Waiting | None:
        """Return what there is of the event's delivery, as last written."""
        key = delivery_key(event.notification_id, event.delivery_id)
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return None if item is None else _waiting(item)

    def wait(self, event: DeliveryRequested, seen: Waiting, redrive: Redrive, *, is_new: bool) -> bool:
        """Let the delivery be due when its round says, or when it expires if that is before; note a round that is new.

        Return False, having written nothing, when it is not as it was seen any more.
        """
        expires_at = seen.found.expires_at
        due_at = redrive.due_at if expires_at is None else min(redrive.due_at, expires_at)
        noting = ", #redrives = list_append(if_not_exists(#redrives, :none), :redrive)" if is_new else ""
        noted: dict[str, Any] = {":none": [], ":redrive": [_stored(redrive)]} if is_new else {}
        return self._update(
            event,
            seen,
            f"SET #due_shard = :shard, #due_at = :due{noting}",
            {":shard": REDRIVEN[self._channel], ":due": rfc3339(due_at), **noted},
        )

    def give_up(self, event: DeliveryRequested, seen: Waiting, reason: Reason, now: datetime) -> bool:
        """Move the delivery to `error`; return False, having written nothing, when it is not as it was seen."""
        step = {"status": Status.ERROR.value, "at": rfc3339(now), "reason": reason.value}
        return self._update(
            event,
            seen,
            "SET #status = :to, #reason = :reason, #timeline = list_append(#timeline, :step), "
            "#due_shard = :shard, #due_at = :now REMOVE #lease_until",
            {
                ":to": Status.ERROR.value,
                ":reason": reason.value,
                ":step": [step],
                ":shard": failed_shard(self._channel, event.delivery_id),
                ":now": rfc3339(now),
            },
        )

    def _update(self, event: DeliveryRequested, seen: Waiting, update: str, values: Mapping[str, Any]) -> bool:
        told: dict[str, Any] = {":seen": seen.found.status.value, ":count": seen.attempts_begun}
        if seen.due_at is None:  # taken out of the index by hand
            condition = _IS_AS_SEEN + "attribute_not_exists(#due_at)"
        else:
            condition = _IS_AS_SEEN + "#due_at = :due_seen"
            told[":due_seen"] = rfc3339(seen.due_at)
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=delivery_key(event.notification_id, event.delivery_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={name: name[1:] for name in re.findall(r"#\w+", f"{update} {condition}")},
            ExpressionAttributeValues=typed({**told, **values}),
        )
        return not isinstance(answer, Unmet)


def _stored(redrive: Redrive) -> dict[str, Any]:
    return {
        "round": redrive.round,
        "reason": redrive.reason,
        "at": rfc3339(redrive.at),
        "due_at": rfc3339(redrive.due_at),
    }


def _waiting(item: Item) -> Waiting:
    values = plain(item)
    last = values["attempts"].get(str(values["attempts_begun"]), {})
    return Waiting(
        found=Found(
            event_id=values["event_id"],
            status=Status(values["status"]),
            lease_until=_time(values.get("lease_until")),
            expires_at=_time(values.get("expires_at")),
        ),
        due_at=_time(values.get("due_at")),
        send_at=_time(values.get("send_at")),
        reason=values.get("reason"),
        attempts_begun=int(values["attempts_begun"]),
        outcome=last.get("outcome"),
        error=last.get("error"),
        redrives=tuple(_redrive(each) for each in values.get("redrives", ())),
    )


def _redrive(stored: Mapping[str, Any]) -> Redrive:
    return Redrive(
        int(stored["round"]),
        stored["reason"],
        datetime.fromisoformat(stored["at"]),
        datetime.fromisoformat(stored["due_at"]),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
