"""What the log's stream tells, as changes of deliveries."""

import json
import uuid
from base64 import b64encode
from typing import Any

import pytest

from handlers.adapters.aws.dynamo import typed
from handlers.adapters.aws.erasures import PARTITION
from handlers.adapters.aws.log_items import delivery_item, notification_item, only_item
from handlers.adapters.aws.log_keys import key_of
from handlers.adapters.aws.log_stream import Read, read
from handlers.domain.notifications.deliveries import Delivery, Step
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.changes import by_delivery, ordered
from tests.unit.handlers.samples import NOW, delivery, notification, payload

BY_TIME = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def one_of_several(**fields: Any) -> Delivery:
    """A delivery that is an item of its own, beside its notification's."""
    return delivery(str(uuid.uuid4()), **fields)


def record(sequence: int, old: dict[str, Any] | None, new: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A record as Lambda hands it over: JSON, in which bytes are base64."""
    images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
    made: dict[str, Any] = json.loads(
        json.dumps(
            {
                "eventID": f"e{sequence}",
                "dynamodb": {"Keys": key_of(new or old or {}), "SequenceNumber": str(sequence), **images},
                **more,
            },
            default=lambda value: b64encode(bytes(value)).decode(),
        )
    )
    return made


def moved(given: Delivery, status: Status) -> Delivery:
    step = Step(status=status, at=NOW)
    return given.model_copy(update={"status": status, "timeline": (*given.timeline, step)})


def test_an_acceptance_and_a_move_are_told_from_the_packed_item_of_a_notification_and_its_only_delivery() -> None:
    given = delivery()
    head, pending = notification(given.notification_id), moved(given, Status.PENDING)
    first, second = only_item(head, given, payload()), only_item(head, pending, payload())
    found = read([record(9, None, first), record(10, first, second)])
    assert [(each.before, each.after) for each in found.changes] == [(None, given), (given, pending)]
    assert [(each.moved_from, each.moved_to, each.is_move) for each in found.changes] == [
        (None, "created", True),
        ("created", "pending", True),
    ]
    assert [each.steps for each in found.changes] == [given.timeline, pending.timeline[1:]]
    assert [each.sequence for each in found.changes] == [ordered("9"), ordered("10")]
    assert ordered("9") < ordered("10")


def test_a_notification_beside_its_deliveries_is_no_change_of_a_delivery() -> None:
    assert read([record(1, None, notification_item(notification(), payload()))]).changes == []


@pytest.mark.parametrize("item", ["user#ada", "pass"])
def test_who_is_to_be_erased_is_no_change_of_a_delivery_and_nothing_that_cannot_be_read(item: str) -> None:
    asked = typed({"notification_id": PARTITION, "item": item, "asked_at": "2030-01-31T12:00:00.000Z"})
    assert read([record(1, None, asked), record(2, asked, None)]) == Read([], 0)


def test_what_is_deleted_as_its_time_is_over_or_by_hand_is_no_change() -> None:
    marked, alone = delivery_item(one_of_several()) | typed({"acceptance": "a1"}), delivery_item(one_of_several())
    assert read([record(1, marked, None, userIdentity=BY_TIME), record(2, alone, None)]).changes == []
    sent = delivery_item(one_of_several(status=Status.SENT)) | typed({"acceptance": "a1"})
    assert read([record(3, sent, None)]).changes == []


def test_what_the_sweeper_erases_as_it_was_never_accepted_is_a_change_to_nothing() -> None:
    given = one_of_several()
    [change] = read([record(1, delivery_item(given) | typed({"acceptance": "a1"}), None)]).changes
    assert (change.before, change.after, change.delivery) == (given, None, given)


def test_an_operators_redrive_is_told_from_what_happens_by_itself() -> None:
    failed = one_of_several(status=Status.ERROR)
    again = moved(failed, Status.PENDING)
    changes = read([record(1, delivery_item(failed), delivery_item(again))]).changes
    assert [each.is_by_operator for each in changes] == [True]
    assert not read([record(2, None, delivery_item(failed))]).changes[0].is_by_operator


def test_what_cannot_be_read_is_told_by_its_key_and_hides_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    broken, good = delivery_item(one_of_several(user_id="ada-lovelace")), one_of_several()
    broken["status"] = {"S": "lost"}
    found = read([record(1, None, broken), record(2, None, delivery_item(good))])
    assert ([each.after for each in found.changes], found.unreadable) == ([good], 1)
    told = capsys.readouterr().out
    assert broken["notification_id"]["S"] in told
    assert "ada-lovelace" not in told


def test_what_was_mended_by_hand_is_told_as_new() -> None:
    given = one_of_several()
    broken = delivery_item(given) | {"status": {"S": "lost"}}
    [change] = read([record(1, broken, delivery_item(given))]).changes
    assert (change.before, change.after) == (None, given)


def test_the_changes_of_a_delivery_are_put_together_in_their_order_and_once() -> None:
    one, other = one_of_several(), one_of_several()
    items = [delivery_item(each) for each in (one, moved(one, Status.PENDING), other)]
    records = [record(99, None, items[0]), record(100, items[0], items[1])]
    found = read([records[1], record(5, None, items[2]), *records]).changes
    assert [[int(each.sequence) for each in some] for some in by_delivery(found)] == [[99, 100], [5]]
