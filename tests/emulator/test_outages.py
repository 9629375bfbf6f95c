"""A third party's outage, or silence, is late messages on its own channel, and nothing on the others."""

import uuid
from contextlib import ExitStack
from typing import Any

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until
from tests.emulator.test_channels import send

MAILS, TEXTS = 5, 3


def deliveries(producer: Producer, accepted: dict[str, Any]) -> list[dict[str, Any]]:
    return list(producer.notification(accepted["notification_id"])["deliveries"])


def outcomes(delivery: dict[str, Any]) -> list[tuple[str, str]]:
    return [(attempt["provider"], attempt["outcome"]) for attempt in delivery["attempts"]]


def has_failed(delivery: dict[str, Any]) -> bool:
    return bool(delivery["attempts"]) and delivery["attempts"][-1]["outcome"] != "started"


def mail(producer: Producer) -> dict[str, Any]:
    """The delivery of one mail, once it is final."""
    accepted = send(producer, producer.contact(email=f"{uuid.uuid4().hex}@example.com"), ["email"])
    [delivery] = producer.until_final(accepted["notification_id"])["deliveries"]
    return dict(delivery)


def test_an_answer_that_never_comes_is_an_unknown_outcome_and_nobody_else_is_asked_at_once(
    producer: Producer, operator: Operator
) -> None:
    with operator.fault("sns", "timeout"):
        accepted = send(producer, producer.contact(phone="+4915112345678"), ["sms"])
        [delivery] = until(lambda: deliveries(producer, accepted), lambda found: has_failed(found[0]))
        assert (delivery["status"], outcomes(delivery)) == ("pending", [("sns", "unknown")])
    # As the queue does a minute later, and the sweeper if all else fails.
    operator.publish_again(accepted["notification_id"], delivery["delivery_id"])
    [delivery] = producer.until_final(accepted["notification_id"])["deliveries"]
    assert delivery["status"] == "sent"
    assert outcomes(delivery) == [("sns", "unknown"), ("twilio", "accepted")]  # somebody else, if there is anybody


def by_platform(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Deliveries by the provider that was asked first; those that nobody was asked for are left out."""
    return {each["attempts"][0]["provider"]: each for each in found if each["attempts"]}


def chat_channels(unique: str) -> list[dict[str, Any]]:
    """An external channel of each of three platforms, with this in its url."""
    urls = {
        "slack": f"https://hooks.slack.com/services/T0/B0/{unique}",
        "discord": f"https://discord.com/api/webhooks/1188123456789012345/{unique}",
        "webhook": f"https://hooks.example.com/{unique}",
    }
    return [{"platform": name, "url": url, "status": True} for name, url in urls.items()]


def test_what_is_for_a_provider_that_is_out_waits_overtaken_by_all_else_and_arrives_by_itself_when_it_is_back(
    producer: Producer, operator: Operator
) -> None:
    """All providers of SMS, and one platform of chat. That mail gets no slower either is for `bench.outage` to say."""
    unique = uuid.uuid4().hex
    user = producer.contact(phone="+4915112345678", external_channels=chat_channels(unique))
    with ExitStack() as faults:
        for provider in ("sns", "twilio", "slack"):
            faults.enter_context(operator.fault(provider, "outage"))
        texts = [send(producer, user, ["sms"]) for _ in range(TEXTS)]
        chat = send(producer, user, ["chat"])
        mails = [mail(producer) for _ in range(MAILS)]
        waiting = [deliveries(producer, text)[0] for text in texts]
        assert {each["status"] for each in waiting} <= {"created", "pending"}
        asked = by_platform(until(lambda: deliveries(producer, chat), lambda found: all(map(has_failed, found))))
        statuses = {name: each["status"] for name, each in asked.items()}
        assert statuses == {"slack": "pending", "discord": "sent", "webhook": "sent"}
        assert outcomes(asked["slack"]) == [("slack", "unavailable")]
    for each in mails:
        assert (each["status"], outcomes(each)) == ("sent", [("ses", "accepted")])
        assert operator.until_worker_results(each["delivery_id"]) == ["sent"]
    for text in texts:
        [delivery] = producer.until_final(text["notification_id"])["deliveries"]
        assert delivery["status"] == "sent"
    final = by_platform(producer.until_final(chat["notification_id"])["deliveries"])
    assert final["slack"]["status"] == "sent"
    assert {message["provider"] for message in producer.messages() if unique in message["to"]} == set(final)
