"""The sweeper, invoked every minute: whatever is in the log, is due and has not moved is published again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters import clients
from handlers.adapters.due_index import DynamoDueIndex
from handlers.adapters.event_bus import EventBridgePublisher
from handlers.config import SweeperSettings
from handlers.domain.due import SHARDS
from handlers.observability import Metric, count, logger
from handlers.sweep import Sweeper, Swept

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
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - of the schedule nothing is asked
    """Sweep all shards at once."""
    limit = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    swept = sum(threads.map(partial(sweeper.sweep, until=limit - _FOR_THE_LAST_PAGE), SHARDS), start=Swept())
    logger.info("swept", republished=swept.republished, refused=swept.refused)
    if swept.republished:
        count(Metric.REPUBLISHED, swept.republished)
    if swept.refused:
        count(Metric.PUBLISH_FAILED, swept.refused)
