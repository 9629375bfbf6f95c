"""The log in a real table: all that it promises, races included, and what only a table can go wrong with."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.log_keys import head_key
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.domain.content.links import Link
from handlers.domain.content.rendering import Content
from handlers.domain.notifications.claims import Claimed
from handlers.domain.notifications.deliveries import Conclusion, Delivery, Outcome, Reason
from handlers.domain.notifications.statuses import Status
from tests.emulator.adapters.log import DynamoLog
from tests.unit.handlers.log_contract import (
    LEASE,
    SENT,
    UNAVAILABLE,
    LogContract,
    accepted,
    claim,
    claimed,
    due_of,
    stored,
)
from tests.unit.handlers.log_walk import EXPIRIES, WALKS, Move, walked
from tests.unit.handlers.memory import MemoryLog
from tests.unit.handlers.samples import NOW, delivery, notification, payload


class TestDynamoLog(LogContract):
    @pytest.fixture(params=[False, True], ids=["in one item", "apart"])
    def log(self, table: str, aws: Callable[[str], Any], request: pytest.FixtureRequest) -> DynamoLog:
        return DynamoLog(table, aws("dynamodb"), apart=request.param)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=WALKS, expires_at=EXPIRIES)
def test_nothing_expires_that_has_not_and_the_table_answers_as_the_domain_does(
    moves: list[Move], expires_at: datetime | None, log: DynamoLog
) -> None:
    """The real conditions, around each boundary; the log in memory asks the domain alone."""
    assert walked(log, moves, expires_at) == walked(MemoryLog(), moves, expires_at)


def test_a_sent_delivery_leaves_the_index_and_its_lease_behind(log: DynamoLog) -> None:
    given = accepted(log)
    assert {"due_shard", "due_at"} <= log.item(given).keys()
    taken = claimed(log, given)
    assert "lease_until" in log.item(given)
    log.conclude(taken, SENT)
    assert not {"due_shard", "due_at", "lease_until"} & log.item(given).keys()


@pytest.fixture(scope="module", autouse=True)
def _as_strict_as_aws(aws: Callable[[str], Any]) -> Iterator[None]:
    """DynamoDB refuses names and values that no expression uses; the emulator lets them pass."""

    def check(params: dict[str, Any], **_: Any) -> None:
        expressions = " ".join(value for name, value in params.items() if name.endswith("Expression"))
        used = set(re.findall(r"[:#]\w+", expressions))
        given = {*params.get("ExpressionAttributeValues", {}), *params.get("ExpressionAttributeNames", {})}
        assert used == given

    events = aws("dynamodb").meta.events
    events.register("provide-client-params.dynamodb.UpdateItem", check)
    yield
    events.unregister("provide-client-params.dynamodb.UpdateItem", check)


def test_what_a_delivery_says_comes_with_its_claim_or_is_with_its_notification(
    table: str, aws: Callable[[str], Any]
) -> None:
    for log in (DynamoLog(table, aws("dynamodb")), DynamoLog(table, aws("dynamodb"), apart=True)):
        given = accepted(log, data={"name": "Ada"})
        taken = claim(log, given)
        assert isinstance(taken, Claimed)
        assert taken.payload == (None if log.apart else payload(data={"name": "Ada"}))


def test_what_version_0_1_0_has_accepted_is_sent_as_well(log: DynamoLog) -> None:
    given = accepted(log)
    old = {"content": {"S": '{"subject":"s","body":"b"}'}, "data": {"S": '{"price":10.00}'}}
    item = {name: value for name, value in log.item(given).items() if name != "payload"}
    log.client.put_item(TableName=log.table, Item=item | old)
    taken = claim(log, given)
    assert isinstance(taken, Claimed)
    assert taken.payload is not None
    assert taken.payload.content == Content(subject="s", body="b")
    assert str(taken.payload.data["price"]) == "10.00"


def test_an_answer_that_was_lost_does_not_make_a_conclusion_count_twice(log: DynamoLog) -> None:
    """As when botocore repeats a write that had arrived."""
    given = accepted(log)
    taken = claimed(log, given)
    for _ in range(2):
        log.deliveries.conclude(taken, SENT)
    assert [step.status for step in stored(log, given).timeline] == [Status.CREATED, Status.PENDING, Status.SENT]


def test_what_was_written_holds_no_number_that_dynamodb_would_not_give_back(log: DynamoLog) -> None:
    data = {"amount": 0.1 + 0.2, "large": 2**80, "nested": [{"rate": 1e-30}], "text": "é\u2028"}
    taken = claim(log, accepted(log, data=data))
    assert isinstance(taken, Claimed)
    assert taken.payload is not None
    assert taken.payload.data == data


class Refusing:
    """A client whose next write is refused for somebody else's transaction, which the emulator never does."""

    def __init__(self, dynamodb: Any) -> None:
        self.exceptions = dynamodb.exceptions
        self.refused: list[str] = []
        self._dynamodb, self._refuses = dynamodb, False

    def refuse_one(self) -> None:
        self._refuses = True

    def __getattr__(self, operation: str) -> Any:
        def call(*names: str, **arguments: Any) -> Any:
            if self._refuses:
                self._refuses = False
                self.refused.append(operation)
                raise self._refusal(operation)
            return getattr(self._dynamodb, operation)(*names, **arguments)

        return call

    def _refusal(self, operation: str) -> Exception:
        code, reasons = "TransactionConflictException", {}
        if operation == "transact_write_items":
            code, reasons = "TransactionCanceledException", {"CancellationReasons": [{"Code": "TransactionConflict"}]}
        refusal: Exception = getattr(self.exceptions, code)({"Error": {"Code": code}, **reasons}, operation)
        return refusal


def test_no_write_of_the_log_is_lost_to_somebody_elses_transaction(table: str, aws: Callable[[str], Any]) -> None:
    """As when a producer repeats a request while a worker writes `sent`."""
    client = Refusing(aws("dynamodb"))
    log = DynamoLog(table, client)
    other, canceled = accepted(log), accepted(log)

    client.refuse_one()
    given = accepted(log)
    client.refuse_one()
    taken = claimed(log, given)
    client.refuse_one()
    begun = log.begin(taken, provider="sendgrid", now=NOW, after=UNAVAILABLE)
    assert begun is not None
    client.refuse_one()
    log.conclude(begun, SENT)
    assert stored(log, given).status is Status.SENT

    client.refuse_one()
    assert log.defer(other.event(), NOW + LEASE, NOW) is None
    [found] = due_of(log, other, NOW + LEASE)
    client.refuse_one()
    log.postpone(found, NOW + 2 * LEASE)
    assert due_of(log, other, NOW + LEASE) == []
    client.refuse_one()
    assert log.close(other.event(), Status.UNSUBSCRIBED, Reason.OPTED_OUT, NOW) is None

    client.refuse_one()
    assert log.cancel(canceled, NOW).status is Status.CANCELED
    client.refuse_one()
    seen = log.observe(Link(given.notification_id, given.delivery_id), Status.OPENED, NOW)
    assert seen is not None
    assert seen.is_news
    assert client.refused == ["put_item", *["update_item"] * 8]


def test_a_claim_and_its_success_write_the_index_once(log: DynamoLog) -> None:
    """A claim leaves `due_at` alone, which would cost two writes in the index; `sent` removes it."""
    given = accepted(log)
    due_at = log.item(given)["due_at"]
    taken = claimed(log, given)
    assert log.item(given)["due_at"] == due_at
    log.conclude(taken, SENT)
    assert "due_at" not in log.item(given)


def test_a_delivery_that_is_tried_for_weeks_stays_small(log: DynamoLog) -> None:
    given, now = accepted(log), NOW
    for _ in range(60):
        failed = Conclusion(outcome=Outcome.UNAVAILABLE, at=now, error="e" * 1000)
        log.conclude(claimed(log, given, now), failed)
        now += LEASE
    assert len(str(log.item(given))) < 16_000


KEPT = timedelta(days=100)


def expires(log: DynamoLog, given: Delivery) -> datetime:
    return datetime.fromtimestamp(int(log.item(given)["expires"]["N"]), UTC)


@pytest.mark.parametrize("send_at", [None, NOW + timedelta(days=300)])
@pytest.mark.parametrize("number", [1, 2])
def test_what_is_accepted_expires_so_long_after_its_time_with_all_that_belongs_to_it(
    number: int, send_at: datetime | None, log: DynamoLog
) -> None:
    keeping = DynamoNotificationLog(log.table, log.client, KEPT)
    head = notification(send_at=send_at)
    if number == 1:
        given = [delivery(send_at=send_at)]
        head = notification(given[0].notification_id, send_at=send_at)
    else:
        given = [delivery(head.notification_id, send_at=send_at) for _ in range(number)]
    assert keeping.accept(head, given, payload())
    items = log.client.query(
        TableName=log.table,
        KeyConditionExpression="notification_id = :id",
        ExpressionAttributeValues={":id": {"S": head.notification_id}},
    )["Items"]
    wanted = str(int(((send_at or NOW) + KEPT).timestamp()))
    assert [item["expires"] for item in items] == [{"N": wanted}] * (1 if number == 1 else number + 1)


def test_what_is_put_off_is_kept_as_long_after_that_and_so_is_what_it_says(log: DynamoLog) -> None:
    head = notification()
    given = [delivery(head.notification_id, position=place) for place in range(2)]
    assert DynamoNotificationLog(log.table, log.client, KEPT).accept(head, given, payload())
    deliveries = DynamoDeliveryLog(log.table, log.client, KEPT)
    for days, of_the_head in ((1, 100), (90, 190), (60, 190)):
        until = NOW + timedelta(days=days)
        assert deliveries.defer(given[0].event(), until, NOW) is None
        assert expires(log, given[0]) == until + KEPT
        item = log.client.get_item(TableName=log.table, Key=head_key(head.notification_id))["Item"]
        assert item["expires"]["N"] == str(int((NOW + timedelta(days=of_the_head)).timestamp()))
