"""Tells apps what has become of their deliveries: a batch of the queue `webhooks`, each message of it failing alone.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from handlers.adapters.aws import clients
from handlers.adapters.aws.queue import SqsQueue
from handlers.adapters.aws.webhooks import DynamoWebhooks, KmsWebhookKeys, Remembered
from handlers.adapters.providers import urls
from handlers.adapters.status_webhook import HttpStatusEndpoint
from handlers.config import WebhooksSettings
from handlers.domain.providers.retries import comes_back
from handlers.domain.webhooks import LONGEST_WAIT, StatusChanged
from handlers.observability import Metric, count, describe, invocation, logger
from handlers.ports import Queue
from handlers.services.webhooks import Teller, Telling

_LARGEST_BATCH: Final = 10

_METRICS: Final = MappingProxyType(
    {
        Telling.TOLD: Metric.WEBHOOK_TOLD,
        Telling.RETRY: Metric.WEBHOOK_RETURNED,
        Telling.DROPPED: Metric.WEBHOOK_DROPPED,
        Telling.SUSPENDED: Metric.WEBHOOK_SUSPENDED,
    }
)

settings = WebhooksSettings.read()
clock = partial(datetime.now, UTC)
teller = Teller(
    Remembered(DynamoWebhooks(settings.limits_table, clients.dynamodb()), clock),
    HttpStatusEndpoint(urls.shared(), KmsWebhookKeys(settings.link_key, clients.kms()), clock),
    clock,
)
queue: Queue = SqsQueue(settings.queue_url, clients.sqs())
# One endpoint that does not answer holds up nobody else's messages.
threads = ThreadPoolExecutor(_LARGEST_BATCH, thread_name_prefix="webhook")


@invocation
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Tell each message of the batch; answer which of them stay in the queue."""
    records = event["Records"]
    returning: dict[str, timedelta] = {}
    failed: list[dict[str, str]] = []
    for record, outcome in zip(records, threads.map(_tell, records), strict=True):
        if outcome is None:
            failed.append({"itemIdentifier": record["messageId"]})
            continue
        telling, patience = outcome
        count(_METRICS[telling])
        if telling is Telling.RETRY:
            failed.append({"itemIdentifier": record["messageId"]})
            received = int(record["attributes"].get("ApproximateReceiveCount", 1))
            returning[record["receiptHandle"]] = comes_back(received, LONGEST_WAIT, timedelta(seconds=patience))
    if returning:
        queue.bring_back(returning)
    return {"batchItemFailures": failed}


def _tell(record: dict[str, Any]) -> tuple[Telling, float] | None:
    """Tell one message; None for what is no message of ours: the queue keeps it, until it is dead."""
    try:
        message = StatusChanged.model_validate_json(record["body"])
    except ValidationError:
        logger.error("not a status change", message_id=record["messageId"])
        return None
    try:
        told = teller.tell(message)
    except Exception as error:
        logger.error("a status change cannot be told", event_id=message.event_id, **describe(error))
        return Telling.RETRY, 0
    logger.info("status told", event_id=message.event_id, app_key=message.app_key, result=told[0])
    return told
