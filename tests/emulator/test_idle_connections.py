"""Connections that a provider closed while they were idle cost nobody an attempt."""

import uuid

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer
from tests.emulator.test_channels import send
from tests.local.support import wait_for_close


def test_a_burst_of_pushes_after_apple_closed_the_connections_is_sent_at_the_first_attempt(
    producer: Producer, operator: Operator
) -> None:
    devices = [{"deviceToken": uuid.uuid4().hex * 2, "platform": "apns"} for _ in range(10)]
    user = producer.contact(device_tokens=devices)
    with operator.fault("apns", "idle_close"):
        for _ in range(2):
            accepted = send(producer, user, ["push"])
            deliveries = producer.until_final(accepted["notification_id"], seconds=40)["deliveries"]
            assert [each["status"] for each in deliveries] == ["sent"] * 10
            assert [[a["outcome"] for a in each["attempts"]] for each in deliveries] == [["accepted"]] * 10
            wait_for_close(operator.platform.local.inbox_url)
    assert operator.times_logged("worker-push", "circuit opened") == 0
