"""Webhooks to an operator: those of an environment's apps, and the status changes that no try could tell."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import ValidationError

from handlers.adapters.aws.webhooks import DynamoWebhooks
from handlers.domain.webhooks import StatusChanged, Webhook
from ops.parking import Parked, ParkingQueue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Verdict(StrEnum):
    """What comes of a status change when it is replayed."""

    TOLD = "to be told"
    """It goes back to the queue."""
    UNWANTED = "not wanted"
    """Its app has no webhook any more, or asks for no such status: it is only removed."""
    SUSPENDED = "suspended"
    """It stays: nothing is told to an endpoint that is suspended."""
    UNREADABLE = "not a status change"
    """It stays: no function could read it."""


def status_change(message: Parked) -> StatusChanged | None:
    """Return what a message is to tell; None if it cannot be read."""
    try:
        return StatusChanged.model_validate_json(message.body)
    except ValidationError:
        return None


class Untold(ParkingQueue):
    """The quarantine of status changes of one environment. Calls `sqs:SendMessage` besides."""

    def __init__(self, sqs: "SQSClient", webhooks: DynamoWebhooks, prefix: str) -> None:
        super().__init__(sqs, sqs.get_queue_url(QueueName=f"{prefix}-webhooks-quarantine")["QueueUrl"])
        self._webhooks = webhooks
        self._prefix = prefix

    def judged(self, messages: Iterable[Parked]) -> list[tuple[Parked, Verdict]]:
        """Return what comes of each when it is replayed, as its app's webhook is now; that is read once for each."""
        known: dict[str, Webhook | None] = {}
        found = []
        for each in messages:
            change = status_change(each)
            if change is not None and change.app_key not in known:
                known[change.app_key] = self._webhooks.find(change.app_key)
            found.append((each, _verdict(change, known)))
        return found

    def replay(self, message: Parked, said: Verdict) -> None:
        """Give a message back to the queue, or remove it, as the verdict is.

        Sent first and removed after: dying in between leaves a copy, of the same id, which its receiver drops.
        """
        if said is Verdict.TOLD:
            queue = self._sqs.get_queue_url(QueueName=f"{self._prefix}-webhooks")["QueueUrl"]
            self._sqs.send_message(QueueUrl=queue, MessageBody=message.body)
        if said in (Verdict.TOLD, Verdict.UNWANTED):
            self.drop(message)


def _verdict(change: StatusChanged | None, known: dict[str, Webhook | None]) -> Verdict:
    if change is None:
        return Verdict.UNREADABLE
    webhook = known[change.app_key]
    if webhook is not None and webhook.suspended_since is not None:
        return Verdict.SUSPENDED
    return Verdict.TOLD if webhook is not None and webhook.wants(change.status) else Verdict.UNWANTED
