"""Apple's servers: what they do to a connection, or say of one device, costs nobody else anything."""

import uuid

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until
from tests.emulator.test_channels import send
from tests.emulator.test_outages import deliveries, has_failed, outcomes
from tests.local.support import wait_for_close


def devices(count: int) -> list[dict[str, str]]:
    return [{"deviceToken": uuid.uuid4().hex * 2, "platform": "apns"} for _ in range(count)]


def test_a_burst_of_pushes_after_apple_closed_the_connections_is_sent_at_the_first_attempt(
    producer: Producer, operator: Operator
) -> None:
    user = producer.contact(device_tokens=devices(10))
    opened = operator.times_logged("worker-push", "circuit opened")
    with operator.fault("apns", "idle_close"):
        for _ in range(2):
            accepted = send(producer, user, ["push"])
            sent = producer.until_final(accepted["notification_id"])["deliveries"]
            assert [outcomes(each) for each in sent] == [[("apns", "accepted")]] * 10
            wait_for_close(operator.platform.local.inbox_url)
    assert operator.times_logged("worker-push", "circuit opened") == opened


def test_devices_that_apple_throttles_wait_without_another_provider_and_open_no_circuit(
    producer: Producer, operator: Operator
) -> None:
    user = producer.contact(device_tokens=devices(6))
    opened = operator.times_logged("worker-push", "circuit opened")
    with operator.fault("apns", "throttle"):
        accepted = send(producer, user, ["push"])
        waiting = until(lambda: deliveries(producer, accepted), lambda found: all(has_failed(each) for each in found))
        assert {provider for each in waiting for provider, _ in outcomes(each)} == {"apns"}
        assert {each["status"] for each in waiting} == {"pending"}
    for each in waiting:  # as the queue does ten seconds later
        operator.publish_again(accepted["notification_id"], each["delivery_id"])
    sent = producer.until_final(accepted["notification_id"])["deliveries"]
    assert [each["provider"] for each in sent] == ["apns"] * 6
    assert operator.times_logged("worker-push", "circuit opened") == opened
