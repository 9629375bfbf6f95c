"""Replaying the bus's archive: what was announced in a time is announced again, and each claim drops what was sent.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from handlers.domain.channels import Channel
from ops.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_OVER: Final = frozenset({"COMPLETED", "CANCELLED", "FAILED"})


class ReplayError(OperatorError):
    """A replay cannot be begun, or did not come to its end."""


@dataclass(frozen=True)
class Period:
    """From when until when events were put on the bus. Raises `ReplayError` when that is no time."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ReplayError("--from must be before --to")

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()


class Archive:
    """The archive of one environment's bus. Calls `events:DescribeArchive`, `DescribeRule` and `…Replay`."""

    def __init__(self, client: "EventBridgeClient", prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def events(self) -> int:
        """Return how many events it holds, of all times and channels."""
        return self._client.describe_archive(ArchiveName=self._prefix)["EventCount"]

    def start(self, channels: Sequence[Channel], period: Period) -> str:
        """Have what was put on the bus in this time put there again, to the rules of these channels alone; its name."""
        archive = self._client.describe_archive(ArchiveName=self._prefix)
        name = f"{self._prefix}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
        rules = [self._rule(channel) for channel in channels]
        self._client.start_replay(
            ReplayName=name,
            EventSourceArn=archive["ArchiveArn"],
            EventStartTime=period.start,
            EventEndTime=period.end,
            Destination={"Arn": archive["EventSourceArn"], "FilterArns": rules},
        )
        return name

    def progress(self, name: str) -> Iterator[datetime | None]:
        """Yield up to which time events were put on the bus, as often as asked, until the replay is over.

        Raises `ReplayError` when it failed or was canceled.
        """
        while True:
            found = self._client.describe_replay(ReplayName=name)
            if found["State"] in _OVER:
                break
            yield found.get("EventLastReplayedTime")
        if found["State"] != "COMPLETED":
            raise ReplayError(f"the replay {name} is {found['State']}: {found.get('StateReason') or 'no reason given'}")

    def _rule(self, channel: Channel) -> str:
        return self._client.describe_rule(Name=f"{self._prefix}-{channel}", EventBusName=self._prefix)["Arn"]
