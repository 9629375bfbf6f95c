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
from handlers.observability import Metric, count, logger
from handlers.services.sweeping import Sweeper, Swept

_FOR_THE_LAST_PAGE: Final = timedelta(seconds=10)
"""What is left of the time limit when no further page is begun; what is due then is due in a minute as well."""

settings = SweeperSettings()
sweeper = Sweeper(
    index=DynamoDueIndex(settings.notifications_table, clients.dynamodb()),
    publisher=EventBridgePublisher(settings.event_bus, clients.events()),
    clock=partial(datetime.now, UTC),
)
threads = ThreadPoolExecutor(len(SHARDS), thread_name_prefix="shard")


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Publish what the event names, if it names events as a schedule does; otherwise sweep."""
    swept = _on_time(event) if "events" in event else _sweep(context)
    if swept.republished:
        count(Metric.REPUBLISHED, swept.republished)
    if swept.refused:
        count(Metric.PUBLISH_FAILED, swept.refused)


def _sweep(context: LambdaContext) -> Swept:
    """Sweep all shards at once."""
    limit = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    swept = sum(threads.map(partial(sweeper.sweep, until=limit - _FOR_THE_LAST_PAGE), SHARDS), start=Swept())
    logger.info("swept", republished=swept.republished, refused=swept.refused)
    return swept


def _on_time(event: dict[str, Any]) -> Swept:
    """Publish what a schedule was made for. What cannot be read is an error of the function, and left to a sweep."""
    scheduled = Scheduled.model_validate(event)
    published = sweeper.publish(scheduled.deliveries())
    logger.info(
        "on time",
        notification_id=scheduled.events[0].notification_id,
        due_at=rfc3339(scheduled.due_at),
        published=published.republished,
        refused=published.refused,
    )
    return published
