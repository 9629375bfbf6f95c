"""Digests in tables of the emulator."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from handlers.adapters.aws.digests import DynamoDigests
from tests.emulator.adapters.log import DynamoLog
from tests.unit.handlers.digest_contract import ACCEPTED, LEASE, DigestContract
from tests.unit.handlers.samples import NOW, delivery, notification, payload


@pytest.fixture(scope="session")
def limits(aws: Callable[[str], Any]) -> str:
    """A table of limits."""
    name = f"digest-limits-{uuid.uuid4().hex[:8]}"
    aws("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def digests(log: DynamoLog, limits: str, aws: Callable[[str], Any]) -> DynamoDigests:
    return DynamoDigests(log.table, limits, aws("dynamodb"))


class TestOnDynamo(DigestContract):
    pass


@pytest.fixture
def made(digests: DynamoDigests) -> Iterator[Counter[str]]:
    """The calls that are made, as they are."""
    calls: Counter[str] = Counter()

    def note(model: Any, **_: Any) -> None:
        calls[model.name] += 1

    digests.client.meta.events.register("before-call.dynamodb", note)
    yield calls
    digests.client.meta.events.unregister("before-call.dynamodb", note)


def test_an_acceptance_that_died_has_left_no_entries(log: DynamoLog, digests: DynamoDigests) -> None:
    digest_id = str(uuid.uuid4())
    accepted = notification()
    several = [delivery(accepted.notification_id, digest_id=digest_id, position=n) for n in range(2)]
    assert log.accept(accepted, several, payload())
    like = log.item(several[0])
    left = {**like, "notification_id": {"S": str(uuid.uuid4())}, "event_id": {"S": str(uuid.uuid4())}}
    digests.client.put_item(TableName=log.table, Item=left)
    assert {each.delivery_id for each in digests.entries(digest_id)} == {each.delivery_id for each in several}


def test_a_digest_costs_three_calls_however_many_entries_it_has(
    log: DynamoLog, digests: DynamoDigests, made: Counter[str]
) -> None:
    digest_id = str(uuid.uuid4())
    for _ in range(7):
        given = delivery(digest_id=digest_id)
        log.accept(notification(given.notification_id), [given], payload(data={}))
    made.clear()
    assert len(digests.entries(digest_id)) == 7
    lease = digests.take(digest_id, LEASE, NOW)
    assert lease is not None
    digests.tell(digest_id, lease, NOW, ACCEPTED)
    assert made == {"Query": 1, "UpdateItem": 2}


def test_what_was_told_ends_a_week_later(digests: DynamoDigests, limits: str) -> None:
    digest_id = str(uuid.uuid4())
    assert digests.take(digest_id, LEASE, NOW) is not None
    item: Any = digests.client.get_item(TableName=limits, Key={"id": {"S": f"digest#{digest_id}"}})["Item"]
    assert int(item["expiration"]["N"]) == int((NOW + timedelta(days=7)).timestamp())
