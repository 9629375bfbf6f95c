"""stacks.messaging.webhooks: how long a status change is tried, and where it goes that cannot be told."""

import json
from datetime import timedelta

from handlers.domain.providers.retries import comes_back
from handlers.domain.webhooks import LONGEST_WAIT, SUSPENDED_AFTER
from local.recording import Program
from tests.infrastructure.test_channel import EVENT_SOURCE, QUEUE, named


def tries(deployed: Program) -> int:
    redrive = json.loads(named(deployed, QUEUE, "webhooks-queue").inputs["redrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(":webhooks-quarantine")
    return int(redrive["maxReceiveCount"])


def test_an_endpoint_that_is_out_is_suspended_before_its_messages_are_given_up(deployed: Program) -> None:
    waits = [comes_back(received, LONGEST_WAIT) for received in range(1, tries(deployed))]
    assert sum(waits, timedelta()) > SUSPENDED_AFTER


def test_a_status_change_is_kept_for_longer_than_it_is_tried_and_then_until_somebody_looks(deployed: Program) -> None:
    kept = int(named(deployed, QUEUE, "webhooks-queue").inputs["messageRetentionSeconds"])
    assert timedelta(seconds=kept) > tries(deployed) * timedelta(hours=1)  # the most that an endpoint may ask for
    assert named(deployed, QUEUE, "webhooks-quarantine").inputs["messageRetentionSeconds"] == 14 * 86400


def test_a_message_that_fails_stays_alone(deployed: Program) -> None:
    [mapping] = [each.inputs for each in deployed.of(EVENT_SOURCE) if each.name == "webhooks-consumer"]
    assert mapping["eventSourceArn"].endswith(":webhooks-queue")
    assert mapping["functionName"].endswith("-webhooks:live")
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["batchSize"] <= 10  # as many as the function tells at once


def test_nothing_consumes_the_quarantine(deployed: Program) -> None:
    assert not [each for each in deployed.of(EVENT_SOURCE) if "quarantine" in each.inputs["eventSourceArn"]]
