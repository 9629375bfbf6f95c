"""What every channel's worker does alike: the records of a batch at once, each of them failing alone.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from handlers.adapters import providers
from handlers.adapters.aws import clients
from handlers.adapters.aws.delivery_log import DynamoDeliveryLog
from handlers.adapters.aws.digests import DynamoDigests
from handlers.adapters.aws.limits import DynamoRecipientLimits
from handlers.adapters.aws.link_key import link_key
from handlers.adapters.aws.people import DynamoPeople, DynamoRecipients
from handlers.adapters.aws.provider_rates import Pace, paced
from handlers.adapters.aws.provider_state import DynamoProviderState
from handlers.adapters.aws.queue import SqsQueue
from handlers.adapters.aws.tallies import DynamoTallies
from handlers.adapters.aws.templates import S3TemplateVersions
from handlers.config import LinkMakerSettings, WorkerSettings
from handlers.domain.alerts import Cause
from handlers.domain.channels import Channel
from handlers.domain.content.links import Links
from handlers.domain.notifications.claims import Refusal
from handlers.domain.notifications.events import HIGH, DeliveryRequested, NotAnEventError
from handlers.domain.notifications.known import ToSend
from handlers.domain.providers.retries import comes_back
from handlers.observability import Metric, count, describe, invocation, logger
from handlers.ports import DeadEndpoints, Queue, Recipients, Tallies
from handlers.services.delivering import FOR_ONE_CALL, Report, Result, Worker
from handlers.services.digesting import Gatherer
from handlers.services.failover import Chain

Event = dict[str, Any]
Handler = Callable[[Event, LambdaContext], dict[str, Any]]

_LARGEST_BATCH: Final = 10
_URGENT: Final = f"-{HIGH}"
"""How the name ends of the queue of what has priority `high`."""

_METRICS: Final = MappingProxyType(
    {
        Result.SENT: Metric.DELIVERY_SENT,
        Result.FAILED: Metric.DELIVERY_FAILED,
        Result.DEFERRED: Metric.DELIVERY_DEFERRED,
        Result.HELD: Metric.DELIVERY_HELD,
        Result.DROPPED: Metric.DUPLICATE_DROPPED,
        Result.RETRY: Metric.DELIVERY_RETURNED,
    }
)


def worker_handler(dead: DeadEndpoints | None = None) -> Handler:
    """Return the Lambda handler of the channel that the environment names; `dead` takes what a provider calls dead."""
    settings, links = WorkerSettings.read(), LinkMakerSettings.read()
    dynamodb = clients.dynamodb()
    clock = partial(datetime.now, UTC)
    state = DynamoProviderState(settings.limits_table, settings.channel, dynamodb)
    paces = {
        provider: Pace(settings.limits_table, provider, rate, dynamodb, clock)
        for provider, rate in settings.provider_rates.items()
    }
    worker = Worker(
        log=DynamoDeliveryLog(settings.notifications_table, dynamodb, timedelta(days=settings.log_kept_days)),
        templates=S3TemplateVersions(settings.template_bucket, clients.s3()),
        links=Links(links.public_url, link_key(links.link_key, clients.kms())),
        chain=Chain(paced(providers.create(settings.channel), paces), state, clock),
        clock=clock,
        dead=dead,
        critical=settings.critical_categories,
        tracked=settings.tracked_categories,
        unknown_retries=settings.unknown_retries,
        decided_after=timedelta(seconds=settings.unknown_decided_after_seconds),
        max_segments=settings.sms_max_segments,
        limits=DynamoRecipientLimits(
            settings.limits_table,
            settings.recipient_limits.get(settings.channel, {}),
            state.changed_limits,
            dynamodb,
        ),
    )
    sqs = clients.sqs()
    lanes = Lanes(SqsQueue(settings.queue_url, sqs), SqsQueue(settings.urgent_queue_url, sqs))
    recipients = DynamoRecipients(
        DynamoPeople(settings.contacts_table, settings.settings_table, settings.suppressions_table, dynamodb),
        settings.notifications_table,
        settings.channel,
    )
    hidden = timedelta(seconds=settings.visibility_timeout_seconds)
    tallies = DynamoTallies(settings.limits_table, settings.channel, dynamodb)
    gatherer = Gatherer(
        worker, DynamoDigests(settings.notifications_table, settings.limits_table, dynamodb), recipients
    )
    return batch_handler(gatherer, recipients, lanes, tallies, settings.channel, hidden, tuple(paces.values()))


@dataclass(frozen=True, slots=True)
class Lanes:
    """The channel's queues. All records of a batch are of one of them (`stacks/messaging/channel.py`)."""

    ordinary: Queue
    urgent: Queue

    def of(self, record: Event) -> Queue:
        """Return the queue that a record is from."""
        return self.urgent if record["eventSourceARN"].endswith(_URGENT) else self.ordinary


def batch_handler(
    worker: Gatherer | Worker,
    recipients: Recipients,
    lanes: Lanes,
    tallies: Tallies,
    channel: Channel,
    hidden: timedelta,
    paces: Sequence[Pace] = (),
) -> Handler:
    """Return a Lambda handler that gives each event of an SQS batch to the worker, all at once.

    In threads, as boto3 blocks: one slow answer of the provider holds up nobody else's. At the end the queue is told
    when to bring back those that failed: when its own visibility timeout ends, `hidden`, at the latest.
    What is held is counted for the channel's alert, once for the batch.

    Not Powertools' batch processor: it imports the events of every service, which each cold start would pay for.
    """
    threads = ThreadPoolExecutor(_LARGEST_BATCH, thread_name_prefix="delivery")

    def make(event: DeliveryRequested, of_all: ToSend | None, lease_until: datetime) -> Report:
        try:
            known = recipients.find([event]) if of_all is None else of_all
            return worker.deliver(event, known.people, lease_until, known.payloads.get(event.notification_id))
        except Exception as error:
            return Report(Result.RETRY, type(error).__name__, error)

    @invocation
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
        lease_until = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
        for pace in paces:
            pace.begin(len(event["Records"]), lease_until - FOR_ONE_CALL)
        requested = [(record, _parsed(record)) for record in event["Records"]]
        failed = {record["messageId"] for record, each in requested if each is None}
        of_all = _known_of_all(recipients, [each for _, each in requested if each is not None])
        making = {
            threads.submit(make, each, of_all, lease_until): (record, each)
            for record, each in requested
            if each is not None
        }
        returning: dict[str, timedelta] = {}
        reports: list[Report] = []
        for made in as_completed(making):
            (record, each), report = making[made], made.result()
            reports += _told(each, report, channel)
            if report.result is Result.RETRY:
                failed.add(record["messageId"])
                received = int(record["attributes"].get("ApproximateReceiveCount", 1))
                returning[record["receiptHandle"]] = comes_back(received, hidden, report.patience)
        if returning:
            lanes.of(event["Records"][0]).bring_back(returning)
        _count_held(tallies, reports)
        return {"batchItemFailures": [{"itemIdentifier": each} for each in sorted(failed)]}

    return handler


def _count_held(tallies: Tallies, reports: Iterable[Report]) -> None:
    """Count what is held of a batch, if there is any, for the channel's alert."""
    held = [report.why or report.result for report in reports if report.result is Result.HELD]
    if held:
        tallies.add(Cause.HELD, len(held), held[-1], datetime.now(UTC))


def _known_of_all(recipients: Recipients, events: Collection[DeliveryRequested]) -> ToSend | None:
    """Return what is known of a batch; None if what one of them has keeps the others' from being read.

    Then each record reads its own, and fails alone if it cannot.
    """
    try:
        return recipients.find(events)
    except Exception as error:
        logger.error("a batch cannot be read at once", **describe(error))
        return None


def _parsed(record: Event) -> DeliveryRequested | None:
    """Return a record's event, None if it is no event: the queue keeps it, until it is dead."""
    try:
        return DeliveryRequested.parse(record["body"])
    except NotAnEventError:
        logger.error("not an event", message_id=record["messageId"])
        return None


def _told(event: DeliveryRequested, report: Report, channel: Channel) -> list[Report]:
    """Count and log what came of an event, and of the other deliveries that it has brought about; return it of each."""
    every = ((event, report), *report.others)
    for each, its_own in every:
        _tell(each, its_own, channel)
    return [its_own for _, its_own in every]


def _tell(event: DeliveryRequested, report: Report, channel: Channel) -> None:
    """Count and log what came of an event: loudly what nobody foresaw."""
    if metric := _METRICS.get(report.result):
        count(metric, channel=channel)
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
