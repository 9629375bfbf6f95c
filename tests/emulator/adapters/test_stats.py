"""The books and what is read of them on DynamoDB: written together, met as they are, listed newest first."""

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from handlers.adapters.aws.dynamo import plain
from handlers.adapters.aws.stats_reader import DynamoStats
from handlers.adapters.aws.stats_table import DynamoBooks
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.stats.counting import Group, recount
from handlers.domain.times import rfc3339
from handlers.services.observing import Bookkeeper
from tests.unit.handlers.books import life, stream
from tests.unit.handlers.samples import NOW, delivery
from tests.unit.handlers.services.test_observing import changes_of, sent

FIRST, LAST = "2030-01-01", "2030-03-01"


@pytest.fixture
def table(aws: Callable[[str], Any]) -> str:
    """An empty table, as `stacks.data.tables` has it."""
    name = f"stats-{uuid.uuid4().hex[:8]}"
    keys = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}]
    by_user = [{"AttributeName": "user", "KeyType": "HASH"}, keys[1]]
    aws("dynamodb").create_table(
        TableName=name,
        KeySchema=keys,
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("id", "item", "user")],
        GlobalSecondaryIndexes=[
            {"IndexName": "user", "KeySchema": by_user, "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def bookkeeper(table: str, aws: Callable[[str], Any]) -> Bookkeeper:
    return Bookkeeper(DynamoBooks(table, aws("dynamodb")), lambda: NOW + timedelta(days=3))


@pytest.fixture
def stats(table: str, aws: Callable[[str], Any]) -> DynamoStats:
    return DynamoStats(table, aws("dynamodb"))


def counted(stats: DynamoStats, app_key: str = "demo") -> dict[Group, Counter[str]]:
    kept = {
        group: Counter({name: n for name, n in counts.items() if n})
        for group, counts in stats.counters(app_key, FIRST, LAST).items()
    }
    return {group: counts for group, counts in kept.items() if counts}


def test_batches_that_come_again_are_counted_as_a_recount_counts(bookkeeper: Bookkeeper, stats: DynamoStats) -> None:
    random = Random(11)
    lives = [life(random, number) for number in range(40)]
    changes = stream(random, lives)
    for start in (0, 30, 10, 60, 0):
        assert bookkeeper.follow(changes[start : start + 45]) == []
    assert bookkeeper.follow(changes[40:]) == []
    assert counted(stats) == recount([passed[-1] for passed in lives])


def test_a_days_counters_are_of_that_day_and_this_app(bookkeeper: Bookkeeper, stats: DynamoStats) -> None:
    days = [delivery(created_at=NOW - timedelta(days=each)) for each in range(3)]
    bookkeeper.follow(changes_of(*([each] for each in [*days, delivery(app_key="another")])))
    for each in days:
        day = each.created_at.date().isoformat()
        assert stats.counters("demo", day, day) == recount([each])
    assert sum(len(stats.counters(app, FIRST, LAST)) for app in ("another", "nobody")) == 1


def test_what_is_erased_leaves_neither_entry_nor_count(
    bookkeeper: Bookkeeper, stats: DynamoStats, table: str, aws: Callable[[str], Any]
) -> None:
    given = delivery()
    bookkeeper.follow([Change(ordered("1"), None, given)])
    assert bookkeeper.follow([Change(ordered("2"), given, None)]) == []
    assert bookkeeper.follow([Change(ordered("2"), given, None)]) == []
    assert counted(stats) == {}
    assert list(stats.of_app("demo", "2030", "2031", 10)) == []


def test_entries_and_counters_are_forgotten_in_their_time(
    bookkeeper: Bookkeeper, table: str, aws: Callable[[str], Any]
) -> None:
    bookkeeper.follow([Change(ordered("1"), None, delivery())])
    items = [plain(each) for each in aws("dynamodb").scan(TableName=table)["Items"]]
    kept = {each["id"].split("#")[0]: int(each["expiration"]) - int(NOW.timestamp()) for each in items}
    assert round(kept["listed"] / 86400) == 97
    assert round(kept["counts"] / 86400, 1) == 499.5  # from the day's begin


def test_an_app_lists_all_its_own_newest_first_however_few_are_read_at_a_time(
    bookkeeper: Bookkeeper, stats: DynamoStats
) -> None:
    own = [delivery(created_at=NOW + timedelta(minutes=place)) for place in range(30)]
    bookkeeper.follow(changes_of(*([each] for each in [*own, delivery(app_key="another")])))
    for portion in (1, 3, 100):
        listed = [each for _, each in stats.of_app("demo", "2030", "2031", portion)]
        assert [each and each.delivery_id for each in listed] == [each.delivery_id for each in reversed(own)]
    span = (rfc3339(own[5].created_at), rfc3339(own[20].created_at))
    places = [place for place, _ in stats.of_app("demo", *span, 4)]
    assert len(places) == 15
    assert [place for place, _ in stats.of_app("demo", span[0], places[6], 4)] == places[7:]


def test_a_users_deliveries_are_found_by_the_index_with_their_status_of_now(
    bookkeeper: Bookkeeper, stats: DynamoStats
) -> None:
    lives: list[list[Delivery]] = [
        sent(delivery(created_at=NOW + timedelta(minutes=place), user_id="ada#1"), Status.PENDING, Status.SENT)
        for place in range(5)
    ]
    others = [[delivery(user_id="ada")], [delivery(user_id="ada#1", app_key="another")], [delivery(user_id=None)]]
    bookkeeper.follow(changes_of(*lives, *others))
    for portion in (2, 50):
        found = [each for _, each in stats.of_user("demo", "ada#1", "2030", "2031", portion)]
        assert [(each and each.delivery_id, each and each.status) for each in found] == [
            (passed[0].delivery_id, "sent") for passed in reversed(lives)
        ]


def test_a_batch_of_a_hundred_deliveries_is_two_calls(
    bookkeeper: Bookkeeper, stats: DynamoStats, aws: Callable[[str], Any]
) -> None:
    calls: list[int] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        calls.append(len(params["TransactItems"]))

    events = aws("dynamodb").meta.events
    events.register("before-parameter-build.dynamodb.TransactWriteItems", note)
    try:
        bookkeeper.follow(changes_of(*(sent(delivery(), Status.PENDING, Status.SENT) for _ in range(100))))
    finally:
        events.unregister("before-parameter-build.dynamodb.TransactWriteItems", note)
    assert (len(calls), sum(calls)) == (2, 102)
    [counts] = counted(stats).values()
    assert counts["sent"] == 100
