"""What a schedule tells the sweeper when its time has come.

A notification's deliveries that wait for its `send_at` are handed to one-time schedules, as the input with which each
of them will wake the sweeper. The log knows nothing of schedules: one that is not made, comes late or is gone changes
only when a delivery is published, never whether.
"""

from typing import Annotated, Final

from pydantic import Field

from handlers.domain.model import Model
from handlers.domain.notifications.due import DueDelivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.times import Instant

MAX_EVENTS: Final = 250
"""In one schedule. An event takes less than 1,000 bytes, since all that it holds are ids of bounded length, so this is
less than the 256 KB that Amazon EventBridge Scheduler hands over; and the sweeper is done with it within seconds.
"""


class Scheduled(Model):
    """One schedule's input: since when its deliveries are due, as the log's index has it, and what asks for them.

    It may lie in the schedule for a year, while the code goes on. What a later version cannot read it refuses, and the
    minute's sweep publishes these deliveries.
    """

    due_at: Instant
    events: Annotated[tuple[DeliveryRequested, ...], Field(min_length=1, max_length=MAX_EVENTS)]

    def deliveries(self) -> tuple[DueDelivery, ...]:
        """Return the deliveries as the index has them, unless they have moved since: then these are out of date."""
        return tuple(DueDelivery(event, self.due_at, republished=0) for event in self.events)
