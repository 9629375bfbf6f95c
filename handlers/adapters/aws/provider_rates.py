"""How fast a provider is asked, by all the workers of its channel together.

    {"id": "pace#twilio", "taken": 1896091200000000, "expiration": 1896177612}

`taken` is until when the provider's time is taken, in microseconds since 1970. A worker takes a slot for each message
of its batch at once, by one conditional write, when the first of them is about to be sent; each waits for its own slot
inside the invocation. So the invocations that wait keep others from being started (`maximumConcurrency`), and what is
over the rate stays in the queue and is not received: the queue is what waits, at no receive and no call.

That the slots of all that can be under way fit into an invocation is a rule of the settings. If one does not, as other
providers failed over to this one, no slot is taken, and the message goes back to the queue.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final

from handlers.adapters.aws.taken_time import take
from handlers.domain.content.messages import Message
from handlers.domain.providers.errors import ThrottledError
from handlers.ports import Provider

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OVER_RATE: Final = "over_rate"
"""The code of an attempt for which there was no slot: nothing was sent."""

_TRIES: Final = 4
_KEPT: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass
class Pace:
    """The slots of one provider that this execution environment has taken. `rate` is in messages a second.

    Calls `dynamodb:UpdateItem` once for a batch. `clock` returns the aware time; `sleep` waits for seconds.
    """

    table: str
    provider: str
    rate: int
    client: "DynamoDBClient"
    clock: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    _slots: deque[int] = field(default_factory=deque)
    _messages: int = 0
    _until: int = 0
    _taken: int = 0
    _lock: Lock = field(default_factory=Lock)

    def begin(self, messages: int, until: datetime) -> None:
        """Say how many messages a batch has, and until when one of them may wait."""
        with self._lock:
            self._messages, self._until = messages, _micros(until)
            now = _micros(self.clock())
            self._slots = deque(slot for slot in self._slots if slot >= now)

    def wait(self) -> None:
        """Wait for the next slot; raise `ThrottledError` when there is none in time."""
        with self._lock:
            if not self._slots:
                self._slots.extend(self._take())
            self._messages -= 1
            slot = self._slots.popleft() if self._slots else None
        now = _micros(self.clock())
        if slot is None:
            raise ThrottledError(OVER_RATE, max(0, self._taken - now) / 1_000_000, of_endpoint=True)
        if slot > now:
            self.sleep((slot - now) / 1_000_000)

    def _take(self) -> Iterable[int]:
        """Take slots for what is left of the batch, or as many as there are in time, and return them."""
        interval = -(-1_000_000 // self.rate)
        for _ in range(_TRIES):
            now = _micros(self.clock())
            first = max(self._taken, now)
            number = min(max(self._messages, 1), (self._until - first) // interval + 1)
            if number < 1:
                return ()
            end = self._write(now, number * interval, self._until - (number - 1) * interval)
            if end is not None:
                return range(end - number * interval, end, interval)
        return ()

    def _write(self, now: int, length: int, latest: int) -> int | None:
        """Take this much time, that begins at the latest then; return its end, None if all is otherwise by now."""
        answer = take(
            self.client,
            self.table,
            f"pace#{self.provider}",
            known=self._taken,
            now=now,
            length=length,
            latest=latest,
            expiration=latest // 1_000_000 + int(_KEPT.total_seconds()),
        )
        if answer is None:
            return None
        self._taken, is_ours = answer
        return self._taken if is_ours else None


@dataclass(frozen=True, slots=True)
class Paced:
    """A provider that is asked no faster than its pace."""

    provider: Provider
    pace: Pace

    @property
    def name(self) -> str:
        """Its name in the log."""
        return self.provider.name

    @property
    def platforms(self) -> frozenset[str] | None:
        """The platforms whose endpoints it serves."""
        return self.provider.platforms

    def available(self) -> bool:
        """Say whether it has what it needs to be asked."""
        return self.provider.available()

    def send(self, message: Message) -> str:
        """Wait for a slot, and send."""
        self.pace.wait()
        return self.provider.send(message)


def paced(providers: Iterable[Provider], paces: Mapping[str, Pace]) -> tuple[Provider, ...]:
    """Return the providers, those that have a pace held to it."""
    return tuple(Paced(each, paces[each.name]) if each.name in paces else each for each in providers)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
