"""The emulator, started once for all adapters, and clients of its root."""

import uuid
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import boto3
import pytest

from local.emulator import running
from tests.emulator.adapters.log import DynamoLog
from tests.emulator.adapters.registry import Registry


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """boto3 clients by service: `aws("s3")`."""
    with running(tmp_path_factory.mktemp("emulator")) as emulator:
        session = boto3.Session(
            aws_access_key_id=emulator.access_key_id,
            aws_secret_access_key=emulator.secret_access_key,
            region_name=emulator.region,
        )
        yield cache(partial(session.client, endpoint_url=emulator.endpoint_url))


@pytest.fixture
def new_table(aws: Callable[[str], Any]) -> Callable[..., str]:
    """Makes an empty table with these keys, all text: `new_table("contacts", "user_id")` returns its name."""

    def make(what: str, *keys: str) -> str:
        name = f"{what}-{uuid.uuid4().hex[:8]}"
        aws("dynamodb").create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        return name

    return make


@pytest.fixture
def registry(aws: Callable[[str], Any], new_table: Callable[..., str]) -> Registry:
    """Empty tables of contacts and of devices."""
    return Registry(new_table("contacts", "user_id"), new_table("devices", "token"), aws("dynamodb"))


@pytest.fixture(scope="session")
def new_log_table(aws: Callable[[str], Any]) -> Callable[[], str]:
    """Makes an empty table of the log, as `stacks.data.tables` has it, and returns its name."""

    def make() -> str:
        name = f"notifications-{uuid.uuid4().hex[:8]}"
        aws("dynamodb").create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": "notification_id", "KeyType": "HASH"},
                {"AttributeName": "item", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "S"}
                for key in ("notification_id", "item", "due_shard", "due_at", "digest_id")
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
                            "address_key",
                            "user_id",
                            "slot",
                            "digest_id",
                            "republished",
                            "acceptance",
                        ],
                    },
                },
                {
                    "IndexName": "digests",
                    "KeySchema": [{"AttributeName": "digest_id", "KeyType": "HASH"}],
                    "Projection": {
                        "ProjectionType": "INCLUDE",
                        "NonKeyAttributes": [
                            "event_id",
                            "channel",
                            "category",
                            "app_key",
                            "address_key",
                            "user_id",
                            "slot",
                            "due_shard",
                            "acceptance",
                        ],
                    },
                },
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        return name

    return make


@pytest.fixture
def table(new_log_table: Callable[[], str]) -> str:
    """A table of the log for each test: to make one takes less than to read what others have left in it."""
    return new_log_table()


@pytest.fixture
def log(table: str, aws: Callable[[str], Any]) -> DynamoLog:
    return DynamoLog(table, aws("dynamodb"))


@pytest.fixture
def calls(log: DynamoLog) -> Iterator[list[str]]:
    """The calls that the log makes, as they are made."""
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    log.client.meta.events.register("before-call.dynamodb", note)
    yield made
    log.client.meta.events.unregister("before-call.dynamodb", note)
