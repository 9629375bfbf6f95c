"""An acceptance in a real table: whole or not at all, wherever it dies, whoever comes at once, whatever it has left."""

import json
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import pytest

from handlers.adapters.aws import dynamo
from handlers.adapters.aws.dynamo import UnprocessedItemsError
from handlers.adapters.aws.log_items import payload_of
from handlers.adapters.aws.log_keys import delivery_key
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.domain.notifications.deliveries import Delivery, Reason
from handlers.domain.notifications.due import AFTER_ACCEPTANCE
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.statuses import Status
from tests.emulator.adapters.log import DynamoLog
from tests.unit.handlers.log_contract import due, due_of
from tests.unit.handlers.samples import NOW, delivery, notification, payload

SECOND = timedelta(seconds=1)
LATER = NOW + 2 * AFTER_ACCEPTANCE
"""When what is in the index is due, and what is left in it can be accepted no more."""


class KilledError(BaseException):
    """The process is gone: no `except Exception` sees it."""


class Mortal:
    """A client of a process that is killed after one of its writes; 0 is before the first."""

    def __init__(self, client: Any, dies_after: int | None = None) -> None:
        self._client, self._dies_after = client, dies_after
        self._lock = Lock()
        self._is_dead = dies_after == 0
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **arguments: Any) -> Any:
        return self._write(self._client.put_item, arguments)

    def batch_write_item(self, **arguments: Any) -> Any:
        return self._write(self._client.batch_write_item, arguments)

    def _write(self, operation: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        with self._lock:
            if self._is_dead:
                raise KilledError
            self.writes += 1
            self._is_dead = self.writes == self._dies_after
            answer = operation(**arguments)
            if self._is_dead:
                raise KilledError
            return answer


@pytest.fixture
def table(new_log_table: Callable[[], str]) -> str:
    """A log of one's own: what is due in it is looked for often."""
    return new_log_table()


def of(head: Notification, number: int, **fields: Any) -> list[Delivery]:
    """So many deliveries of a notification; a single one is in the same item with it."""
    only = {"delivery_id": head.notification_id} if number == 1 else {}
    return [delivery(head.notification_id, position=position, **only, **fields) for position in range(number)]


def items(log: DynamoLog, head: Notification) -> int:
    """How many items there are in the table of this notification, seen or not."""
    pages = log.client.get_paginator("query").paginate(
        TableName=log.table,
        KeyConditionExpression="notification_id = :id",
        ExpressionAttributeValues={":id": {"S": head.notification_id}},
    )
    return sum(page["Count"] for page in pages)


def due_ids(log: DynamoLog, head: Notification, now: datetime = LATER) -> set[str]:
    """The deliveries of this notification, all of them mails, that a sweep would publish."""
    found = due(log, now, ["email"])
    return {each.event.delivery_id for each in found if each.event.notification_id == head.notification_id}


def ids(deliveries: Sequence[Delivery]) -> set[str]:
    return {each.delivery_id for each in deliveries}


WRITES = {1: 1, 2: 2, 25: 2, 100: 5, 600: 25}
"""Of so many deliveries: 25 in one, and the notification in the last; of one delivery both in one."""
KILLS = [
    *((number, write) for number in (1, 2, 100) for write in range(WRITES[number] + 1)),
    *((600, write) for write in (0, 1, 12, 23, 24, 25)),
]
"""Of how many deliveries, and after which of the writes; 0 is before the first."""


@pytest.mark.parametrize(("number", "write"), KILLS)
def test_wherever_an_acceptance_is_killed_all_of_it_counts_or_nothing(
    number: int,
    write: int,
    log: DynamoLog,
) -> None:
    head = notification()
    first = of(head, number)
    mortal = Mortal(log.client, write)
    with pytest.raises(KilledError):
        DynamoNotificationLog(log.table, mortal).accept(head, first, payload())  # type: ignore[arg-type]
    is_whole = write == WRITES[number]
    assert log.find(head.notification_id) == ((head, tuple(first)) if is_whole else None)
    assert due_ids(log, head) == (ids(first) if is_whole else set())

    # Whoever comes with the key again, and something else to send: it is the first, or the second, and never both.
    other, second = notification(head.notification_id, fingerprint="e" * 64), of(head, 3)
    assert log.accept(other, second, payload()) is not is_whole
    accepted = (head, tuple(first)) if is_whole else (other, tuple(second))
    assert log.find(head.notification_id) == accepted
    assert due_ids(log, head) == ids(accepted[1])
    assert items(log, head) == (1 if accepted[1][0].is_only else len(accepted[1]) + 1)


@pytest.mark.parametrize("number", WRITES)
def test_an_acceptance_makes_as_few_writes_as_it_can(number: int, log: DynamoLog) -> None:
    head = notification()
    client = Mortal(log.client)
    assert DynamoNotificationLog(log.table, client).accept(head, of(head, number), payload())  # type: ignore[arg-type]
    assert client.writes == WRITES[number]


def test_of_two_at_once_one_is_accepted_whole_and_the_other_leaves_nothing_to_be_seen(log: DynamoLog) -> None:
    for number in (3, 150):
        head = notification()
        attempts = [of(head, number) for _ in range(4)]
        with ThreadPoolExecutor(len(attempts)) as threads:
            results = list(threads.map(lambda each: log.accept(head, each, payload()), attempts))  # noqa: B023 - used at once
        assert results.count(True) == 1
        winner = attempts[results.index(True)]
        assert log.find(head.notification_id) == (head, tuple(winner))
        assert due_ids(log, head) == ids(winner)
        assert items(log, head) == number + 1


def test_what_an_acceptance_under_way_has_written_is_left_alone(log: DynamoLog) -> None:
    """A sweep comes between its writes; also for what is due at once."""
    head = notification()
    deliveries = [
        *of(head, 149, send_at=NOW + SECOND, reason=Reason.SCHEDULED),
        delivery(head.notification_id, position=149),
    ]
    swept: list[int] = []

    class Swept(Mortal):
        def put_item(self, **arguments: Any) -> Any:
            swept.append(len(due_ids(log, head, NOW + 3 * SECOND)))
            return super().put_item(**arguments)

    assert DynamoNotificationLog(log.table, Swept(log.client)).accept(head, deliveries, payload())  # type: ignore[arg-type]
    assert swept == [0]
    assert log.find(head.notification_id) == (head, tuple(deliveries))
    assert len(due_ids(log, head)) == 150


def test_what_waits_is_erased_with_the_first_of_its_acceptance_that_is_due(log: DynamoLog) -> None:
    head = notification()
    waiting = of(head, 100, send_at=NOW + timedelta(days=300), reason=Reason.SCHEDULED)
    never = of(head, 60, status=Status.ERROR, reason=Reason.UNKNOWN_CONTACT, endpoint=None)
    mortal: Any = Mortal(log.client, 1)
    with pytest.raises(KilledError):
        DynamoNotificationLog(log.table, mortal).accept(
            head, [*never, delivery(head.notification_id), *waiting], payload()
        )
    assert items(log, head) == 25
    assert due_ids(log, head) == set()
    assert items(log, head) == 0


def test_what_many_deliveries_say_is_written_once(log: DynamoLog) -> None:
    head, much = notification(), payload(content={"subject": "s", "body": "".join(f"{n:x}" for n in range(50_000))})
    deliveries = of(head, 30)
    assert log.accept(head, deliveries, much)
    assert log.find(head.notification_id) == (head, tuple(deliveries))
    assert max(len(json.dumps(log.item(each))) for each in deliveries) < 1500
    key = {"notification_id": {"S": head.notification_id}, "item": {"S": "notification"}}
    assert payload_of(log.client.get_item(TableName=log.table, Key=key)["Item"]) == much


def test_a_write_whose_answer_was_lost_is_an_acceptance_and_not_a_repetition(log: DynamoLog) -> None:
    """As botocore repeats it, which then meets what it has written itself."""

    class Lossy:
        def __getattr__(self, name: str) -> Any:
            return getattr(log.client, name)

        def put_item(self, **arguments: Any) -> Any:
            log.client.put_item(**arguments)
            return log.client.put_item(**arguments)

    for number in (1, 3):
        head = notification()
        assert DynamoNotificationLog(log.table, Lossy()).accept(head, of(head, number), payload())  # type: ignore[arg-type]
        assert not log.accept(head, of(head, number), payload())


@pytest.mark.parametrize("first", [1, 2])
def test_of_one_key_for_one_delivery_and_for_two_the_first_is_accepted_alone(first: int, log: DynamoLog) -> None:
    head = notification()
    kept, late = of(head, first), of(head, 3 - first)
    assert log.accept(head, kept, payload())
    assert not log.accept(head, late, payload())
    assert log.find(head.notification_id) == (head, tuple(kept))
    assert due_ids(log, head) == ids(kept)


def test_of_one_key_for_one_delivery_and_for_two_at_once_one_is_accepted(log: DynamoLog) -> None:
    for _ in range(5):
        head = notification()
        attempts = [of(head, number) for number in (1, 2, 1, 2)]
        with ThreadPoolExecutor(len(attempts)) as threads:
            results = list(threads.map(lambda each: log.accept(head, each, payload()), attempts))  # noqa: B023 - at once
        assert results.count(True) == 1
        winner = attempts[results.index(True)]
        assert log.find(head.notification_id) == (head, tuple(winner))
        assert due_ids(log, head) == ids(winner)


def test_what_dynamodb_leaves_unwritten_is_put_again_and_never_taken_for_written(
    log: DynamoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamo, "_FIRST_WAIT", 0)

    class Throttled:
        def __init__(self, leaves: int) -> None:
            self.leaves = leaves

        def __getattr__(self, name: str) -> Any:
            return getattr(log.client, name)

        def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> Any:  # noqa: N803 - as boto3 has it
            [(table, requests)] = RequestItems.items()
            self.leaves -= 1
            left = requests[1:] if self.leaves >= 0 else []
            taken = requests[: len(requests) - len(left)]
            log.client.batch_write_item(RequestItems={table: taken})
            return {"UnprocessedItems": {table: left} if left else {}}

    head = notification()
    deliveries = of(head, 3)
    assert DynamoNotificationLog(log.table, Throttled(2)).accept(head, deliveries, payload())  # type: ignore[arg-type]
    assert log.find(head.notification_id) == (head, tuple(deliveries))
    other = notification()
    with pytest.raises(UnprocessedItemsError):
        DynamoNotificationLog(log.table, Throttled(99)).accept(other, of(other, 9), payload())  # type: ignore[arg-type]
    assert log.find(other.notification_id) is None


def test_a_repetition_of_many_deliveries_is_noticed_before_they_are_written(
    log: DynamoLog,
    calls: list[str],
) -> None:
    head = notification()
    assert log.accept(head, of(head, 150), payload())
    calls.clear()
    assert not log.accept(head, of(head, 150), payload())
    assert calls == ["Query"]


# -- what cannot be read -----------------------------------------------------------------------------------------------


def spoil(log: DynamoLog, given: Delivery, name: str, value: Any) -> None:
    """Let an attribute of the item be another; None removes it."""
    item = {**log.item(given), name: value}
    log.client.put_item(TableName=log.table, Item={key: each for key, each in item.items() if each is not None})


SPOILT: list[tuple[str, Any]] = [
    ("app_key", None),
    ("event_id", None),
    ("category", {"N": "1"}),
    ("channel", {"S": "fax"}),
    ("user_id", {"L": []}),
    ("app_key", {"S": ""}),
    ("republished", {"S": "often"}),
    ("due_at", {"S": "2030-01-31 at noon"}),
]


@pytest.mark.parametrize(("name", "value"), SPOILT)
def test_an_item_that_cannot_be_read_is_set_apart_and_its_shard_goes_on(
    name: str,
    value: Any,
    log: DynamoLog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = log.set_apart()
    shard = f"00000000-0000-0000-0000-{8 * uuid.uuid4().int % 8**12:012x}"
    given = [delivery(delivery_id=each) for each in (shard, f"{shard[:-12]}{0:012d}")]
    for each in given:
        assert log.accept(notification(each.notification_id), [each], payload())
    spoil(log, given[0], name, value)
    assert due_of(log, given[1], LATER) != []
    [line] = [vars(record) for record in caplog.records if record.getMessage() == "log item unreadable"]
    assert {name: line[name] for name in ("notification_id", "item")} == {
        name: value["S"] for name, value in delivery_key(given[0].notification_id, given[0].delivery_id).items()
    }
    assert log.item(given[0])["due_shard"] == {"S": "unreadable"}
    # It is told once, counted as long as it is there, and swept again once it is mended.
    caplog.clear()
    assert due_of(log, given[0], LATER) == []
    assert caplog.records == []
    assert log.set_apart() == before + 1
    whole = {
        "app_key": "demo",
        "category": "payment",
        "channel": "email",
        "user_id": "ada",
        "event_id": given[0].event_id,
    }
    spoil(
        log,
        given[0],
        name,
        {"S": "2030-01-31T12:00:00.000Z"} if name == "due_at" else {"S": whole[name]} if name in whole else None,
    )
    spoil(log, given[0], "due_shard", {"S": "email#0"})
    assert len(due_of(log, given[0], LATER)) == 1
    assert log.set_apart() == before


def test_a_mark_that_is_none_keeps_nobody_waiting(log: DynamoLog) -> None:
    given = [delivery(delivery_id=f"00000000-0000-0000-0000-{n:012x}") for n in (0, 8)]
    for each in given:
        assert log.accept(notification(each.notification_id), [each], payload())
    spoil(log, given[0], "acceptance", {"N": "1"})
    assert {each.event.delivery_id for each in due(log, LATER, ["email"])} == ids(given)


def test_a_delivery_that_cannot_be_read_hides_none_of_the_others(
    log: DynamoLog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    head = notification()
    deliveries = of(head, 3)
    assert log.accept(head, deliveries, payload())
    spoil(log, deliveries[1], "status", {"S": "somewhere"})
    assert log.find(head.notification_id) == (head, (deliveries[0], deliveries[2]))
    [line] = [vars(record) for record in caplog.records if record.getMessage() == "log item unreadable"]
    assert line["item"] == f"delivery#{deliveries[1].delivery_id}"
    assert "somewhere" not in str(line)
