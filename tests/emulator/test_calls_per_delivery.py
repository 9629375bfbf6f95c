"""What a delivery asks of AWS, counted: a call more is a call paid for a million times."""

import time
import uuid
from typing import Any

from bench.account import Account
from bench.calls import WRITES, Traffic, count, recorded
from local.platform import Platform
from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until


def test_a_templated_mail_to_one_user_takes_three_writes_one_event_and_its_share_of_a_batch(
    platform: Platform, operator: Operator
) -> None:
    # What other tests have left there would be counted, or waited for.
    operator.aws("sqs").purge_queue(QueueUrl=platform.outputs["queueUrls"]["email"])
    # SES has failed somebody: it is found well again, and writing that down is no delivery's.
    operator.count_failure("email", "ses")
    calls = count(platform, Traffic("email"))
    assert calls.per_delivery("dynamodb", WRITES) <= 3
    assert calls.per_delivery("events") == 1
    assert calls.per_delivery("sqs") <= 1.2
    # The user and the template, what was refused at the address, the log, the event.
    assert sum(n for (service, _), n in calls.accepting.items() if service != "sqs") == 4 * calls.deliveries
    # The batch's people in one; and how the providers are, which a worker asks only now and then.
    people = calls.delivering["dynamodb", "BatchGetItem"]
    assert people <= calls.delivering["sqs", "ReceiveMessage"]
    assert calls.reads_per_batch() <= 2
    # What a worker asks once in its life, of which another one may have started.
    once = sum(n for (service, _), n in calls.delivering.items() if service not in ("dynamodb", "sqs"))
    assert once < calls.deliveries / 2


def test_what_is_done_meanwhile_for_other_deliveries_is_not_counted(
    producer: Producer, platform: Platform, operator: Operator
) -> None:
    """One that the sweeper finds, one whose event comes twice, and one that takes a place in its recipient's limit."""
    begun = time.time()
    with operator.unswept():
        with operator.unrouted():
            lost = accepted(producer, "payment")
        ours, twice, limited = (accepted(producer, category) for category in ("payment", "payment", "social"))
        operator.make_due(*lost)
        operator.sweep()
        for each in (lost, ours, twice, limited):
            producer.until_final(each[0])
        operator.publish_again(*twice)
        until(lambda: operator.worker_results(twice[1]), lambda results: "dropped" in results)

    def writes(*of: tuple[str, str]) -> int:
        calls = recorded(Account(platform.emulator), "email", begun, time.time(), [each[0] for each in of])
        return sum(n for (service, name), n in calls.items() if service == "dynamodb" and name in WRITES)

    assert writes(ours) == 3
    assert writes(ours, lost, twice, limited) >= 12


def accepted(producer: Producer, category: str) -> tuple[str, str]:
    """A mail to a user of its own: the ids of the notification and of the delivery."""
    body: dict[str, Any] = {
        "category": category,
        "channels": ["email"],
        "content": {"subject": "Counted", "body": "Counted"},
        "to": [{"user_id": producer.contact(email=f"{uuid.uuid4().hex}@example.com")}],
    }
    answer = producer.send(body).json()
    return answer["notification_id"], answer["deliveries"][0]["delivery_id"]
