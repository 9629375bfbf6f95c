"""The sweeper, invoked every minute: whatever is in the log, is due and has not moved is published again.

Beside that it erases users from the log, as far as one minute goes.

And invoked by schedules, at the time that a producer chose: what waited for it is published.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters.aws import clients
from handlers.adapters.aws.alert_topic import SnsAlerts
from handlers.adapters.aws.due_index import DynamoDueIndex
from handlers.adapters.aws.erasures import DynamoErasures
from handlers.adapters.aws.event_bus import EventBridgePublisher
from handlers.adapters.aws.recoveries import DynamoRecoveries
from handlers.config import SweeperSettings
from handlers.domain.alerts import Rules, Watched
from handlers.domain.channels import CHANNELS, Channel
from handlers.domain.notifications.due import SHARDS
from handlers.domain.notifications.schedules import Scheduled
from handlers.domain.times import rfc3339
from handlers.observability import Metric, count, describe, invocation, logger
from handlers.services.alerting import Alerter
from handlers.services.erasing import Eraser
from handlers.services.sweeping import Sweeper, Swept

_FOR_THE_LAST_CALL: Final = timedelta(seconds=13)
"""What is left of the time limit when nothing more is begun: a call to the log takes twelve seconds at most. What is
due then is due in a minute as well.
"""


class SweepFailedError(Exception):
    """Part of a sweep failed; the rest of it was done. Makes the invocation fail, so that AWS counts it."""


_TOLD: Final = 10
"""Of the errors of one sweep, how many are logged: they are mostly alike."""

settings = SweeperSettings.read()
clock = partial(datetime.now, UTC)
dynamodb = clients.dynamodb()
index = DynamoDueIndex(settings.notifications_table, dynamodb)
recoveries = DynamoRecoveries(settings.limits_table, dynamodb)
sweeper = Sweeper(
    index=index,
    publisher=EventBridgePublisher(settings.event_bus, clients.events(), clock),
    recoveries=recoveries,
    clock=clock,
)
alerter = Alerter(
    environment=settings.environment,
    rules=Rules(
        timedelta(seconds=settings.alert_rules.outage_after_seconds),
        timedelta(seconds=settings.alert_rules.over_after_seconds),
        tuple(timedelta(seconds=each) for each in settings.alert_rules.remind_after_seconds),
    ),
    store=recoveries,
    topic=SnsAlerts(settings.alert_topic, clients.sns()),
    index=index,
    clock=clock,
)
eraser = Eraser(DynamoErasures(settings.notifications_table, dynamodb), clock)
# Threads of its own for each channel, so that what is due on one of them never waits for another's backlog.
threads = {
    channel: ThreadPoolExecutor(max(1, clients.CONNECTIONS // len(CHANNELS)), thread_name_prefix=channel)
    for channel in CHANNELS
}
erasing_thread = ThreadPoolExecutor(1, thread_name_prefix="erasing")


@invocation
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Publish what the event names, if it names events as a schedule does; otherwise sweep.

    Raises `SweepFailedError` at the end, when all that could be done is done and counted.
    """
    until = clock() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - _FOR_THE_LAST_CALL
    swept = _on_time(event, until) if "events" in event else _sweep(until)
    for error in swept.errors[:_TOLD]:
        logger.error("sweep failed", **describe(error))
    if swept.errors:
        raise SweepFailedError(f"{len(swept.errors)} times")


def _sweep(until: datetime) -> Swept:
    """Sweep all shards at once, and count what is set apart: every minute, as its alarm rings for as long."""
    erasing = erasing_thread.submit(eraser.erase, until)
    swept = sum(_all_channels(until), start=Swept())
    erased = erasing.result()
    swept += Swept(errors=erased.errors)
    if erased.deliveries:
        logger.info("erased", deliveries=erased.deliveries)
    try:
        if unreadable := sweeper.index.set_apart():
            count(Metric.LOG_ITEM_UNREADABLE, unreadable)
    except Exception as error:
        swept += Swept(errors=(error,))
    _count(swept)
    logger.info("swept", republished=swept.republished, refused=swept.refused)
    return swept


def _all_channels(until: datetime) -> Iterator[Swept]:
    """Sweep every shard of every channel; before them what a circuit has closed for; and tell of what is wrong."""
    errors: tuple[Exception, ...] = ()
    try:
        channels = sweeper.recoveries.look(clock())
    except Exception as error:  # what waits is due in its time all the same
        channels, errors = {}, (error,)
    telling = [threads[channel].submit(_tell, channel, watched) for channel, watched in channels.items()]
    recovering = [
        threads[channel].submit(sweeper.recover, channel, watched.recovery, until)
        for channel, watched in channels.items()
    ]
    sweeping = [
        threads[channel].submit(sweeper.sweep, shard, until) for channel, shards in SHARDS.items() for shard in shards
    ]
    yield Swept(errors=errors)
    yield from (each.result() for each in (*telling, *recovering, *sweeping))


def _tell(channel: Channel, watched: Watched) -> Swept:
    return Swept(errors=alerter.see(channel, watched))


def _on_time(event: dict[str, Any], until: datetime) -> Swept:
    """Publish what a schedule was made for. What cannot be read is an error of the function, and left to a sweep."""
    scheduled = Scheduled.model_validate(event)
    published = sweeper.publish(scheduled.deliveries(), until)
    _count(published)
    logger.info(
        "on time",
        notification_id=scheduled.events[0].notification_id,
        due_at=rfc3339(scheduled.due_at),
        published=published.republished,
        refused=published.refused,
    )
    return published


def _count(swept: Swept) -> None:
    if swept.republished:
        count(Metric.REPUBLISHED, swept.republished)
    if swept.again:
        count(Metric.REPUBLISHED_AGAIN, swept.again)
    if swept.refused:
        count(Metric.PUBLISH_FAILED, swept.refused)
