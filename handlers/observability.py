"""What the functions say about themselves: one JSON line an invocation, with its counts, and errors told without
personal data.

Powertools reads POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL. Nothing a user or producer sent is ever logged: ids,
channels, categories, statuses and counts only.

A line is as short as on-call allows, since every byte is paid for: no line repeats what the function is and has. What
was counted goes out with the next line as metrics (EMF), so that a delivery, its result and its count are one record.
"""

import functools
import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from threading import Lock
from time import time
from typing import Any, Final, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.utilities.typing import LambdaContext

Answer = TypeVar("Answer")


class Metric(StrEnum):
    """The name of every metric the handlers emit, all counts, in namespace `Carillon`.

    All carry the dimension `service`, which is the function's name without its environment. Those marked
    (channel) carry `channel` as well.
    """

    NOTIFICATION_ACCEPTED = "NotificationAccepted"
    """Notifications written to the log."""
    DELIVERY_PLANNED = "DeliveryPlanned"
    """(channel) Deliveries that will be sent: opted-out and unreachable ones are not counted."""
    PUBLISH_FAILED = "PublishFailed"
    """Events the bus did not take; the sweeper publishes them again."""
    SCHEDULE_FAILED = "ScheduleFailed"
    """Deliveries without a schedule that wakes the sweeper at their `send_at`: its next minute publishes them."""
    REPUBLISHED = "Republished"
    """Events the sweeper published: again, or for the first time of those that were to wait."""
    REPUBLISHED_AGAIN = "RepublishedAgain"
    """Events among these whose delivery did not move although the sweeper had published it before."""
    LOG_ITEM_UNREADABLE = "LogItemUnreadable"
    """Items of the log that cannot be read, and are still to be sent: every minute, as long as they are set apart."""
    CHANGE_UNREADABLE = "ChangeUnreadable"
    """Changes of deliveries in the log that the observer cannot read, and does not count."""
    DELIVERY_SENT = "DeliverySent"
    """(channel) Deliveries a provider accepted."""
    DELIVERY_FAILED = "DeliveryFailed"
    """(channel) Deliveries that ended in `error`."""
    DELIVERY_OPENED = "DeliveryOpened"
    """(channel) Deliveries whose message was opened, by its image or as an app says, and not by a machine."""
    DELIVERY_CLICKED = "DeliveryClicked"
    """(channel) Deliveries of which a tracked link was followed."""
    DELIVERY_BOUNCED = "DeliveryBounced"
    """(channel) Deliveries that came back for good, or that somebody called spam: their addresses are suppressed."""
    DELIVERY_UNSUBSCRIBED = "DeliveryUnsubscribed"
    """(channel) Deliveries by whose link somebody unsubscribed."""
    DELIVERY_DEFERRED = "DeliveryDeferred"
    """(channel) Deliveries put off until the user's quiet hours end; the sweeper publishes them then."""
    DELIVERY_RETURNED = "DeliveryReturned"
    """(channel) Events that go back to the queue, mostly as the provider did not serve us."""
    DELIVERY_HELD = "DeliveryHeld"
    """(channel) Deliveries that nobody knows whether they were sent, and that are not sent again."""
    CIRCUIT_OPEN = "CircuitOpen"
    """(channel) Circuits of its providers that opened, and probes that failed: as long as one is out, and tried."""
    DUPLICATE_DROPPED = "DuplicateDropped"
    """(channel) Events of deliveries that were already sent or final, or wait in the log."""
    DELIVERY_REDRIVEN = "DeliveryRedriven"
    """(channel) Messages of the dead-letter queue whose deliveries are due again in the log."""
    DELIVERY_GIVEN_UP = "DeliveryGivenUp"
    """(channel) Deliveries that ended in `error` as all their rounds are used up."""
    MESSAGE_QUARANTINED = "MessageQuarantined"
    """(channel) Messages of the dead-letter queue that nobody can read, in the quarantine queue."""
    REDRIVE_FAILED = "RedriveFailed"
    """(channel) Messages that stay in the dead-letter queue for now."""
    WEBHOOK_TOLD = "WebhookTold"
    """Status changes that an app's endpoint has taken."""
    WEBHOOK_RETURNED = "WebhookReturned"
    """Status changes that go back to the queue: the endpoint failed, or is left alone after it has."""
    WEBHOOK_DROPPED = "WebhookDropped"
    """Status changes whose app has no webhook any more, does not want them, or whose endpoint is suspended."""
    WEBHOOK_SUSPENDED = "WebhookSuspended"
    """Endpoints that were suspended, as they have failed for a day or are gone."""

    BROADCAST_PAGE = "BroadcastPage"
    """Pages of broadcasts that were released."""
    BROADCAST_STALLED = "BroadcastStalled"
    """Broadcasts of which a page failed as often as it was tried, and that wait for somebody to resume them."""


OBSERVED: Final[Mapping[str, Metric]] = {
    "opened": Metric.DELIVERY_OPENED,
    "clicked": Metric.DELIVERY_CLICKED,
    "unsubscribed": Metric.DELIVERY_UNSUBSCRIBED,
}
"""What a delivery becomes by its recipient, and what is counted then."""


class _Counts:
    """What was counted and is in no line yet, by dimensions."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[tuple[tuple[str, str], ...], Counter[Metric]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, metric: Metric, value: int, dimensions: Mapping[str, str]) -> None:
        """Count."""
        with self._lock:
            self._waiting.setdefault(tuple(sorted(dimensions.items())), Counter())[metric] += value

    def taken_into(self, line: dict[str, Any]) -> dict[str, Any]:
        """Return the line with all counts whose dimensions it does not contradict; the others wait for another line.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        with self._lock:
            directives = []
            for dimensions, counted in list(self._waiting.items()):
                if any(line.get(name, value) != value for name, value in dimensions) or counted.keys() & line.keys():
                    continue
                del self._waiting[dimensions]
                line |= {**dict(dimensions), **{metric.value: value for metric, value in counted.items()}}
                directives.append(_directive([name for name, _ in dimensions], counted))
        emf = {"Timestamp": int(time() * 1000), "CloudWatchMetrics": directives}
        return {**line, "_aws": emf} if directives else line


def _directive(dimensions: list[str], counted: Mapping[Metric, int]) -> dict[str, Any]:
    return {
        "Namespace": os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Carillon"),
        "Dimensions": [["service", *dimensions]],
        "Metrics": [{"Name": metric, "Unit": "Count"} for metric in counted],
    }


class _Lines(LambdaPowertoolsFormatter):
    """Powertools' lines, with what was counted since the last one."""

    def serialize(self, log: Any) -> str:
        return super().serialize(_counts.taken_into(log))


class _StandardOutput(logging.StreamHandler[Any]):
    """Writes to what is the standard output now, as `print` does: Lambda and the tests put another in its place."""

    @property
    def stream(self) -> Any:
        return sys.stdout

    @stream.setter
    def stream(self, _: object) -> None:
        """Not kept."""


_counts: Final = _Counts()
# A time in UTC as RFC 3339 has it: without that Lambda cannot tell a line's level
# (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html).
logger: Final = Logger(
    logger_formatter=_Lines(
        utc=True, use_rfc3339=True, location=None, xray_trace_id=None, sampling_rate=None, service=None
    ),
    logger_handler=_StandardOutput(),
)


def count(metric: Metric, value: int = 1, **dimensions: str) -> None:
    """Count for a metric; it goes out with the next line, or at the end of the invocation."""
    _counts.add(metric, value, dimensions)


def invocation(handler: Callable[[Any, LambdaContext], Answer]) -> Callable[[Any, LambdaContext], Answer]:
    """Give all lines of an invocation its request's id, by which Lambda tells of it, and leave no count behind."""

    @functools.wraps(handler)
    def handle(event: Any, context: LambdaContext) -> Answer:
        logger.clear_state()
        logger.append_keys(request_id=context.aws_request_id)
        try:
            return handler(event, context)
        finally:
            while _counts:
                logger.info("counted")

    return handle


def describe(error: BaseException) -> dict[str, Any]:
    """Return what may be logged of an error: its type, AWS's code for it, and where it was raised.

    Never its message: pydantic, botocore and Jinja put the offending value in theirs.
    """
    frames = traceback.extract_tb(error.__traceback__)
    described: dict[str, Any] = {
        "error": type(error).__qualname__,
        "raised_at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    }
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        described["aws_error"] = response.get("Error", {}).get("Code")
        described["aws_operation"] = getattr(error, "operation_name", None)
    return described
