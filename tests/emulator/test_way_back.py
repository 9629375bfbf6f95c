"""What is in a dead-letter queue is led back into the log, by functions and queues as they are deployed."""

import uuid
from typing import Any

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until
from tests.emulator.test_channels import send


def waiting_in_dead_letters(operator: Operator) -> int:
    attributes = operator.aws("sqs").get_queue_attributes(
        QueueUrl=operator.platform.outputs["deadLetterQueueUrls"]["email"],
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return sum(map(int, attributes.values()))


def test_dead_letters_are_noted_in_the_log_and_sent_once_when_a_circuit_closes(
    producer: Producer, operator: Operator
) -> None:
    queue = operator.platform.outputs["deadLetterQueueUrls"]["email"]
    with operator.unswept():
        with operator.unrouted():
            user = producer.contact(email=f"{uuid.uuid4().hex}@example.com")
            accepted = [send(producer, user, ["email"]) for _ in range(3)]
        ids = [(each["notification_id"], each["deliveries"][0]["delivery_id"]) for each in accepted]
        for each in (*ids, ids[0]):  # one of them twice
            operator.aws("sqs").send_message(QueueUrl=queue, MessageBody=operator.event_of(*each))

        def redrives() -> list[dict[str, Any]]:
            return [operator.delivery(*each).get("redrives", {"L": []}) for each in ids]

        noted = until(redrives, lambda found: all(each["L"] for each in found))
        until(lambda: waiting_in_dead_letters(operator), lambda messages: messages == 0)
        assert [[each["M"]["round"]["N"] for each in of_one["L"]] for of_one in noted] == [["1"]] * 3
        assert {operator.delivery(*each)["due_shard"]["S"] for each in ids} == {"email#redriven"}

        operator.tell_closed("email")
        operator.sweep()
        for notification_id, _ in ids:
            assert producer.until_final(notification_id)["deliveries"][0]["status"] == "sent"
        operator.sweep()
        assert not operator.is_told_closed("email")
    sent = [each["delivery_id"] for each in producer.messages()]
    assert [sent.count(delivery_id) for _, delivery_id in ids] == [1, 1, 1]


def test_what_nobody_can_read_is_parked_whole(operator: Operator) -> None:
    body = f"no event: {uuid.uuid4()}"
    queues = operator.platform.outputs
    operator.aws("sqs").purge_queue(QueueUrl=queues["quarantineQueueUrl"])  # of what other tests had parked
    operator.aws("sqs").send_message(QueueUrl=queues["deadLetterQueueUrls"]["email"], MessageBody=body)

    def parked() -> list[tuple[str, str]]:
        found = operator.aws("sqs").receive_message(
            QueueUrl=queues["quarantineQueueUrl"],
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageAttributeNames=["All"],
        )
        messages = found.get("Messages", [])
        return [(each["Body"], each["MessageAttributes"]["carillon_reason"]["StringValue"]) for each in messages]

    until(parked, lambda found: (body, "not_an_event") in found)
