"""How each channel is now: its queues, what waits in the log, and its providers with their circuits."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from handlers.adapters.aws.due_index import DynamoDueIndex
from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.providers.registry import of_channel
from local.engine.emulator import Emulator
from ops.providers import Providers, ProviderStatus

_NOT_MADE_YET = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "ResourceNotFoundException"})
_DEPTHS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


_TURNS = ("first", "second", "third", "fourth", "fifth")


@dataclass(frozen=True)
class ProviderHealth:
    """A provider: when it is asked, from 1, or None when it is off; its circuit's state, and more of it if there is."""

    name: str
    place: int | None
    circuit: str
    says: str

    @property
    def turn(self) -> str:
        """When it is asked, in words."""
        return "switched off" if self.place is None else f"asked {_TURNS[self.place - 1]}"


@dataclass(frozen=True)
class ChannelHealth:
    """A channel: messages in its two queues, in its dead-letter queue, and deliveries that are not sent yet."""

    waiting: int
    in_flight: int
    delayed: int
    dead_letters: int
    unsent: int
    providers: tuple[ProviderHealth, ...]


class Health:
    """Reads it as the account's root. `prefix` begins the names of all that the program makes."""

    def __init__(self, emulator: Emulator, prefix: str) -> None:
        session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
        config = Config(max_pool_connections=2 * len(CHANNELS))
        self._sqs = session.client("sqs", endpoint_url=emulator.endpoint_url, config=config)
        self._dynamodb = session.client("dynamodb", endpoint_url=emulator.endpoint_url, config=config)
        self._index = DynamoDueIndex(f"{prefix}-notifications", self._dynamodb)
        self._prefix = prefix
        self._threads = ThreadPoolExecutor(len(CHANNELS), thread_name_prefix="health")

    def read(self) -> Mapping[str, ChannelHealth]:
        """Return each channel that the program has made, by its name."""
        found = self._threads.map(self._channel, CHANNELS)
        return {channel: health for channel, health in zip(CHANNELS, found, strict=True) if health is not None}

    def _channel(self, channel: Channel) -> ChannelHealth | None:
        try:
            return ChannelHealth(
                **self._depths(channel, f"{channel}-high"),
                dead_letters=self._depths(f"{channel}-dlq")["waiting"],
                unsent=self._index.unsent(channel, datetime.now(UTC)),
                providers=self._providers(channel),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_MADE_YET:
                return None
            raise

    def _depths(self, *names: str) -> dict[str, int]:
        """How many messages there are in queues of these names, together."""
        found = [self._attributes(name) for name in names]
        return {ours: sum(int(each.get(theirs, "0")) for each in found) for ours, theirs in _DEPTHS.items()}

    def _attributes(self, name: str) -> dict[Any, str]:
        url = self._sqs.get_queue_url(QueueName=f"{self._prefix}-{name}")["QueueUrl"]
        asked: Any = list(_DEPTHS.values())
        found: dict[Any, str] = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
        return found

    def _providers(self, channel: Channel) -> tuple[ProviderHealth, ...]:
        registered, now = [each.name for each in of_channel(channel)], datetime.now(UTC)
        statuses = Providers(self._dynamodb, f"{self._prefix}-limits", registered, channel).statuses()
        return tuple(_of(each, now) for each in statuses)


def _of(status: ProviderStatus, now: datetime) -> ProviderHealth:
    phase, words = status.circuit.phase(now).value, status.health(now)
    return ProviderHealth(status.name, status.place, phase, "" if words == phase else f"· {words}")
