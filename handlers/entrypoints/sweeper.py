"""The sweeper, invoked every minute: whatever is in the log, is due and has not moved is published again.

And invoked by schedules, at the time that a producer chose: what waited for it is published.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters.aws import clients
from handlers.adapters.aws.due_index import DynamoDueIndex
from handlers.adapters.aws.event_bus import EventBridgePublisher
from handlers.config import SweeperSettings
from handlers.domain.notifications.due import SHARDS
from handlers.domain.notifications.schedules import Scheduled
from handlers.domain.times import rfc3339
from handlers.observability import Metric, count, describe, logger
from handlers.services.sweeping import Sweeper, Swept

_FOR_THE_LAST_CALL: Final = timedelta(seconds=13)
"""What is left of the time limit when nothing more is begun: a call to the log takes twelve seconds at most. What is
due then is due in a minute as well.
"""


class SweepFailedError(Exception):
    """Part of a sweep failed; the rest of it was done. Makes the invocation fail, so that AWS counts it."""


_TOLD: Final = 10
"""Of the errors of one sweep, how many are logged: they are mostly alike."""

settings = SweeperSettings()
clock = partial(datetime.now, UTC)
sweeper = Sweeper(
    index=DynamoDueIndex(settings.notifications_table, clients.dynamodb()),
    publisher=EventBridgePublisher(settings.event_bus, clients.events(), clock),
    clock=clock,
)
threads = ThreadPoolExecutor(len(SHARDS), thread_name_prefix="shard")


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Publish what the event names, if it names events as a schedule does; otherwise sweep.

    Raises `SweepFailedError` at the end, when all that could be done is done and counted.
    """
    until = clock() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - _FOR_THE_LAST_CALL
    swept = _on_time(event, until) if "events" in event else _sweep(until)
    if swept.republished:
        count(Metric.REPUBLISHED, swept.republished)
    if swept.refused:
        count(Metric.PUBLISH_FAILED, swept.refused)
    for error in swept.errors[:_TOLD]:
        logger.error("sweep failed", **describe(error))
    if swept.errors:
        raise SweepFailedError(f"{len(swept.errors)} times")


def _sweep(until: datetime) -> Swept:
    """Sweep all shards at once, and count what is set apart: every minute, as its alarm rings for as long."""
    swept = sum(threads.map(partial(sweeper.sweep, until=until), SHARDS), start=Swept())
    logger.info("swept", republished=swept.republished, refused=swept.refused)
    try:
        unreadable = sweeper.index.set_apart()
    except Exception as error:
        return swept + Swept(errors=(error,))
    if unreadable:
        count(Metric.LOG_ITEM_UNREADABLE, unreadable)
    return swept


def _on_time(event: dict[str, Any], until: datetime) -> Swept:
    """Publish what a schedule was made for. What cannot be read is an error of the function, and left to a sweep."""
    scheduled = Scheduled.model_validate(event)
    published = sweeper.publish(scheduled.deliveries(), until)
    logger.info(
        "on time",
        notification_id=scheduled.events[0].notification_id,
        due_at=rfc3339(scheduled.due_at),
        published=published.republished,
        refused=published.refused,
    )
    return published
