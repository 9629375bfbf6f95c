"""What every channel's worker does alike: the records of a batch at once, each of them failing alone.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters import providers
from handlers.adapters.aws import clients
from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.link_key import link_key
from handlers.adapters.aws.people import DynamoRecipients
from handlers.adapters.aws.provider_state import DynamoProviderState
from handlers.adapters.aws.queue import SqsQueue
from handlers.adapters.aws.templates import S3TemplateStore
from handlers.config import LinkMakerSettings, WorkerSettings
from handlers.domain.channels import Channel
from handlers.domain.content.links import Links
from handlers.domain.notifications.claims import Refusal
from handlers.domain.notifications.events import DeliveryRequested, NotAnEventError
from handlers.domain.people.person import Person
from handlers.domain.providers.retries import comes_back
from handlers.observability import Metric, count, describe, logger
from handlers.ports import Devices, Queue, Recipients
from handlers.services.delivering import Report, Result, Worker
from handlers.services.failover import Chain

Event = dict[str, Any]
Handler = Callable[[Event, LambdaContext], dict[str, Any]]

_LARGEST_BATCH: Final = 10

_METRICS: Final = MappingProxyType(
    {
        Result.SENT: Metric.DELIVERY_SENT,
        Result.FAILED: Metric.DELIVERY_FAILED,
        Result.DEFERRED: Metric.DELIVERY_DEFERRED,
        Result.DROPPED: Metric.DUPLICATE_DROPPED,
        Result.RETRY: Metric.DELIVERY_RETURNED,
    }
)


class ReturnToQueueError(Exception):
    """Says to the batch processor that a record is to be delivered again."""


def worker_handler(devices: Devices | None = None) -> Handler:
    """Return the Lambda handler of the channel that the environment names; `devices` forgets tokens that are dead."""
    settings, links = WorkerSettings(), LinkMakerSettings()
    dynamodb = clients.dynamodb()
    clock = partial(datetime.now, UTC)
    state = DynamoProviderState(settings.limits_table, settings.channel, dynamodb)
    worker = Worker(
        log=DynamoDeliveryLog(settings.notifications_table, dynamodb),
        templates=S3TemplateStore(settings.template_bucket, clients.s3()),
        links=Links(links.public_url, link_key(links.link_key, clients.kms())),
        chain=Chain(providers.create(settings.channel), state, clock),
        clock=clock,
        devices=devices,
        critical=settings.critical_categories,
        max_segments=settings.sms_max_segments,
    )
    queue = SqsQueue(settings.queue_url, clients.sqs())
    recipients = DynamoRecipients(settings.contacts_table, settings.settings_table, settings.channel, dynamodb)
    return batch_handler(worker, recipients, queue, settings.channel)


def batch_handler(worker: Worker, recipients: Recipients, queue: Queue, channel: Channel) -> Handler:
    """Return a Lambda handler that gives each event of an SQS batch to the worker, all at once.

    In threads, as boto3 blocks: one slow answer of the provider holds up nobody else's. At the end the queue is told
    when to bring back those that failed.
    """
    threads = ThreadPoolExecutor(_LARGEST_BATCH, thread_name_prefix="delivery")
    processor = AsyncBatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def make(event: DeliveryRequested, of_all: Mapping[str, Person] | None, lease_until: datetime) -> Report:
        try:
            people = recipients.find([event]) if of_all is None else of_all
        except Exception as error:
            return Report(Result.RETRY, type(error).__name__, error)
        return worker.deliver(event, people, lease_until)

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
        lease_until = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
        of_all = _people_of_all(recipients, event["Records"])
        results: Counter[Result] = Counter()
        failed: dict[str, timedelta] = {}

        async def deliver(record: SQSRecord) -> None:
            requested = _parsed(record.message_id, record.body)
            loop = asyncio.get_running_loop()
            report = await loop.run_in_executor(threads, make, requested, of_all, lease_until)
            results[report.result] += 1
            _tell(requested, report)
            if report.result is Result.RETRY:
                received = int(record.attributes.approximate_receive_count or 1)
                failed[record.receipt_handle] = comes_back(received, report.patience)
                raise ReturnToQueueError

        answer = async_process_partial_response(event, deliver, processor, context)
        if failed:
            queue.bring_back(failed)
        _count(results, channel)
        return dict(answer)

    return handler


def _people_of_all(recipients: Recipients, records: Iterable[Event]) -> Mapping[str, Person] | None:
    """Return what is known of a batch's recipients; None if what one of them has keeps the others' from being read.

    Then each record reads its own, and fails alone if it cannot.
    """
    try:
        return recipients.find(_events(records))
    except Exception as error:
        logger.error("a batch cannot be read at once", **describe(error))
        return None


def _events(records: Iterable[Event]) -> list[DeliveryRequested]:
    """Return the events of a batch; a record that is no event is told of when its own turn comes."""
    events = []
    for record in records:
        with suppress(NotAnEventError):
            events.append(DeliveryRequested.parse(record["body"]))
    return events


def _parsed(message_id: str, body: str) -> DeliveryRequested:
    try:
        return DeliveryRequested.parse(body)
    except NotAnEventError:
        logger.error("not an event", message_id=message_id)
        raise


def _tell(event: DeliveryRequested, report: Report) -> None:
    """Log what came of an event: loudly what nobody foresaw."""
    unforeseen = report.cause is not None or report.why == Refusal.MISSING
    say = logger.error if unforeseen else logger.info
    say(
        "delivery",
        notification_id=event.notification_id,
        delivery_id=event.delivery_id,
        category=event.category,
        channel=event.channel,
        result=report.result,
        why=report.why,
        **({} if report.cause is None else describe(report.cause)),
    )


def _count(results: Mapping[Result, int], channel: str) -> None:
    for result, metric in _METRICS.items():
        if results.get(result):
            count(metric, results[result], channel=channel)
