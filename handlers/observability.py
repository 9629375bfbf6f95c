"""What the functions say about themselves: one JSON logger, EMF metrics, and errors told without personal data.

Powertools reads POWERTOOLS_SERVICE_NAME, POWERTOOLS_METRICS_NAMESPACE and POWERTOOLS_LOG_LEVEL, so nothing is
configured here. Nothing a user or producer sent is ever logged: ids, channels, categories, statuses and counts only.
"""

import traceback
from enum import StrEnum
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

logger: Final = Logger()


class Metric(StrEnum):
    """The name of every metric the handlers emit, all counts, in namespace `Carillon`.

    All carry Powertools' dimension `service`, which is the function's name without its environment. Those marked
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
    LOG_ITEM_UNREADABLE = "LogItemUnreadable"
    """Items of the log that cannot be read, and are still to be sent: every minute, as long as they are set apart."""
    DELIVERY_SENT = "DeliverySent"
    """(channel) Deliveries a provider accepted."""
    DELIVERY_FAILED = "DeliveryFailed"
    """(channel) Deliveries that ended in `error`."""
    DELIVERY_OPENED = "DeliveryOpened"
    """(channel) Deliveries whose message was opened, by its image."""
    DELIVERY_CLICKED = "DeliveryClicked"
    """(channel) Deliveries of which a tracked link was followed."""
    DELIVERY_UNSUBSCRIBED = "DeliveryUnsubscribed"
    """(channel) Deliveries by whose link somebody unsubscribed."""
    DELIVERY_DEFERRED = "DeliveryDeferred"
    """(channel) Deliveries put off until the user's quiet hours end; the sweeper publishes them then."""
    DELIVERY_RETURNED = "DeliveryReturned"
    """(channel) Events that go back to the queue, mostly as the provider did not serve us."""
    DUPLICATE_DROPPED = "DuplicateDropped"
    """(channel) Events of deliveries that were already sent or final."""


def count(metric: Metric, value: int = 1, **dimensions: str) -> None:
    """Emit a count as an EMF line of its own, since the metrics of one EMF document share its dimensions.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    with single_metric(name=metric, unit=MetricUnit.Count, value=value, default_dimensions=dimensions):
        pass


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
