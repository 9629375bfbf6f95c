"""The observer: follows what becomes of deliveries in the log, by batches of the log's stream.

A batch that comes again, whole or in part, changes nothing twice: each follower sees to that by itself.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters.aws import clients
from handlers.adapters.aws.log_stream import read, sequence_of
from handlers.adapters.aws.stats_table import DynamoBooks
from handlers.adapters.aws.webhooks import DynamoWebhooks, Remembered, SqsOutbox
from handlers.config import ObserverSettings
from handlers.domain.stats.changes import Change, Follower, ordered
from handlers.observability import Metric, count, invocation, logger
from handlers.services.observing import Bookkeeper
from handlers.services.webhooks import Announcer


class NothingFollowedError(Exception):
    """Not even the first change of a batch could be followed. Makes the invocation fail, so that AWS counts it."""


settings = ObserverSettings.read()
clock = partial(datetime.now, UTC)
dynamodb = clients.dynamodb()
followers: tuple[Follower, ...] = (
    Bookkeeper(DynamoBooks(settings.stats_table, dynamodb), clock),
    Announcer(
        Remembered(DynamoWebhooks(settings.limits_table, dynamodb), clock),
        SqsOutbox(settings.webhook_queue_url, clients.repeated_messages()),
    ),
)


@invocation
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Follow the changes of a batch; answer from which record on it is to come again, if something failed."""
    records = event["Records"]
    found = read(records)
    if found.unreadable:
        count(Metric.CHANGE_UNREADABLE, found.unreadable)
    failed = {change.sequence for each in followers for change in _failed(each, found.changes)}
    logger.info("followed", records=len(records), moves=sum(each.is_move for each in found.changes), failed=len(failed))
    first = next((sequence_of(each) for each in records if ordered(sequence_of(each)) in failed), None)
    if first is None:
        return {"batchItemFailures": []}
    if first == sequence_of(records[0]):
        raise NothingFollowedError
    return {"batchItemFailures": [{"itemIdentifier": first}]}


def _failed(follower: Follower, changes: list[Change]) -> list[Change]:
    return list(follower.follow(changes)) if changes else []
