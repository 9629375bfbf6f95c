"""The log to the one who makes deliveries: claimed, concluded or closed by conditional writes, each of one item.

Every write says what it expects to find, so two who write at once cannot both succeed, and a write that botocore
repeats because the answer was lost cannot count twice. Each raises `Contended` when others' transactions are in its way
for long. All times are text of one form, to the millisecond, and `handlers.domain.notifications.claims` compares them
as the conditions here do.

Who may send is settled by the count of attempts: one is begun only if none was since the delivery was read. So even a
worker that outlived its lease sends nothing more once somebody else has begun.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, plain, typed, write
from handlers.adapters.aws.log_items import KEPT_FOR, delivery_of, holds_delivery, payload_of
from handlers.adapters.aws.log_keys import delivery_key, head_key
from handlers.domain.content.links import Link
from handlers.domain.notifications.claims import Claimed, Found, Refusal, Undecided, lease_end, refusal
from handlers.domain.notifications.deliveries import (
    Attempt,
    Conclusion,
    Delivery,
    Observed,
    Outcome,
    Reason,
    dropped,
    unknowns,
)
from handlers.domain.notifications.due import HELD, after_failure, failed_shard
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.receipts import Change
from handlers.domain.notifications.statuses import Status, before
from handlers.domain.people.same_address import address_key
from handlers.domain.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_IS_CREATED: Final = "#status = :created"
# An attempt that failed removes the lease; one that died leaves it to end.
_IS_LAPSED: Final = "(#status = :pending AND (attribute_not_exists(#lease_until) OR #lease_until < :now))"
_IS_FREE: Final = f"({_IS_CREATED} OR {_IS_LAPSED})"
_IS_THIS_EVENT: Final = "#event_id = :event"
_IS_IN_TIME: Final = "(attribute_not_exists(#expires_at) OR #expires_at > :now)"
_IS_EXPIRED: Final = "#expires_at <= :now"
# Whose attempts are as many as when it was read: nobody has begun one since.
_IS_UNTOUCHED: Final = "#status = :pending AND #attempts_begun = :count"
_LET_GO: Final = "REMOVE #lease_until"
_SETTLE: Final = "REMOVE #lease_until, #due_shard, #due_at"


class DynamoDeliveryLog:
    """Calls `dynamodb:UpdateItem`; to `look`, `dynamodb:GetItem`."""

    def __init__(self, table: str, client: "DynamoDBClient", kept_for: timedelta = KEPT_FOR) -> None:
        """`kept_for` is how long after its time a delivery is erased that is put off to then."""
        self._table = table
        self._client = client
        self._kept_for = kept_for

    def claim(
        self,
        event: DeliveryRequested,
        *,
        provider: str | None,
        lease_until: datetime,
        now: datetime,
        unknown_retries: int,
        address: str | None = None,
    ) -> Claimed | Undecided | Refusal:
        """Lease a delivery that is still to be sent. Of two at once exactly one gets it.

        Begins an attempt with the provider, if one is named and no earlier attempt is of unknown outcome. Of more than
        `unknown_retries` of these nobody gets the delivery. With an `address` it goes there from now on.

        One write; a second one only to take over a lease that has lapsed: its status is `pending` already, and the
        timeline tells the changes of status alone.
        """
        # What it waited for, if it did, is over.
        values = {":event": event.event_id, ":now": rfc3339(now), ":lease": rfc3339(lease_end(lease_until))}
        leading = ["#lease_until = :lease"]
        if address is not None:
            leading += ["#endpoint = :endpoint", "#address_key = :address_key"]
            values |= {":endpoint": address, ":address_key": address_key(address)}
        setting, removing, begun = _beginning((), provider, now)
        result = self._update(
            event,
            _expression(
                "#status = :pending",
                "#timeline = list_append(#timeline, :step)",
                *leading,
                *setting,
                remove=("#reason", *removing),
            ),
            f"{_IS_THIS_EVENT} AND {_IS_CREATED} AND {_IS_IN_TIME}",
            {
                **values,
                **begun,
                ":created": Status.CREATED.value,
                ":pending": Status.PENDING.value,
                ":step": _step(Status.PENDING, now),
            },
        )
        met = _lapsed(result, now)
        if met is not None:
            if met.doubts > unknown_retries:
                return Undecided(met)
            provider = None if unknowns(met.attempts) else provider
            setting, removing, begun = _beginning(met.attempts, provider, now)
            result = self._update(
                event,
                _expression(*leading, *setting, remove=("#reason", *removing)),
                f"{_IS_THIS_EVENT} AND {_IS_LAPSED} AND {_IS_IN_TIME} AND {_IS_UNTOUCHED}",
                {**values, **begun, ":pending": Status.PENDING.value, ":count": met.attempts_begun},
            )
        if isinstance(result, Unmet):
            return _refusal(result, event, now)
        return Claimed(delivery_of(result), begun=provider is not None, payload=payload_of(result))

    def begin(
        self, delivery: Delivery, *, provider: str, now: datetime, after: Conclusion | None = None
    ) -> Delivery | None:
        """Begin the next attempt at a delivery that was claimed, and return the delivery with it.

        `after` tells what came of the last attempt, in the same write. Returns None, and writes nothing, when somebody
        else has begun an attempt meanwhile or the delivery has moved on: it must not be sent then.
        """
        telling, told = ([], {}) if after is None else _telling(delivery, after)
        setting, removing, begun = _beginning(delivery.attempts, provider, now)
        result = self._update(
            delivery,
            _expression(*telling, *setting, remove=removing),
            _IS_UNTOUCHED,
            {**told, **begun, ":pending": Status.PENDING.value, ":count": delivery.attempts_begun},
        )
        return None if isinstance(result, Unmet) else delivery_of(result)

    def release(self, delivery: Delivery, now: datetime) -> None:
        """End the lease of a delivery that was claimed without an attempt; unless somebody has begun one meanwhile.

        As it comes back to the queue, the sweeper is put off, as by an attempt that failed.
        """
        self._update(
            delivery,
            f"SET #due_at = :due {_LET_GO}",
            _IS_UNTOUCHED,
            {":due": _due(delivery, now), ":pending": Status.PENDING.value, ":count": delivery.attempts_begun},
        )

    def hold(self, delivery: Delivery, until: datetime, now: datetime) -> None:
        """Leave a delivery alone that nobody holds, and of which nobody knows whether it was sent, until that time.

        Nothing is written if somebody has taken it, or it has moved on.
        """
        self._update(
            delivery,
            f"SET #due_shard = :shard, #due_at = :until, #reason = :reason {_LET_GO}",
            f"{_IS_LAPSED} AND #attempts_begun = :count",
            {
                ":shard": HELD[delivery.channel],
                ":until": rfc3339(until),
                ":reason": Reason.OUTCOME_UNKNOWN.value,
                ":now": rfc3339(now),
                ":pending": Status.PENDING.value,
                ":count": delivery.attempts_begun,
            },
        )

    def defer(
        self, event: DeliveryRequested, until: datetime, now: datetime, reason: Reason = Reason.QUIET_HOURS
    ) -> Refusal | None:
        """Let a delivery that nobody holds be due at a time, for this reason; return why not, if not.

        By its recipient's limits that time is then its own; after quiet hours it asks them anew.
        If it expires before, it is due then, to be closed: a second write, as only the first tells that.
        """
        own = ", #slot = :until REMOVE" if reason is Reason.RATE_LIMITED else " REMOVE #slot,"
        defer = f"#send_at = :until, #expires = :expires, #reason = :reason{own} #republished"
        free = f"{_IS_THIS_EVENT} AND {_IS_FREE}"
        values = {
            ":event": event.event_id,
            **_free(now),
            ":until": rfc3339(until),
            ":expires": int((until + self._kept_for).timestamp()),
            ":reason": reason.value,
        }
        result = self._update(
            event,
            f"SET #due_at = :until, {defer}",
            f"{free} AND (attribute_not_exists(#expires_at) OR #expires_at > :until)",
            values,
        )
        if _expires(result, now, until):
            result = self._update(
                event,
                f"SET #due_at = #expires_at, {defer}",
                f"{free} AND #expires_at > :now",
                values,
            )
        if isinstance(result, Unmet):
            return _refusal(result, event, now)
        if not event.is_only and until > datetime.fromisoformat(result["created_at"]["S"]) + self._kept_for / 2:
            self._keep_head(event, values[":expires"])
        return None

    def _keep_head(self, event: DeliveryRequested, expires: int) -> None:
        """Keep as long what a delivery says that is put off for very long: one more write, which hardly any needs."""
        write(
            self._client.update_item,
            TableName=self._table,
            Key=head_key(event.notification_id),
            UpdateExpression="SET expires = :expires",
            ConditionExpression="expires < :expires",
            ExpressionAttributeValues=typed({":expires": expires}),
        )

    def close(self, event: DeliveryRequested, status: Status, reason: Reason, now: datetime) -> Refusal | None:
        """Move a delivery that nobody holds to a final status, without an attempt; return why not, if not.

        What has not expired is not closed for that reason, whoever asks.
        """
        result = self._settle(event, status, reason, now)
        return _refusal(result, event, now) if isinstance(result, Unmet) else None

    def cancel(self, delivery: Delivery, now: datetime) -> Delivery:
        """Cancel a delivery that is not yet sent, and that nobody is sending; return it as it is now, either way."""
        result = self._settle(delivery.event(), Status.CANCELED, Reason.CANCELED, now)
        item = result.item if isinstance(result, Unmet) else result
        return delivery if item is None else delivery_of(item)

    def _settle(self, event: DeliveryRequested, status: Status, reason: Reason, now: datetime) -> Item | Unmet:
        leaving, removed, left = _leaving(status, event.channel, event.delivery_id, now)
        return self._update(
            event,
            _expression(
                "#status = :to",
                "#reason = :reason",
                "#timeline = list_append(#timeline, :step)",
                *leaving,
                remove=removed,
            ),
            " AND ".join((_IS_THIS_EVENT, _IS_FREE, *([_IS_EXPIRED] if reason is Reason.EXPIRED else []))),
            {
                ":event": event.event_id,
                **_free(now),
                **left,
                ":to": status.value,
                ":reason": reason.value,
                ":step": _step(status, now, reason),
            },
        )

    def conclude(self, delivery: Delivery, conclusion: Conclusion) -> None:
        """Write what came of the last attempt of this delivery, as it was claimed or begun, and end the lease.

        A delivery that has moved on meanwhile keeps its status, and one that somebody has taken over its new lease: a
        second write tells the outcome alone. It fails, and may, when there was only an answer lost: the outcome has
        been told then.
        """
        untold = f"{_attempt(delivery.attempts_begun)}.#outcome = :started"
        telling, told = _telling(delivery, conclusion)
        if conclusion.status is None:
            waiting, values = _waiting(delivery, conclusion)
            update = f"{_expression(*telling, *waiting)} {_LET_GO}"
            condition = _IS_UNTOUCHED
            values[":count"] = delivery.attempts_begun
        else:
            moving, values = _moving(delivery, conclusion, conclusion.status)
            leaving, removed, left = _leaving(conclusion.status, delivery.channel, delivery.delivery_id, conclusion.at)
            update = _expression(*telling, *moving, *leaving, remove=removed)
            values |= left
            condition = "#status = :pending"
        told[":started"] = Outcome.STARTED.value
        result = self._update(
            delivery, update, f"{condition} AND {untold}", {**told, **values, ":pending": Status.PENDING.value}
        )
        if isinstance(result, Unmet):
            self._update(delivery, _expression(*telling), untold, told)

    def look(self, link: Link) -> Delivery | None:
        """Return the delivery of a link as last written."""
        key = delivery_key(link.notification_id, link.delivery_id)
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return None if item is None or not holds_delivery(item) else delivery_of(item)

    def observe(self, link: Link, status: Status, now: datetime, app_key: str | None = None) -> Observed | None:
        """Move the delivery of a link to what its recipient did, if that is a move; return it as it is now, either way.

        None when there is no such delivery, or it is not this app's, if one is named. Who opens a message has got it,
        so nobody needs to send it any more.
        """
        known = "#status IN (" + ", ".join(f":from{place}" for place in range(len(before(status)))) + ")"
        result = self._update(
            link,
            f"SET #status = :to, #timeline = list_append(#timeline, :step) {_SETTLE}",
            known if app_key is None else f"{known} AND #app_key = :app",
            {
                **({} if app_key is None else {":app": app_key}),
                ":to": status.value,
                ":step": _step(status, now),
                **{f":from{place}": each.value for place, each in enumerate(before(status))},
            },
        )
        if isinstance(result, Unmet):
            if result.item is None or not holds_delivery(result.item):
                return None
            found = delivery_of(result.item)
            return Observed(found, is_news=False) if app_key in (None, found.app_key) else None
        return Observed(delivery_of(result), is_news=True)

    def apply(self, delivery: Delivery, change: Change) -> bool:
        """Write what a receipt makes of a delivery as it was read; False, and nothing written, if it is another by now.

        One that is settled is waited for by nobody any more; one that failed is found among those that did.
        """
        assignments, removed, values = _changing(delivery, change)
        result = self._update(
            delivery,
            _expression(*assignments, remove=removed),
            "#status = :from AND size(#timeline) = :steps",
            {**values, ":from": delivery.status.value, ":steps": len(delivery.timeline)},
        )
        return not isinstance(result, Unmet)

    def _update(
        self, delivery: DeliveryRequested | Delivery | Link, update: str, condition: str, values: Mapping[str, Any]
    ) -> Item | Unmet:
        names = {name: name[1:] for name in re.findall(r"#\w+", f"{update} {condition}")}
        answer = write(
            self._client.update_item,
            TableName=self._table,
            Key=delivery_key(delivery.notification_id, delivery.delivery_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=typed(values),
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return answer if isinstance(answer, Unmet) else answer["Attributes"]


def _free(now: datetime) -> dict[str, Any]:
    """Return the values in the condition that nobody holds the delivery."""
    return {":created": Status.CREATED.value, ":pending": Status.PENDING.value, ":now": rfc3339(now)}


def _expression(*assignments: str, remove: Sequence[str] = ()) -> str:
    """Return the update that makes these assignments, and removes these attributes."""
    parts = (("SET", assignments), ("REMOVE", remove))
    return " ".join(f"{clause} {', '.join(some)}" for clause, some in parts if some)


def _attempt(number: int) -> str:
    return f"#attempts.#{number}"


def _beginning(
    attempts: Sequence[Attempt], provider: str | None, at: datetime
) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return what begins an attempt after these others, none without a provider.

    The assignments, the attempt to remove that is kept no longer, and the values.
    """
    if provider is None:
        return [], [], {}
    number = attempts[-1].attempt + 1 if attempts else 1
    oldest = dropped(attempts, number)
    return (
        [f"{_attempt(number)} = :attempt", "#attempts_begun = :begun"],
        [] if oldest is None else [_attempt(oldest)],
        {":attempt": {"at": rfc3339(at), "provider": provider, "outcome": Outcome.STARTED.value}, ":begun": number},
    )


def _telling(delivery: Delivery, conclusion: Conclusion) -> tuple[list[str], dict[str, Any]]:
    """Return the assignments, and their values, that tell what came of this attempt."""
    attempt = _attempt(delivery.attempts_begun)
    told = {"outcome": conclusion.outcome.value, "error": conclusion.error, "segments": conclusion.segments}
    present = {name: value for name, value in told.items() if value is not None}
    return [f"{attempt}.#{name} = :{name}" for name in present], {f":{name}": value for name, value in present.items()}


def _moving(delivery: Delivery, conclusion: Conclusion, status: Status) -> tuple[list[str], dict[str, Any]]:
    """Return the assignments, and their values, that move the delivery to the conclusion's status."""
    values = {
        ":to": status.value,
        ":step": _step(status, conclusion.at, conclusion.reason),
        ":provider": delivery.attempts[-1].provider,
        ":message_id": conclusion.provider_message_id,
        ":reason": conclusion.reason and conclusion.reason.value,
    }
    assignments = {
        ":to": "#status = :to",
        ":step": "#timeline = list_append(#timeline, :step)",
        ":provider": "#provider = :provider",
        ":message_id": "#provider_message_id = :message_id",
        ":reason": "#reason = :reason",
    }
    present = {name: value for name, value in values.items() if value is not None}
    return [assignments[name] for name in present], present


def _waiting(delivery: Delivery, conclusion: Conclusion) -> tuple[list[str], dict[str, Any]]:
    """Return the assignments, and their values, that let the delivery wait: for its queue, or to be decided."""
    if conclusion.held_until is None:
        return ["#due_at = :due"], {":due": _due(delivery, conclusion.at)}
    reason = conclusion.reason and conclusion.reason.value
    values = {":shard": HELD[delivery.channel], ":due": rfc3339(conclusion.held_until), ":reason": reason}
    return ["#due_shard = :shard", "#due_at = :due", "#reason = :reason"], values


def _leaving(
    status: Status, channel: str, delivery_id: str, at: datetime
) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return what ends a delivery's lease and its place in the index, or leads it to those that have failed."""
    if status is not Status.ERROR:
        return [], ["#lease_until", "#due_shard", "#due_at"], {}
    failed = {":failed": failed_shard(channel, delivery_id), ":failed_at": rfc3339(at)}
    return ["#due_shard = :failed", "#due_at = :failed_at"], ["#lease_until"], failed


def _due(delivery: Delivery, now: datetime) -> str:
    """Return when the sweeper is to look after a delivery that goes back to the queue."""
    return rfc3339(after_failure(delivery.republished, now))


def _changing(delivery: Delivery, change: Change) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return the assignments of a receipt's change, what it removes, and the values."""
    steps = [step.model_dump(mode="json") for step in change.steps]
    assignments, removed = ["#timeline = list_append(#timeline, :new)"], []
    values: dict[str, Any] = {":new": steps}
    if change.accepted is not None:
        assignments.append(f"{_attempt(change.accepted)}.#outcome = :accepted")
        values[":accepted"] = Outcome.ACCEPTED.value
    if change.status is not None:
        told: dict[str, str | None] = {"status": change.status, "reason": change.reason}
        told |= {"provider": change.provider, "provider_message_id": change.message_id}
        present = {name: str(each) for name, each in told.items() if each is not None}
        assignments += [f"#{name} = :{name}" for name in present]
        values |= {f":{name}": each for name, each in present.items()}
        removed += [] if change.reason else ["#reason"]
        at = change.steps[-1].at
        leaving, gone, left = _leaving(change.status, delivery.channel, delivery.delivery_id, at)
        assignments, removed, values = [*assignments, *leaving], [*removed, *gone], {**values, **left}
    return assignments, removed, values


def _step(status: Status, at: datetime, reason: Reason | None = None) -> list[dict[str, str]]:
    """Return the timeline's next step, as the list that list_append takes."""
    step = {"status": status.value, "at": rfc3339(at)}
    return [step if reason is None else step | {"reason": reason.value}]


def _found(item: Item) -> Found:
    values = plain(item)
    return Found(
        event_id=values["event_id"],
        status=Status(values["status"]),
        lease_until=_time(values.get("lease_until")),
        expires_at=_time(values.get("expires_at")),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _lapsed(result: Item | Unmet, now: datetime) -> Delivery | None:
    """Return the delivery that a write met instead of what it expected, if it is under a lease that has ended."""
    if not isinstance(result, Unmet) or result.item is None or not _found(result.item).is_lapsed(now):
        return None
    return delivery_of(result.item)


def _expires(result: Item | Unmet, after: datetime, until: datetime) -> bool:
    """Say whether a write did not come about and met a delivery that expires between these times."""
    if not isinstance(result, Unmet) or result.item is None:
        return False
    found = _found(result.item)
    return found.is_expired(until) and not found.is_expired(after)


def _refusal(failed: Unmet, event: DeliveryRequested, now: datetime) -> Refusal:
    return refusal(None if failed.item is None else _found(failed.item), event.event_id, now)
