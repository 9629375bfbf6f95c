"""A token that is good for one request, in a real table."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers.adapters.aws.used_tokens import DynamoUsedTokens
from handlers.domain.tokens import LEEWAY_SECONDS, Reason, RefusedTokenError, Signed

EXPIRES = 1_900_000_000.5
TOKEN = Signed("6f1c", EXPIRES)


@pytest.fixture
def table(new_table: Callable[[str, str], str]) -> str:
    return new_table("limits", "id")


def is_let_in(used: DynamoUsedTokens, app_key: str = "demo", token: Signed = TOKEN) -> bool:
    try:
        used.use(app_key, token)
    except RefusedTokenError as error:
        return error.reason is not Reason.REPLAYED
    return True


def test_a_token_is_good_once_and_of_two_at_once_exactly_one_gets_in(table: str, aws: Callable[[str], Any]) -> None:
    used = DynamoUsedTokens(table, aws("dynamodb"))
    with ThreadPoolExecutor(8) as threads:
        let_in = list(threads.map(lambda _: is_let_in(used), range(8)))
    assert sorted(let_in) == [False] * 7 + [True]
    assert is_let_in(used, token=Signed("other", EXPIRES))
    assert is_let_in(used, "other-app")


def test_it_is_remembered_for_as_long_as_it_could_be_used_and_holds_nothing_that_could_be(
    table: str, aws: Callable[[str], Any]
) -> None:
    assert is_let_in(DynamoUsedTokens(table, aws("dynamodb")), token=Signed("a jti / " * 300, EXPIRES))
    [item] = aws("dynamodb").scan(TableName=table)["Items"]
    assert int(item["expiration"]["N"]) > EXPIRES + LEEWAY_SECONDS
    assert item["id"]["S"].startswith("jti#demo#")
    assert "a jti" not in str(item)


def test_a_write_that_is_repeated_as_its_answer_was_lost_is_no_replay(table: str, aws: Callable[[str], Any]) -> None:
    class Lossy:
        """Writes, and loses the first answer, as botocore then repeats."""

        def put_item(self, **arguments: Any) -> Any:
            aws("dynamodb").put_item(**arguments)
            return aws("dynamodb").put_item(**arguments)

    assert is_let_in(DynamoUsedTokens(table, Lossy()))  # type: ignore[arg-type]


def test_a_table_that_does_not_answer_lets_nobody_in(aws: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError):
        DynamoUsedTokens("there-is-none", aws("dynamodb")).use("demo", TOKEN)
