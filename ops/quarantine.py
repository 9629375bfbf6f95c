"""The quarantine queue to an operator: what is in it, and giving it back to its channel or dropping it."""

from enum import StrEnum
from typing import TYPE_CHECKING

from handlers.adapters.aws.redrive_log import DynamoRedriveLog
from handlers.domain.notifications.events import DeliveryRequested, NotAnEventError
from handlers.domain.notifications.redrives import Waiting
from handlers.domain.notifications.statuses import UNSENT
from ops.parking import Parked, ParkingQueue

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient


class Verdict(StrEnum):
    """What comes of a message when it is released."""

    SENT = "to be sent"
    """It can be read, and its delivery is still to be sent: it goes back to its channel's queue."""
    SETTLED = "settled"
    """Its delivery was sent or is final: the claim would drop it, so it is only removed."""
    UNREADABLE = "not an event"
    """It stays: no function could read it."""
    FOREIGN = "foreign"
    """It stays: the log has no such delivery."""


def verdict(event: DeliveryRequested | None, found: Waiting | None) -> Verdict:
    """Return what comes of a message, from its event and what the log has of that."""
    if event is None:
        return Verdict.UNREADABLE
    if found is None or found.found.event_id != event.event_id:
        return Verdict.FOREIGN
    return Verdict.SENT if found.found.status in UNSENT else Verdict.SETTLED


class Quarantine(ParkingQueue):
    """The quarantine of one environment. Calls `sqs:SendMessage` besides."""

    def __init__(self, sqs: "SQSClient", dynamodb: "DynamoDBClient", prefix: str) -> None:
        super().__init__(sqs, sqs.get_queue_url(QueueName=f"{prefix}-quarantine")["QueueUrl"])
        self._dynamodb = dynamodb
        self._prefix = prefix

    def verdict(self, message: Parked) -> Verdict:
        """Return what comes of a message when it is released, as the log is now."""
        event = _event(message)
        if event is None:
            return Verdict.UNREADABLE
        log = DynamoRedriveLog(f"{self._prefix}-notifications", event.channel, self._dynamodb)  # type: ignore[arg-type]
        return verdict(event, log.waiting(event))

    def release(self, message: Parked) -> Verdict:
        """Give a message back to its channel's queue, by its body alone, if it can be read now; then remove it here.

        Sent first and removed after: dying in between leaves a copy, which its claim drops.
        """
        said, event = self.verdict(message), _event(message)
        if said is Verdict.SENT and event is not None:
            queue = self._sqs.get_queue_url(QueueName=f"{self._prefix}-{event.channel}")["QueueUrl"]
            self._sqs.send_message(QueueUrl=queue, MessageBody=message.body)
        if said in (Verdict.SENT, Verdict.SETTLED):
            self.drop(message)
        return said


def _event(message: Parked) -> DeliveryRequested | None:
    """Return the event that a message is; None if it cannot be read as one."""
    try:
        return DeliveryRequested.parse(message.body)
    except NotAnEventError:
        return None
