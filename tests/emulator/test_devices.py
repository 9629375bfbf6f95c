"""Devices over real HTTP: added, moved to whoever registers them last, and removed; a push goes where they are then."""

import uuid
from typing import Any
from urllib.parse import quote

import pytest

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer
from tests.emulator.test_channels import send


def apns() -> dict[str, str]:
    return {"deviceToken": uuid.uuid4().hex * 2, "platform": "apns"}


def fcm(mark: str = ":") -> dict[str, str]:
    """A device in whose token this stands."""
    return {"deviceToken": f"{uuid.uuid4().hex}{mark}APA91b-_" + "x" * 100, "platform": "fcm"}


def user() -> str:
    """One of whom nothing is known yet."""
    return f"user-{uuid.uuid4().hex[:12]}"


def add(producer: Producer, user_id: str, device: dict[str, str]) -> int:
    return producer.call("POST", f"/v1/contacts/{user_id}/devices", device).status_code


def remove(producer: Producer, user_id: str, device: dict[str, str]) -> int:
    path = f"/v1/contacts/{user_id}/devices/{quote(device['deviceToken'], safe='')}"
    return producer.call("DELETE", path).status_code


def devices(producer: Producer, user_id: str) -> Any:
    return producer.call("GET", f"/v1/contacts/{user_id}").json()["device_tokens"]


def pushed(producer: Producer, user_id: str) -> list[tuple[str, str]]:
    """To which tokens a push to this user went, and what became of it."""
    accepted = send(producer, user_id, ["push"])
    final = producer.until_final(accepted["notification_id"])["deliveries"]
    to = {message["delivery_id"]: message["to"] for message in producer.messages()}
    return [(to[each["delivery_id"]], each["status"]) for each in final if each["status"] == "sent"]


def test_a_device_moves_to_whoever_registers_it_last_and_so_do_the_messages(producer: Producer) -> None:
    device, first, second = apns(), user(), user()
    assert [add(producer, first, device) for _ in range(2)] == [201, 200]
    assert pushed(producer, first) == [(device["deviceToken"], "sent")]

    assert add(producer, second, device) == 201
    assert (devices(producer, first), devices(producer, second)) == ([], [device])
    assert pushed(producer, first) == []
    assert pushed(producer, second) == [(device["deviceToken"], "sent")]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_devices_in_a_contact_are_taken_from_whoever_had_them(method: str, producer: Producer) -> None:
    moving, staying = apns(), fcm()
    first, second = producer.contact(device_tokens=[moving, staying]), producer.contact()
    answer = producer.call(method, f"/v1/contacts/{second}", {"device_tokens": [moving]})
    assert (answer.status_code, answer.json()) == (200, {"user_id": second, "device_tokens": [moving]})
    assert (devices(producer, first), devices(producer, second)) == ([staying], [moving])


def test_the_answer_to_an_addition_is_the_contact(producer: Producer) -> None:
    device, user_id = fcm(), producer.contact(email="ada@example.com")
    answer = producer.call("POST", f"/v1/contacts/{user_id}/devices", device)
    assert answer.json() == {"user_id": user_id, "email": "ada@example.com", "device_tokens": [device]}


@pytest.mark.parametrize("device", [apns(), *(fcm(mark) for mark in ":+=~./")], ids=["of Apple", *":+=~./"])
def test_a_device_is_removed_by_its_token_whatever_characters_it_has(
    device: dict[str, str], producer: Producer
) -> None:
    other = apns()
    user_id = producer.contact(device_tokens=[device, other])
    assert [remove(producer, user_id, device) for _ in range(2)] == [204, 204]
    assert devices(producer, user_id) == [other]


def test_what_is_no_device_is_refused_and_makes_no_contact(producer: Producer) -> None:
    user_id = user()
    assert add(producer, user_id, {"deviceToken": "ab", "platform": "apns"}) == 400
    assert producer.call("GET", f"/v1/contacts/{user_id}").status_code == 404


def test_a_token_that_the_provider_calls_dead_is_removed_from_its_user_alone(
    producer: Producer, operator: Operator
) -> None:
    dead, alive, others = apns(), fcm(), apns()
    user_id, other = producer.contact(device_tokens=[dead, alive]), producer.contact(device_tokens=[others])
    with operator.fault("apns", "reject"):
        accepted = send(producer, user_id, ["push"])
        final = producer.until_final(accepted["notification_id"])["deliveries"]
    failed = next(each["delivery_id"] for each in final if each["status"] == "error")
    operator.until_logged("worker-push", failed)
    assert devices(producer, user_id) == [alive]
    assert devices(producer, other) == [others]
    assert operator.owners_of([dead, alive, others]) == [None, user_id, other]


def test_a_deleted_contact_has_left_no_trace_among_the_devices(producer: Producer, operator: Operator) -> None:
    given = [apns(), fcm()]
    user_id = producer.contact(device_tokens=given)
    assert operator.owners_of(given) == [user_id] * 2
    assert producer.call("DELETE", f"/v1/contacts/{user_id}").status_code == 204
    assert operator.owners_of(given) == [None] * 2


def test_a_device_that_belongs_to_somebody_without_a_contact_can_be_had(producer: Producer, operator: Operator) -> None:
    device, user_id = apns(), user()
    operator.let_belong(device, "nobody")
    assert add(producer, user_id, device) == 201
    assert operator.owners_of([device]) == [user_id]


def test_what_was_accepted_before_a_device_moved_meanwhile_does_not_follow_it(
    producer: Producer, operator: Operator
) -> None:
    device, second = apns(), user()
    first = producer.contact(device_tokens=[device])
    with operator.paused_worker("push"):
        accepted = send(producer, first, ["push"])
        assert add(producer, second, device) == 201
    [delivery] = producer.until_final(accepted["notification_id"])["deliveries"]
    assert (delivery["status"], delivery["reason"], delivery["attempts"]) == ("error", "no_endpoint", [])
    assert device["deviceToken"] not in {message["to"] for message in producer.messages()}
