"""The emulated account as its root sees it: what the benchmarks look at and hold back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from botocore.config import Config

from local.engine.emulator import Emulator
from local.platform import STACK

PREFIX: Final = f"carillon-{STACK}-"
"""What the names of the platform's resources begin with."""
_PATIENCE_SECONDS: Final = 300.0
_LOOK_AGAIN_SECONDS: Final = 0.05


class Account:
    """boto3 clients with root credentials."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
        self._create: Any = session.client  # by a name that is no literal
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A client that waits for a busy machine: `account.client("sqs")`."""
        if service not in self._clients:
            config = Config(read_timeout=120, retries={"total_max_attempts": 1}, max_pool_connections=20)
            self._clients[service] = self._create(service, endpoint_url=self.emulator.endpoint_url, config=config)
        return self._clients[service]


@contextmanager
def unswept(account: Account) -> Iterator[None]:
    """Let no minute invoke the sweeper, whose calls and work belong to no delivery."""
    events, rule = account.client("events"), f"{PREFIX}sweeper"
    events.disable_rule(Name=rule)
    try:
        yield
    finally:
        events.enable_rule(Name=rule)


@contextmanager
def held_back(account: Account, channel: str) -> Iterator[Callable[[], None]]:
    """Hold back the consumer of a channel's queue, lending what lets it go; at the end it is free in any case."""
    client = account.client("lambda")
    mappings = client.list_event_source_mappings()["EventSourceMappings"]
    [mapping] = [each["UUID"] for each in mappings if each["EventSourceArn"].endswith(f":{PREFIX}{channel}")]

    def let_go() -> None:
        client.update_event_source_mapping(UUID=mapping, Enabled=True)

    client.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield let_go
    finally:
        let_go()


def waiting(account: Account, channel: str) -> int:
    """Messages of the channel's queue that nobody has deleted yet."""
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{PREFIX}{channel}")["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def until(satisfied: Callable[[], bool], what: str) -> None:
    """Return when it is so. Raises `RuntimeError`, saying what was waited for, after five minutes."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not satisfied():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {_PATIENCE_SECONDS:.0f} s: {what}")
        time.sleep(_LOOK_AGAIN_SECONDS)
