"""Every channel's redriver: a batch of its dead-letter queue, each message of it failing alone.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters.aws import clients
from handlers.adapters.aws.quarantine import SqsQuarantine
from handlers.adapters.aws.redrive_log import DynamoRedriveLog
from handlers.adapters.aws.tallies import DynamoTallies
from handlers.config import RedriverSettings
from handlers.domain.alerts import Cause
from handlers.domain.notifications.redrives import Fate
from handlers.observability import Metric, count, describe, invocation, logger
from handlers.services.redriving import DeadLetter, Redriver, Taken

_METRICS: Final = MappingProxyType(
    {
        Fate.REDRIVEN: Metric.DELIVERY_REDRIVEN,
        Fate.GIVEN_UP: Metric.DELIVERY_GIVEN_UP,
        Fate.DROPPED: Metric.DUPLICATE_DROPPED,
        Fate.PARKED: Metric.MESSAGE_QUARANTINED,
        Fate.KEPT: Metric.REDRIVE_FAILED,
    }
)
_ALERTED: Final = MappingProxyType({Fate.GIVEN_UP: Cause.GIVEN_UP, Fate.PARKED: Cause.QUARANTINE})
_FOR_ONE_MESSAGE: Final = timedelta(seconds=37)
"""What must be left to begin another message: two calls of twelve seconds at most, and one to count for alerts."""

settings = RedriverSettings.read()
clock = partial(datetime.now, UTC)
dynamodb = clients.dynamodb()
redriver = Redriver(
    channel=settings.channel,
    log=DynamoRedriveLog(settings.notifications_table, settings.channel, dynamodb),
    quarantine=SqsQuarantine(settings.quarantine_url, settings.channel, clients.quarantine()),
    waits=tuple(timedelta(seconds=each) for each in settings.redrive_after_seconds),
    clock=clock,
)
tallies = DynamoTallies(settings.limits_table, settings.channel, dynamodb)


@invocation
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take each message of the batch; answer which of them stay in the queue."""
    until = clock() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - _FOR_ONE_MESSAGE
    fates: Counter[Fate] = Counter()
    reasons: dict[Fate, str] = {}
    kept = []
    for record in event["Records"]:
        fate = Fate.KEPT
        if clock() < until:
            taken = redriver.take(_letter(record))
            _tell(record["messageId"], taken)
            fate = taken.fate
            reasons[fate] = taken.why or fate
        fates[fate] += 1
        if fate is Fate.KEPT:
            kept.append({"itemIdentifier": record["messageId"]})
    for fate, times in fates.items():
        count(_METRICS[fate], times, channel=settings.channel)
        if cause := _ALERTED.get(fate):
            tallies.add(cause, times, reasons[fate], clock())
    return {"batchItemFailures": kept}


def _letter(record: dict[str, Any]) -> DeadLetter:
    attributes = record.get("messageAttributes", {})
    bus_error = attributes.get("ERROR_CODE", {}).get("stringValue")
    return DeadLetter(record["messageId"], record["body"], attributes, bus_error)


def _tell(message_id: str, taken: Taken) -> None:
    """Log what came of a message: loudly what is parked, given up or cannot be written."""
    loud = taken.cause is not None or taken.fate in (Fate.PARKED, Fate.GIVEN_UP)
    ids: dict[str, Any] = {}
    if taken.event is not None:
        ids = {name: getattr(taken.event, name) for name in ("notification_id", "delivery_id", "category")}
    say = logger.error if loud else logger.info
    say(
        "dead letter",
        message_id=message_id,
        channel=settings.channel,
        fate=taken.fate,
        why=taken.why,
        round=taken.round,
        **ids,
        **({} if taken.cause is None else describe(taken.cause)),
    )
