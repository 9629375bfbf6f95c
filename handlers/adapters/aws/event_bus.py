"""The bus: Amazon EventBridge."""

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws.side_by_side import SideBySide
from handlers.domain.notifications.events import DeliveryRequested
from handlers.observability import describe, logger

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

_ENTRIES_PER_CALL: Final = 10
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html. A call may have 1 MB at most
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size); ten of these entries have
less than 10 KB, since all that they hold are ids of bounded length.
"""

_WAITS: Final = (0.0, 0.05, 0.2)
"""Seconds before each try of the entries that are not taken yet: a producer is waiting for its 202."""


class EventBridgePublisher:
    """Calls `events:PutEvents`."""

    def __init__(
        self,
        bus: str,
        client: "EventBridgeClient",
        clock: Callable[[], datetime],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._bus = bus
        self._client = client
        self._sleep = sleep
        self._clock = clock
        self._calls = SideBySide()

    def publish(self, events: Sequence[DeliveryRequested], until: datetime) -> Collection[DeliveryRequested]:
        """Publish the events and return those that the bus did not take. Never raises: they are in the log.

        Batches go side by side; none is begun after `until`. A bus that refuses a whole call, or cannot be reached,
        has been tried by botocore as often as makes sense; it is not asked for the rest.
        """
        down = Event()
        left = self._calls.map(lambda batch: self._publish(batch, until, down), list(_batches(events)))
        refused = [event for batch in left for event in batch]
        if refused:
            logger.warning("events not published", events=len(refused))
        return refused

    def _publish(self, batch: Sequence[DeliveryRequested], until: datetime, down: Event) -> Sequence[DeliveryRequested]:
        """Publish a batch and return what is left of it, unless the bus was found to be `down`."""
        left = batch
        try:
            for wait in _WAITS:
                if not left or down.is_set() or self._clock() >= until:
                    break
                self._sleep(random.uniform(0.5, 1) * wait)  # noqa: S311 - jitter is no secret
                left = self._put(left)
        except (ClientError, BotoCoreError) as error:
            down.set()
            logger.warning("bus not reached", **describe(error))
        return left

    def _put(self, batch: Sequence[DeliveryRequested]) -> Sequence[DeliveryRequested]:
        answer = self._client.put_events(Entries=[self._entry(event) for event in batch])
        # The answer's entries are in the order of the request's.
        return [event for event, entry in zip(batch, answer["Entries"], strict=True) if "ErrorCode" in entry]

    def _entry(self, event: DeliveryRequested) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._bus,
            "Source": event.source,
            "DetailType": event.detail_type,
            "Resources": [event.app_key],
            "Detail": event.detail(),
        }


def _batches(events: Sequence[DeliveryRequested]) -> Iterator[Sequence[DeliveryRequested]]:
    remaining = iter(events)
    while batch := list(islice(remaining, _ENTRIES_PER_CALL)):
        yield batch
