"""Conditional writes: what DynamoDB's answers mean, in the form in which it gives them."""

from collections.abc import Iterator
from threading import Barrier
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from handlers.adapters.aws import dynamo
from handlers.adapters.aws.clients import CONNECTIONS
from handlers.adapters.aws.dynamo import Unmet, attempt_write, read_all, write
from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain.problems import Contended

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MET = {"user_id": {"S": "ada"}, "lease_until": {"S": "2030-01-31T12:00:00.000Z"}}
PUT: dict[str, Any] = {"TableName": "t", "Item": {"user_id": {"S": "ada"}}}
TWO: dict[str, Any] = {"TransactItems": [{"Put": PUT}, {"Put": {**PUT, "Item": {"user_id": {"S": "bob"}}}}]}


class Table:
    """A client that gets the answers it is given, one after the other."""

    def __init__(self) -> None:
        self.client: DynamoDBClient = boto3.client(
            "dynamodb", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="s"
        )
        self.stub = Stubber(self.client)

    def refuses_a_put(self, code: str, **fields: Any) -> None:
        self.stub.add_client_error("put_item", code, modeled_fields=fields)

    def cancels(self, *reasons: Any) -> None:
        each = [{"Code": reason} if isinstance(reason, str) else reason for reason in reasons]
        self.stub.add_client_error(
            "transact_write_items", "TransactionCanceledException", modeled_fields={"CancellationReasons": each}
        )


@pytest.fixture
def table() -> Iterator[Table]:
    given = Table()
    with given.stub:
        yield given
        given.stub.assert_no_pending_responses()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Nobody is waited for; the attempts after which it would have been."""
    counted: list[int] = []
    monkeypatch.setattr(dynamo, "pause", counted.append)
    return counted


def test_a_condition_that_does_not_hold_tells_what_it_met(table: Table, pauses: list[int]) -> None:
    table.refuses_a_put("ConditionalCheckFailedException", Item=MET)
    table.refuses_a_put("ConditionalCheckFailedException")
    assert write(table.client.put_item, **PUT) == Unmet({0: MET})
    unasked = write(table.client.put_item, **PUT)
    assert isinstance(unasked, Unmet)
    assert unasked.item is None
    assert pauses == []


def test_a_transaction_tells_whose_conditions_do_not_hold_and_what_they_met(table: Table, pauses: list[int]) -> None:
    table.cancels("None", {"Code": "ConditionalCheckFailed", "Item": MET})
    # Whoever meets a condition that does not hold has to decide anew, whatever else was in the way.
    table.cancels("TransactionConflict", "ConditionalCheckFailed")
    assert write(table.client.transact_write_items, **TWO) == Unmet({1: MET})
    assert write(table.client.transact_write_items, **TWO) == Unmet({1: None})
    assert pauses == []


def test_a_write_that_meets_somebody_elses_transaction_is_made_once_that_is_over(
    table: Table, pauses: list[int]
) -> None:
    table.refuses_a_put("TransactionConflictException")
    table.refuses_a_put("TransactionConflictException")
    table.stub.add_response("put_item", {"Attributes": MET})
    answer = write(table.client.put_item, **PUT)
    assert not isinstance(answer, Unmet)
    assert answer["Attributes"] == MET
    assert pauses == [0, 1]


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_canceled_for_what_passes_is_made_again(
    reason: str, table: Table, pauses: list[int]
) -> None:
    table.cancels("None", reason)
    table.stub.add_response("transact_write_items", {})
    assert not isinstance(write(table.client.transact_write_items, **TWO), Unmet)
    assert pauses == [0]


def test_a_write_that_is_always_in_conflict_is_given_up(table: Table, pauses: list[int]) -> None:
    for _ in range(6):
        table.refuses_a_put("TransactionConflictException")
    with pytest.raises(Contended) as given_up:
        write(table.client.put_item, **PUT)
    assert given_up.value.retry_after == 1
    assert pauses == [0, 1, 2, 3, 4]


def test_who_would_rather_read_anew_is_told_at_once(table: Table, pauses: list[int]) -> None:
    table.cancels("TransactionConflict", "None")
    assert attempt_write(table.client.transact_write_items, **TWO) is None
    assert pauses == []


def test_what_no_repetition_mends_is_raised(table: Table, pauses: list[int]) -> None:
    table.cancels("None", "ValidationError")
    table.cancels("TransactionConflict", "ItemCollectionSizeLimitExceeded")
    table.refuses_a_put("AccessDeniedException")
    for _ in range(2):
        with pytest.raises(ClientError):
            write(table.client.transact_write_items, **TWO)
    with pytest.raises(ClientError):
        write(table.client.put_item, **PUT)
    assert pauses == []


def test_the_hundreds_of_many_keys_are_read_side_by_side() -> None:
    """Each call returns only once all of them have begun: one after the other, none would."""
    together = Barrier(CONNECTIONS, timeout=60)

    class All:
        def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - the name in boto3
            together.wait()
            return {"Responses": {table: each["Keys"] for table, each in RequestItems.items()}, "UnprocessedKeys": {}}

    users, addresses = ([{name: {"S": str(n)}} for n in range(50 * CONNECTIONS)] for name in ("user_id", "address_key"))
    asked = {"users": users, "addresses": addresses}
    assert read_all(cast("DynamoDBClient", All()), asked, SideBySide()) == asked
