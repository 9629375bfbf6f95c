"""Recipients' limits: each place that is taken is one conditional write of one item (`limit_items`), and no read.

A write adds to what is taken. DynamoDB can add to what an item has, but not to the later of that and now. So each write
says which of the two it expects of each limit. The first write to a recipient expects that nothing is taken; when that
is wrong, it meets the item as it is, and the second one knows. What the last write has shown is remembered, so whoever
is sent to again and again costs one write each time as well. Of many at once over a limit none gets in another's way:
each adds an interval to whatever is taken by then, and is told its own time by the same write.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.adapters.aws.dynamo import Item, Unmet, attempt_write, pause, plain, read, typed
from handlers.adapters.aws.limit_items import cell, changed_of, recipient_id, taken_attribute, taken_of
from handlers.adapters.aws.provider_items import item_id
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.limits import (
    REMEMBERED,
    Addressee,
    Limit,
    Taken,
    after,
    earliest,
    in_effect,
    millis,
    moment,
    of_category,
)
from handlers.domain.problems import Contended

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES: Final = 8
_AT_ONCE: Final = 2
"""Of the tries, those that are made without a pause: the second one knows what the first has met."""

_RECIPIENTS_KNOWN: Final = 1000
_KEPT: Final = timedelta(days=1)
_KEYS_PER_CALL: Final = 100


@dataclass(frozen=True, slots=True)
class DynamoRecipientLimits:
    """Calls `dynamodb:UpdateItem` for what is under a limit. `changed` returns what the operator has changed."""

    table: str
    configured: Mapping[str, Limit]
    changed: Callable[[], Mapping[str, Limit | None]]
    client: "DynamoDBClient"
    _known: dict[str, Taken] = field(default_factory=dict)

    def slot(self, event: DeliveryRequested, now: datetime) -> datetime:
        """Take the next place for a delivery, and return when it may go: not after now, if at once.

        Raises `Contended` when others were quicker each time.
        """
        limits = of_category(in_effect(self.configured, self.changed()), event.category)
        if not limits:
            return now
        recipient, at = recipient_id(_addressee(event)), millis(now)
        taken = self._known.get(recipient, {})
        for attempt in range(_TRIES):
            if attempt >= _AT_ONCE:
                pause(attempt - _AT_ONCE)
            place = _Place(limits, taken, at, event.message_id)
            answer = attempt_write(
                self.client.update_item,
                TableName=self.table,
                Key=typed({"id": recipient}),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **place.update(),
            )
            if answer is None:
                continue
            values = plain((answer.item or {}) if isinstance(answer, Unmet) else answer["Attributes"])
            taken = self._learn(recipient, values)
            if not isinstance(answer, Unmet) or place.is_taken(values):
                return moment(int(values[place.slot_attribute]))
        raise Contended("Others were taking places of the same recipient.", retry_after=1)

    def _learn(self, recipient: str, values: Mapping[str, Any]) -> Taken:
        if len(self._known) >= _RECIPIENTS_KNOWN:
            self._known.clear()
        self._known[recipient] = taken = taken_of(values)
        return taken


class _Place:
    """One place of a recipient, as it would be if `taken` is what the item holds."""

    def __init__(self, limits: Mapping[str, Limit], taken: Taken, at: int, notification_id: str) -> None:
        self._limits, self._taken, self._at = limits, taken, at
        self._slot = earliest(limits, taken, at)
        self._id_attribute, self.slot_attribute, self._id = cell(notification_id)

    @property
    def _forgotten(self) -> int:
        return self._at - REMEMBERED // timedelta(milliseconds=1)

    def is_taken(self, values: Mapping[str, Any]) -> bool:
        """Say whether the notification has its place already."""
        return values.get(self._id_attribute) == self._id and int(values[self.slot_attribute]) >= self._forgotten

    def update(self) -> dict[str, Any]:
        """Return the arguments of the write that takes it, if all is as expected and it is not taken yet."""
        names = {"#id": self._id_attribute, "#slot": self.slot_attribute, "#expiration": "expiration"}
        values: dict[str, Any] = {
            ":id": self._id,
            ":slot": self._slot,
            ":forgotten": self._forgotten,
            ":expiration": self._expiration(),
        }
        # Where it is put off, the limit that does so says until when, in case others have come before it meanwhile.
        own = ":slot"
        sets, conditions = [], ["(attribute_not_exists(#id) OR #id <> :id OR #slot < :forgotten)"]
        for number, (name, limit) in enumerate(self._limits.items()):
            taken, interval, last = f"#taken{number}", f":interval{number}", f":last{number}"
            names[taken] = taken_attribute(name)
            values[interval] = limit.interval
            if self._taken.get(name, 0) < self._slot:
                sets.append(f"{taken} = {interval}")
                values[interval] += self._slot
                conditions.append(f"(attribute_not_exists({taken}) OR {taken} < :slot)")
                continue
            sets.append(f"{taken} = {taken} + {interval}")
            if own == ":slot" and self._puts_off(name):
                values[f":tolerance{number}"] = limit.tolerance
                own = f"{taken} - :tolerance{number}"
                conditions.append(f"{taken} >= :slot")
            else:
                values[last] = self._slot + limit.tolerance
                conditions.append(f"{taken} BETWEEN :slot AND {last}")
        sets += ["#id = :id", f"#slot = {own}", "#expiration = :expiration"]
        return {
            "UpdateExpression": f"SET {', '.join(sets)}",
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": typed(values),
        }

    def _puts_off(self, name: str) -> bool:
        return self._slot > self._at and self._taken[name] - self._limits[name].tolerance == self._slot

    def _expiration(self) -> int:
        last = max([*self._taken.values(), *after(self._limits, self._taken, self._slot).values()])
        return int((moment(last) + _KEPT).timestamp())


@dataclass(frozen=True, slots=True)
class DynamoLimitsOutlook:
    """`dynamodb:BatchGetItem`, once for up to 100 recipients and channels. `configured` are the limits by channel."""

    table: str
    configured: Mapping[str, Mapping[str, Limit]]
    client: "DynamoDBClient"

    def slots(self, category: str, recipients: Collection[Addressee], now: datetime) -> Mapping[Addressee, datetime]:
        """Return when each recipient may get one more, without those that may get it now. Takes no place."""
        items = self._read(recipients)
        found = {}
        for each in recipients:
            changed = changed_of(items.get(item_id(each.channel), {}))
            limits = of_category(in_effect(self.configured.get(each.channel, {}), changed), category)
            slot = earliest(limits, taken_of(items.get(recipient_id(each), {})), millis(now))
            if slot > millis(now):
                found[each] = moment(slot)
        return found

    def _read(self, recipients: Collection[Addressee]) -> Mapping[str, Mapping[str, Any]]:
        keys = sorted({item_id(each.channel) for each in recipients} | {recipient_id(each) for each in recipients})
        items: list[Item] = []
        for start in range(0, len(keys), _KEYS_PER_CALL):
            some = [typed({"id": key}) for key in keys[start : start + _KEYS_PER_CALL]]
            items += read(self.client, {self.table: some})[self.table]
        return {values["id"]: values for values in map(plain, items)}


def _addressee(event: DeliveryRequested) -> Addressee:
    return Addressee(event.channel, event.user_id or event.address_key or "")
