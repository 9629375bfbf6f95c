"""The fan-out: a step of a broadcast from its queue, and those that follow as far as there is time.

What its dead-letter queue holds comes here too: a step that failed as often as it was tried stalls its broadcast, which
somebody has to resume (docs/runbooks/broadcast-stalled.md). One that cancels is tried again from there: what is to be
canceled must not be sent as nobody looks, and until it is done its queue's alarm rings.
"""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters.aws import clients
from handlers.adapters.aws.audience_files import S3AudienceFiles
from handlers.adapters.aws.broadcast_queue import SqsBroadcastQueue, SqsCrowds
from handlers.adapters.aws.broadcasts import DynamoBroadcasts, DynamoClaims
from handlers.adapters.aws.tags import DynamoTagIndex
from handlers.config import FanoutSettings
from handlers.entrypoints.pages_of_broadcasts import accepting
from handlers.observability import Metric, count, describe, invocation, logger
from handlers.services.fanning_out import FanOut, Phase, Step

_FOR_ONE_PAGE: Final = timedelta(seconds=40)
"""What must be left to begin another page: its calls take milliseconds, and twelve seconds each at worst."""

_DEAD_LETTERS: Final = "-dlq"

settings = FanoutSettings.read()
clock = partial(datetime.now, UTC)
dynamodb = clients.dynamodb()
sqs = clients.repeated_messages()
fan_out = FanOut(
    accepting=accepting(settings, dynamodb, clock),
    store=DynamoBroadcasts(settings.broadcasts_table, dynamodb, timedelta(days=settings.log_kept_days)),
    files=S3AudienceFiles(settings.audience_bucket, clients.audience_files()),
    tags=DynamoTagIndex(settings.tags_table, settings.contacts_table, dynamodb, clock),
    claims=DynamoClaims(settings.broadcasts_table, dynamodb),
    crowds=SqsCrowds(settings.queue_urls, sqs),
    queue=SqsBroadcastQueue(settings.broadcast_queue_url, sqs),
    clock=clock,
)


@invocation
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take the one message of the batch. What is raised brings it back; what returns is done with."""
    until = clock() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - _FOR_ONE_PAGE
    for record in event["Records"]:
        try:
            step = Step.parse(json.loads(record["body"]))
        except (ValueError, KeyError, TypeError):
            logger.error("no step of a broadcast", message_id=record["messageId"])
            continue
        try:
            if record["eventSourceARN"].endswith(_DEAD_LETTERS) and step.phase is Phase.RELEASE:
                _stall(step)
            else:
                _go_on(step, until)
        except Exception as error:
            logger.error("step failed", broadcast_id=step.broadcast_id, phase=step.phase, **describe(error))
            raise
    return {"batchItemFailures": []}


def _go_on(step: Step, until: datetime) -> None:
    done = fan_out.go_on(step, until)
    if done.pages:
        count(Metric.BROADCAST_PAGE, done.pages)
    logger.info(
        "fanned out",
        broadcast_id=step.broadcast_id,
        phase=step.phase,
        page=step.page,
        pages=done.pages,
        deliveries=done.deliveries,
        ended=done.ended,
    )


def _stall(step: Step) -> None:
    if fan_out.stall(step):
        count(Metric.BROADCAST_STALLED)
        logger.error("stalled", broadcast_id=step.broadcast_id, phase=step.phase, page=step.page)
