"""The log in a real table: all that it promises, races included, and what only a table can go wrong with."""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.due_index import DynamoDueIndex
from handlers.adapters.aws.log_items import delivery_item
from handlers.adapters.aws.notification_log import DynamoNotificationLog
from handlers.domain.content.links import Link
from handlers.domain.notifications.claims import Claimed, Refusal
from handlers.domain.notifications.deliveries import Conclusion, Delivery, Observed, Outcome, Reason
from handlers.domain.notifications.due import DueDelivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.notification import Notification
from handlers.domain.notifications.statuses import Status
from tests.unit.handlers.log_contract import (
    LEASE,
    SENT,
    UNAVAILABLE,
    LogContract,
    accepted,
    claimed,
    due_of,
    stored,
)
from tests.unit.handlers.log_walk import EXPIRIES, WALKS, Move, walked
from tests.unit.handlers.memory import MemoryLog
from tests.unit.handlers.samples import NOW, delivery, notification


class DynamoLog:
    """The three adapters on one table."""

    def __init__(self, table: str, client: Any) -> None:
        self.table, self.client = table, client
        self.notifications = DynamoNotificationLog(table, client)
        self.deliveries = DynamoDeliveryLog(table, client)
        self.index = DynamoDueIndex(table, client)

    def accept(self, head: Notification, deliveries: Sequence[Delivery]) -> bool:
        return self.notifications.accept(head, deliveries)

    def find(self, notification_id: str) -> tuple[Notification, tuple[Delivery, ...]] | None:
        return self.notifications.find(notification_id)

    def cancel(self, given: Delivery, now: datetime) -> Delivery:
        return self.notifications.cancel(given, now)

    def claim(
        self,
        event: DeliveryRequested,
        *,
        provider: str | None,
        lease_until: datetime,
        now: datetime,
        address: str | None = None,
    ) -> Claimed | Refusal:
        return self.deliveries.claim(event, provider=provider, lease_until=lease_until, now=now, address=address)

    def begin(
        self, given: Delivery, *, provider: str, now: datetime, after: Conclusion | None = None
    ) -> Delivery | None:
        return self.deliveries.begin(given, provider=provider, now=now, after=after)

    def release(self, given: Delivery, now: datetime) -> None:
        self.deliveries.release(given, now)

    def conclude(self, given: Delivery, conclusion: Conclusion) -> None:
        self.deliveries.conclude(given, conclusion)

    def defer(self, event: DeliveryRequested, until: datetime, now: datetime) -> Refusal | None:
        return self.deliveries.defer(event, until, now)

    def close(self, event: DeliveryRequested, status: Status, reason: Reason, now: datetime) -> Refusal | None:
        return self.deliveries.close(event, status, reason, now)

    def look(self, link: Link) -> Delivery | None:
        return self.deliveries.look(link)

    def observe(self, link: Link, status: Status, now: datetime) -> Observed | None:
        return self.deliveries.observe(link, status, now)

    def due(self, shard: str, now: datetime) -> Iterator[Sequence[DueDelivery]]:
        return self.index.due(shard, now)

    def postpone(self, given: DueDelivery, until: datetime) -> None:
        self.index.postpone(given, until)

    def item(self, given: Delivery) -> dict[str, Any]:
        key = {"notification_id": {"S": given.notification_id}, "item": {"S": f"delivery#{given.delivery_id}"}}
        item: dict[str, Any] = self.client.get_item(TableName=self.table, Key=key)["Item"]
        return item


@pytest.fixture(scope="module")
def table(aws: Callable[[str], Any]) -> str:
    """The log's table, as `stacks.data.tables` has it."""
    name = f"notifications-{uuid.uuid4().hex[:8]}"
    aws("dynamodb").create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "notification_id", "KeyType": "HASH"},
            {"AttributeName": "item", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "S"} for key in ("notification_id", "item", "due_shard", "due_at")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "due_shard", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": [
                        "event_id",
                        "channel",
                        "category",
                        "app_key",
                        "user_id",
                        "address_key",
                        "republished",
                    ],
                },
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def log(table: str, aws: Callable[[str], Any]) -> DynamoLog:
    return DynamoLog(table, aws("dynamodb"))


class TestDynamoLog(LogContract):
    @pytest.fixture
    def log(self, table: str, aws: Callable[[str], Any]) -> DynamoLog:
        return DynamoLog(table, aws("dynamodb"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def test_more_deliveries_than_a_transaction_takes_are_all_accepted_and_none_twice(log: DynamoLog) -> None:
    head = notification()
    deliveries = [delivery(head.notification_id, position=position) for position in range(150)]
    assert log.accept(head, deliveries)
    assert not log.accept(head, [delivery(head.notification_id, position=150), *deliveries])
    assert log.find(head.notification_id) == (head, tuple(deliveries))


def test_an_acceptance_that_died_half_way_is_completed_without_touching_what_is_there(log: DynamoLog) -> None:
    head = notification()
    deliveries = [delivery(head.notification_id, position=position) for position in range(150)]
    # What the first transaction of a longer acceptance leaves when the second never comes.
    log.notifications._write([delivery_item(each) for each in deliveries[:100]])
    moved_on = claimed(log, deliveries[7])
    assert log.find(head.notification_id) is None
    assert log.accept(head, deliveries)
    assert stored(log, deliveries[7]) == moved_on
    assert len(log.find(head.notification_id)[1]) == 150  # type: ignore[index]


def test_deliveries_with_much_to_say_are_accepted_in_several_transactions(log: DynamoLog) -> None:
    head = notification()
    content = {"subject": "s", "body": "x" * 250_000}
    deliveries = [delivery(head.notification_id, position=position, content=content) for position in range(30)]
    assert log.accept(head, deliveries)
    assert log.find(head.notification_id) == (head, tuple(deliveries))


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


@pytest.fixture
def calls(log: DynamoLog) -> Iterator[list[str]]:
    """The calls that the log makes, as they are made."""
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    log.client.meta.events.register("before-call.dynamodb", note)
    yield made
    log.client.meta.events.unregister("before-call.dynamodb", note)


def test_a_delivery_costs_one_transaction_one_claim_and_one_conclusion(log: DynamoLog, calls: list[str]) -> None:
    given = accepted(log)
    log.conclude(claimed(log, given), SENT)
    assert calls == ["TransactWriteItems", "UpdateItem", "UpdateItem"]


def test_an_answer_that_was_lost_does_not_make_a_conclusion_count_twice(log: DynamoLog) -> None:
    """As when botocore repeats a write that had arrived."""
    given = accepted(log)
    taken = claimed(log, given)
    for _ in range(2):
        log.deliveries.conclude(taken, SENT)
    assert [step.status for step in stored(log, given).timeline] == [Status.CREATED, Status.PENDING, Status.SENT]


def test_what_was_written_holds_no_number_that_dynamodb_would_not_give_back(log: DynamoLog) -> None:
    data = {"amount": 0.1 + 0.2, "large": 2**80, "nested": [{"rate": 1e-30}], "text": "é\u2028"}
    given = accepted(log, data=data)
    assert stored(log, given).data == data


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
    assert client.refused == ["transact_write_items", *["update_item"] * 8]


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
    assert len(json.dumps(log.item(given))) < 16_000
