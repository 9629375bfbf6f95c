"""The table of suppressed addresses, on the emulator's DynamoDB."""

from collections.abc import Callable
from typing import Any

import pytest

from handlers.adapters.aws.dead_endpoints import DeadAddresses
from handlers.adapters.aws.suppressions import SuppressionsTable
from handlers.domain.notifications.deliveries import Attempt, Outcome
from handlers.domain.people.suppressions import Cause, Suppression
from handlers.domain.problems import InvalidRequest
from tests.unit.handlers.samples import NOW, delivery


@pytest.fixture
def table(aws: Callable[[str], Any], new_table: Callable[..., str]) -> SuppressionsTable:
    return SuppressionsTable(new_table("suppressions", "shard", "address_key"), aws("dynamodb"))


def suppression(address: str, reason: Cause = Cause.MANUAL) -> Suppression:
    return Suppression(address=address, reason=reason, created_at=NOW)


def listed(table: SuppressionsTable, limit: int) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        page = table.page(cursor, limit)
        pages.append([each.address for each in page.suppressions])
        cursor = page.cursor
        if cursor is None:
            return pages


@pytest.mark.parametrize("limit", [1, 7, 20, 100])
def test_each_is_on_one_page(table: SuppressionsTable, limit: int) -> None:
    addresses = [f"user-{place}@example.com" for place in range(40)]
    for address in addresses:
        table.add(suppression(address))
    pages = listed(table, limit)
    assert sorted(address for page in pages for address in page) == sorted(addresses)
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert pages[-1]


def test_none_is_an_empty_page(table: SuppressionsTable) -> None:
    assert listed(table, 5) == [[]]


def test_what_told_it_first_stays_however_the_address_is_written(table: SuppressionsTable) -> None:
    first = suppression("Ada@example.com", Cause.HARD_BOUNCE)
    assert table.add(first) == (first, True)
    assert table.add(suppression("ada@example.com")) == (first, False)
    assert listed(table, 5) == [["Ada@example.com"]]


def test_it_is_lifted_once(table: SuppressionsTable) -> None:
    table.add(suppression("+442079460123"))
    assert [table.lift("+442079460123") for _ in range(2)] == [True, False]
    assert listed(table, 5) == [[]]


def test_what_a_provider_calls_dead_is_suppressed_with_who_told_so(table: SuppressionsTable) -> None:
    url = "https://hooks.example.com/Ada"
    told = Attempt(attempt=1, at=NOW, provider="webhook", outcome=Outcome.REFUSED)
    gone = delivery(channel="chat", platform="webhook", endpoint=url, attempts=(told,))
    DeadAddresses(table).put_aside(gone, NOW)
    [kept] = table.page(None).suppressions
    assert kept == Suppression(
        address=url, reason=Cause.GONE, created_at=NOW, provider="webhook", delivery_id=gone.delivery_id
    )
    assert [table.lift(each) for each in (url.lower(), url)] == [False, True]


def test_no_cursor_of_ours_is_refused(table: SuppressionsTable) -> None:
    with pytest.raises(InvalidRequest) as error:
        table.page("nonsense")
    assert [each.field for each in error.value.errors] == ["cursor"]
