"""What a provider calls dead when it is to send there is suppressed, and tried no more until an operator lifts that."""

import uuid
from typing import Any

from tests.emulator.operator_actions import CommandLine, Operator
from tests.emulator.producer import Producer
from tests.emulator.test_channels import CONTENT, DATA, send


def planned(producer: Producer, user: str, channel: str) -> list[tuple[str, str | None]]:
    body = {"category": "payment", "content": CONTENT, "data": DATA, "to": [{"user_id": user}], "channels": [channel]}
    answer = producer.call("POST", "/v1/notifications?dry_run=true", body).json()
    return [(each["status"], each.get("reason")) for each in answer["deliveries"]]


def final(producer: Producer, user: str, channel: str) -> list[dict[str, Any]]:
    accepted = send(producer, user, [channel])
    found: list[dict[str, Any]] = producer.until_final(accepted["notification_id"])["deliveries"]
    return found


def outcome(delivery: dict[str, Any]) -> tuple[str, str | None]:
    return delivery["status"], delivery.get("reason")


def test_a_number_that_nobody_has_is_tried_once_until_it_is_lifted(
    producer: Producer, operator: Operator, command_line: CommandLine
) -> None:
    nobodys = "+15005550009"  # Twilio says of it that it is no mobile number; SNS takes it
    user = producer.contact(phone=nobodys)
    with operator.fault("sns", "outage"):
        [dead] = final(producer, user, "sms")
    assert outcome(dead) == ("error", "recipient_refused")
    operator.until_logged("worker-sms", dead["delivery_id"])

    assert planned(producer, user, "sms") == [("error", "suppressed")]
    [again] = final(producer, user, "sms")
    assert (*outcome(again), again["attempts"]) == ("error", "suppressed", [])

    command_line("suppressions", "lift", nobodys)
    assert planned(producer, user, "sms") == [("created", None)]
    [lifted] = final(producer, user, "sms")
    assert (lifted["status"], lifted["provider"]) == ("sent", "sns")


def test_a_url_that_was_taken_away_is_called_once_until_it_is_lifted_and_the_users_other_one_always(
    producer: Producer, operator: Operator, command_line: CommandLine
) -> None:
    gone = f"https://hooks.example.com/Hooks/{uuid.uuid4().hex}"
    other = f"https://hooks.slack.com/services/T0/B0/{uuid.uuid4().hex}"
    hooks = [
        {"platform": "webhook", "url": gone, "status": True},
        {"platform": "slack", "url": other, "status": True},
    ]
    user = producer.contact(external_channels=hooks)
    with operator.fault("webhook", "reject"):
        both = final(producer, user, "chat")
    assert sorted(map(outcome, both), key=str) == [("error", "recipient_refused"), ("sent", None)]
    [dead] = [each for each in both if each["status"] == "error"]
    operator.until_logged("worker-chat", dead["delivery_id"])

    assert planned(producer, user, "chat") == [("error", "suppressed"), ("created", None)]
    again = final(producer, user, "chat")
    assert [outcome(each) for each in again] == [("error", "suppressed"), ("sent", None)]
    received = {each["delivery_id"] for each in producer.messages()}
    assert [each["delivery_id"] in received for each in again] == [False, True]

    shown = command_line("suppressions", "lift", gone)
    assert "/Hooks" not in shown
    assert [outcome(each) for each in final(producer, user, "chat")] == [("sent", None)] * 2


def test_a_url_that_is_suppressed_after_it_was_planned_is_not_called(producer: Producer, operator: Operator) -> None:
    url = f"https://hooks.example.com/{uuid.uuid4().hex}"
    user = producer.contact(external_channels=[{"platform": "webhook", "url": url, "status": True}])
    with operator.paused_worker("chat"):
        accepted = send(producer, user, ["chat"])
        assert producer.call("POST", "/v1/suppressions", {"address": url}).status_code == 201
    [stopped] = producer.until_final(accepted["notification_id"])["deliveries"]
    assert (*outcome(stopped), stopped["attempts"]) == ("error", "suppressed", [])


def test_a_url_that_could_not_be_in_a_contact_is_refused_naming_the_field(producer: Producer) -> None:
    for url in ("http://hooks.example.com/a", "https://127.0.0.1/a", "https://hooks.example.com/a#b"):
        answer = producer.call("POST", "/v1/suppressions", {"address": url})
        assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (400, ["address"])
