"""The log's stream, as Lambda hands it to a function: its records become changes of deliveries.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from handlers.adapters.aws.log_items import delivery_of, holds_delivery
from handlers.adapters.aws.log_keys import acceptance_of
from handlers.adapters.aws.unreadable import tell_unreadable
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.statuses import INITIAL
from handlers.domain.stats.changes import Change, ordered

Record = Mapping[str, Any]

_BY_TIME: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
"""Who deletes what has expired: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html"""


@dataclass(frozen=True, slots=True)
class Read:
    """The changes in a batch of records, in its order, and how many records cannot be read."""

    changes: list[Change]
    unreadable: int


def read(records: list[Record]) -> Read:
    """Return what has changed. What cannot be read is told in the function's log, and left out: the log holds it still,
    and nothing that comes after it has to wait.
    """
    changes, unreadable = [], 0
    for record in records:
        try:
            change = _change(record)
        except Exception as error:
            tell_unreadable(record["dynamodb"]["Keys"], error)
            unreadable += 1
            continue
        if change is not None:
            changes.append(change)
    return Read(changes, unreadable)


def sequence_of(record: Record) -> str:
    """Return the sequence number of a record, as Lambda wants it told."""
    return str(record["dynamodb"]["SequenceNumber"])


def _change(record: Record) -> Change | None:
    """Return the change of a delivery; None of a notification alone, or of what was deleted as its time was over."""
    told = record["dynamodb"]
    old, new = _image(told.get("OldImage")), _image(told.get("NewImage"))
    if not holds_delivery(new or old or {}):
        return None
    if new is None and not _was_never_accepted(record):
        return None
    return Change(
        ordered(sequence_of(record)), None if old is None else _before(old), None if new is None else delivery_of(new)
    )


def _image(written: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return an item as boto3 has one: in a function's event, which is JSON, bytes are base64."""
    return None if written is None else {name: _value(value) for name, value in written.items()}


def _value(typed: Mapping[str, Any]) -> dict[str, Any]:
    [(kind, value)] = typed.items()
    match kind:
        case "B":
            return {kind: b64decode(value)}
        case "BS":
            return {kind: [b64decode(each) for each in value]}
        case "M":
            return {kind: {name: _value(each) for name, each in value.items()}}
        case "L":
            return {kind: [_value(each) for each in value]}
    return {kind: value}


def _before(item: Mapping[str, Any]) -> Delivery | None:
    """Return what a delivery was; None if that cannot be read: an operator has mended it since."""
    try:
        return delivery_of(item)
    except Exception:
        return None


def _was_never_accepted(record: Record) -> bool:
    """Say whether the sweeper has erased a delivery whose notification was never there (`due_index`).

    Whoever else deletes a delivery, be it time or a person, leaves it counted.
    """
    old: Mapping[str, Any] = record["dynamodb"]["OldImage"]
    identity = record.get("userIdentity") or {}
    by_time = all(identity.get(name) == value for name, value in _BY_TIME.items())
    return not by_time and acceptance_of(dict(old)) is not None and old["status"]["S"] in INITIAL
