"""Devices over real HTTP: added, moved to whoever registers them last, and removed; a push goes where they are then."""

import uuid
from typing import Any
from urllib.parse import quote

import pytest

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer
from tests.emulator.test_channels import send


def new_device(platform: str = "apns") -> dict[str, str]:
    unique = uuid.uuid4().hex
    return {"deviceToken": unique * 2 if platform == "apns" else f"{unique}:APA91b-_" + "x" * 100, "platform": platform}


def add(producer: Producer, user: str, device: dict[str, str]) -> int:
    return producer.call("POST", f"/v1/contacts/{user}/devices", device).status_code


def devices(producer: Producer, user: str) -> Any:
    return producer.call("GET", f"/v1/contacts/{user}").json().get("device_tokens", [])


def pushed(producer: Producer, user: str) -> list[dict[str, Any]]:
    """What reached the user's devices."""
    accepted = send(producer, user, ["push"])
    final = producer.until_final(accepted["notification_id"])["deliveries"]
    ids = {each["delivery_id"] for each in final if each["status"] == "sent"}
    return [message for message in producer.messages() if message["delivery_id"] in ids]


def test_a_device_moves_to_whoever_registers_it_last_and_so_do_its_messages(producer: Producer) -> None:
    device, first, second = new_device(), producer.contact(email="first@example.com"), f"user-{uuid.uuid4().hex}"
    assert [add(producer, first, device) for _ in range(2)] == [201, 200]
    assert [message["to"] for message in pushed(producer, first)] == [device["deviceToken"]]

    assert add(producer, second, device) == 201  # a user of whom nothing else is known yet
    assert (devices(producer, first), devices(producer, second)) == ([], [device])
    assert pushed(producer, first) == []
    assert [message["to"] for message in pushed(producer, second)] == [device["deviceToken"]]


@pytest.mark.parametrize("kind", ["apns", "fcm"])
def test_a_device_is_removed_by_its_token(kind: str, producer: Producer) -> None:
    device, other = new_device(kind), new_device()
    user = producer.contact(device_tokens=[device, other])
    for _ in range(2):
        path = f"/v1/contacts/{user}/devices/{quote(device['deviceToken'], safe='')}"
        assert producer.call("DELETE", path).status_code == 204
    assert devices(producer, user) == [other]


def test_a_token_that_the_provider_calls_dead_is_removed_from_its_user_alone(
    producer: Producer, operator: Operator
) -> None:
    dead, alive = new_device(), new_device("fcm")
    user, other = producer.contact(device_tokens=[dead, alive]), producer.contact(device_tokens=[new_device()])
    with operator.fault("apns", "reject"):
        accepted = send(producer, user, ["push"])
        final = producer.until_final(accepted["notification_id"])["deliveries"]
    assert {each["status"] for each in final} == {"sent", "error"}
    operator.until_logged("worker-push", next(each["delivery_id"] for each in final if each["status"] == "error"))
    assert devices(producer, user) == [alive]
    assert len(devices(producer, other)) == 1
