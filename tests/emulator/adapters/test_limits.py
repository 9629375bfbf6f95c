"""Recipients' limits in a real table: who goes when, and how many writes that is."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.adapters.aws.dynamo import typed
from handlers.adapters.aws.limit_items import changed_attribute, recipient_id, stored_change
from handlers.adapters.aws.limits import DynamoLimitsOutlook, DynamoRecipientLimits
from handlers.adapters.aws.provider_items import item_id
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.limits import ALL, Addressee, Limit
from tests.unit.handlers.samples import NOW, delivery

MINUTE = timedelta(minutes=1)
FIVE_A_MINUTE = {ALL: Limit(5, MINUTE)}


@pytest.fixture
def table(new_table: Callable[[str, str], str]) -> str:
    return new_table("limits", "id")


@pytest.fixture
def environment(table: str, aws: Callable[[str], Any]) -> Callable[..., DynamoRecipientLimits]:
    """Makes the limits as one more execution environment has them."""
    return lambda limits=FIVE_A_MINUTE: DynamoRecipientLimits(table, limits, dict, aws("dynamodb"))


@pytest.fixture
def calls(aws: Callable[[str], Any]) -> Iterator[list[str]]:
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    aws("dynamodb").meta.events.register("before-call.dynamodb", note)
    yield made
    aws("dynamodb").meta.events.unregister("before-call.dynamodb", note)


def event(**fields: Any) -> DeliveryRequested:
    return delivery(**fields).event()


def test_what_is_under_its_limit_costs_one_write_and_what_has_none_nothing(
    environment: Callable[..., DynamoRecipientLimits], calls: list[str]
) -> None:
    limits = environment()
    assert [limits.slot(event(), NOW) for _ in range(5)] == [NOW] * 5
    assert calls == ["UpdateItem"] * 5
    calls.clear()
    assert environment({"order": Limit(1, MINUTE)}).slot(event(), NOW) == NOW
    assert calls == []


def test_an_environment_that_does_not_know_learns_by_the_write_that_fails(
    environment: Callable[..., DynamoRecipientLimits], calls: list[str]
) -> None:
    for place in range(7):
        calls.clear()
        slot = environment().slot(event(), NOW)
        assert slot == NOW + timedelta(seconds=12) * max(0, place - 4)
        assert calls == ["UpdateItem"] * (1 if place == 0 else 2)
    later = NOW + timedelta(hours=1)
    calls.clear()
    assert environment().slot(event(), later) == later
    assert calls == ["UpdateItem"]


def test_of_forty_at_once_in_many_environments_each_gets_a_time_of_its_own(
    environment: Callable[..., DynamoRecipientLimits],
) -> None:
    several = [environment() for _ in range(4)]
    with ThreadPoolExecutor(16) as threads:
        found = sorted(threads.map(lambda place: several[place % 4].slot(event(), NOW), range(40)))
    assert found == [NOW] * 5 + [NOW + timedelta(seconds=12) * place for place in range(1, 36)]


@pytest.mark.parametrize("at_first", ["at once", "put off"])
def test_a_notification_has_one_place_whoever_asks_again_until_it_is_forgotten(
    at_first: str, environment: Callable[..., DynamoRecipientLimits]
) -> None:
    one = environment({ALL: Limit(1, MINUTE)})
    if at_first == "put off":
        one.slot(event(), NOW)
    given = event()
    slot = one.slot(given, NOW)
    again = replace(given, delivery_id=str(uuid.uuid4()), event_id=str(uuid.uuid4()))
    assert [environment({ALL: Limit(1, MINUTE)}).slot(each, NOW) for each in (given, again)] == [slot, slot]
    assert one.slot(given, slot + timedelta(minutes=30)) == slot
    assert one.slot(given, slot + timedelta(minutes=31)) == slot + timedelta(minutes=31)


def test_both_limits_hold_by_one_write_and_the_channels_counts_other_categories(
    environment: Callable[..., DynamoRecipientLimits], calls: list[str]
) -> None:
    limits = environment({ALL: Limit(2, MINUTE), "payment": Limit(1, 2 * MINUTE)})
    found = [limits.slot(event(category=each), NOW) for each in ("payment", "order", "payment", "order", "payment")]
    assert found == [NOW, NOW, NOW + 2 * MINUTE, NOW + 2 * MINUTE, NOW + 4 * MINUTE]
    assert len(calls) <= 6


def test_users_addresses_and_channels_are_counted_apart_and_addresses_by_their_key_alone(
    environment: Callable[..., DynamoRecipientLimits], table: str, aws: Callable[[str], Any]
) -> None:
    limits = environment({ALL: Limit(1, MINUTE)})
    bare = {"user_id": None, "endpoint": "Bob@example.com"}
    apart = [event(), event(user_id="bob"), event(**bare), event(channel="sms", endpoint="+442079460123")]
    assert {limits.slot(each, NOW) for each in apart} == {NOW}
    assert limits.slot(event(**bare | {"endpoint": "bob@EXAMPLE.com"}), NOW) == NOW + MINUTE
    items = aws("dynamodb").scan(TableName=table)["Items"]
    assert len(items) == 4
    assert "example.com" not in str(items).lower()


def test_what_a_recipient_has_had_ends_a_day_after_and_stays_below_the_kilobyte_that_a_write_is_paid_by(
    environment: Callable[..., DynamoRecipientLimits], table: str, aws: Callable[[str], Any]
) -> None:
    limits = environment({ALL: Limit(5, MINUTE), "payment": Limit(5, MINUTE)})
    last = max(limits.slot(event(), NOW) for _ in range(100))
    key = {"id": {"S": recipient_id(Addressee("email", "ada"))}}
    item = aws("dynamodb").get_item(TableName=table, Key=key)["Item"]
    ends = datetime.fromtimestamp(int(item["expiration"]["N"]), tz=NOW.tzinfo)
    assert timedelta(days=1) <= ends - last <= timedelta(days=1, minutes=2)
    assert sum(len(name) + _size(value) for name, value in item.items()) < 1000


def _size(value: dict[str, str]) -> int:
    """In bytes, as AWS counts: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html."""
    [(kind, text)] = value.items()
    return len(text) if kind == "S" else len(text) // 2 + 2


def test_the_outlook_tells_who_is_put_off_in_one_read_by_what_the_operator_says_now(
    environment: Callable[..., DynamoRecipientLimits], table: str, aws: Callable[[str], Any], calls: list[str]
) -> None:
    one = {ALL: Limit(1, MINUTE)}
    environment(one).slot(event(), NOW)
    ada, bob = Addressee("email", "ada"), Addressee("email", "bob")
    outlook = DynamoLimitsOutlook(table, {"email": one}, aws("dynamodb"))
    calls.clear()
    assert outlook.slots("payment", {ada, bob, Addressee("sms", "ada")}, NOW) == {ada: NOW + MINUTE}
    assert calls == ["BatchGetItem"]
    change = typed({"id": item_id("email"), changed_attribute(ALL): stored_change(None)})
    aws("dynamodb").put_item(TableName=table, Item=change)
    assert outlook.slots("payment", {ada}, NOW) == {}
    assert outlook.slots("payment", set(), NOW) == {}
