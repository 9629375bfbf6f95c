"""A queue that nothing consumes, to an operator: messages wait in it until a person says what becomes of them.

Looking hides a message from others for a minute at most, and then lets it be seen again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ops.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_HIDDEN_SECONDS: Final = 60
_PER_CALL: Final = 10
ASKED_FOR_SECONDS: Final = 1
"""A call that waits at all asks all of SQS's servers, so that none says that there is nothing while another has some.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""


@dataclass(frozen=True)
class Parked:
    """A message that is parked. `attributes` are SQS's: why it is here, and what it came with."""

    message_id: str
    body: str
    attributes: Mapping[str, str]
    at: datetime
    receipt: str


class ParkingQueue:
    """One such queue. Calls `sqs:ReceiveMessage`, `DeleteMessage` and the like."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def expected(self) -> int:
        """Return about how many messages there are."""
        told = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(told["Attributes"]["ApproximateNumberOfMessages"])

    @contextmanager
    def messages(self, step: Callable[[], object] = lambda: None) -> Iterator[list[Parked]]:
        """Lend all messages, the oldest first: nobody else sees them meanwhile; then all that are left can be seen."""
        found: dict[str, Parked] = {}
        try:
            while batch := [each for each in self._receive() if each.message_id not in found]:
                for each in batch:
                    found[each.message_id] = each
                    step()
            yield sorted(found.values(), key=lambda each: each.at)
        finally:
            self._let_go(list(found.values()))

    def drop(self, message: Parked) -> None:
        """Remove a message for ever."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)

    def _receive(self) -> list[Parked]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_PER_CALL,
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=ASKED_FOR_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        return [_parked(each) for each in answer.get("Messages", [])]

    def _let_go(self, messages: list[Parked]) -> None:
        for start in range(0, len(messages), _PER_CALL):
            entries: Any = [
                {"Id": str(n), "ReceiptHandle": each.receipt, "VisibilityTimeout": 0}
                for n, each in enumerate(messages[start : start + _PER_CALL])
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)


def one_of(messages: list[Parked], message_id: str) -> Parked:
    """Return the message of this id. Raises `OperatorError`."""
    for each in messages:
        if each.message_id == message_id:
            return each
    raise OperatorError(f"there is no message {message_id} in quarantine")


def _parked(message: Any) -> Parked:
    attributes = {
        name: each.get("StringValue", "<binary>") for name, each in message.get("MessageAttributes", {}).items()
    }
    sent = int(message.get("Attributes", {}).get("SentTimestamp", 0))
    return Parked(
        message["MessageId"],
        message["Body"],
        attributes,
        datetime.fromtimestamp(sent / 1000, UTC),
        message["ReceiptHandle"],
    )
