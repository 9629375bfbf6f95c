"""What waits, for its time or for its user to wake, and what is canceled meanwhile, over real HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer, until

CONTENT = {"subject": "Good morning", "body": "<p>Good morning</p>"}
HOUR = timedelta(hours=1)


def message(user: str, category: str = "payment", **fields: Any) -> dict[str, Any]:
    return {"category": category, "content": CONTENT, "to": [{"user_id": user}], **fields}


def send_soon(producer: Producer, user: str) -> tuple[datetime, dict[str, Any]]:
    """A message to be sent in a few seconds: when, and the answer.

    A dry run comes first, as functions that start for the first time may take longer than that.
    """
    assert producer.call("POST", "/v1/notifications?dry_run=true", message(user)).status_code == 200
    at = datetime.now(UTC) + timedelta(seconds=4)
    answer = producer.send(message(user, send_at=at.isoformat()))
    assert answer.status_code == 202, answer.text
    return at, answer.json()


def fall_asleep(producer: Producer, user: str, timezone: str) -> None:
    """Quiet hours from an hour ago for two hours, by the clock in that zone."""
    now = datetime.now(ZoneInfo(timezone))
    quiet_hours = {"start": f"{now - HOUR:%H:%M}", "end": f"{now + HOUR:%H:%M}"}
    answer = producer.call("PUT", f"/v1/contacts/{user}/settings", {"quiet_hours": quiet_hours})
    assert answer.status_code in (200, 201), answer.text
    assert producer.call("GET", f"/v1/contacts/{user}/settings").json() == {
        "categories": {},
        "quiet_hours": quiet_hours,
    }


def only_delivery(producer: Producer, notification_id: str) -> dict[str, Any]:
    [delivery] = producer.notification(notification_id)["deliveries"]
    return dict(delivery)


def swept_until(producer: Producer, operator: Operator, notification_id: str, field: str, value: str) -> dict[str, Any]:
    """The delivery once the sweeper, which is invoked again and again, has made it so."""

    def sweep() -> dict[str, Any]:
        operator.sweep()
        return only_delivery(producer, notification_id)

    return until(sweep, lambda delivery: delivery.get(field) == value)


def attempted_at(delivery: dict[str, Any]) -> datetime:
    [attempt] = delivery["attempts"]
    return datetime.fromisoformat(attempt["at"])


def test_what_has_its_time_is_sent_then_though_nobody_sweeps_and_what_was_canceled_is_not(
    producer: Producer, operator: Operator
) -> None:
    user = producer.contact(email="punctual@example.com")
    with operator.unswept():
        at, accepted = send_soon(producer, user)
        [waiting] = accepted["deliveries"]
        assert (waiting["status"], waiting["reason"]) == ("created", "scheduled")
        notification_id = accepted["notification_id"]
        assert len(operator.schedules(notification_id)) == 1
        _, other = send_soon(producer, user)
        [canceled] = producer.call("POST", f"/v1/notifications/{other['notification_id']}/cancel").json()["deliveries"]

        [sent] = producer.until_final(notification_id)["deliveries"]
        assert (sent["status"], "reason" in sent) == ("sent", False)
        assert attempted_at(sent) >= at.replace(microsecond=at.microsecond // 1000 * 1000)
        assert operator.until_worker_results(sent["delivery_id"]) == ["sent"]
        assert operator.schedules(notification_id) == []

        assert operator.until_worker_results(canceled["delivery_id"]) == ["dropped"]
        left_alone = only_delivery(producer, other["notification_id"])
        assert (left_alone["status"], left_alone["attempts"]) == ("canceled", [])


def test_what_has_its_time_is_sent_by_the_sweeper_when_no_schedule_can_be_made(
    producer: Producer, operator: Operator
) -> None:
    user = producer.contact(email="later@example.com")
    with operator.without_statement("notifications", "MakeSchedules"):
        failures = operator.times_logged("notifications", "ScheduleFailed")
        at, accepted = send_soon(producer, user)
    assert [each["reason"] for each in accepted["deliveries"]] == ["scheduled"]
    operator.until_logged("notifications", "ScheduleFailed", failures + 1)
    assert operator.schedules(accepted["notification_id"]) == []
    sent = swept_until(producer, operator, accepted["notification_id"], "status", "sent")
    assert attempted_at(sent) >= at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_who_sleeps_when_it_is_accepted_is_left_alone_unless_it_is_critical(producer: Producer) -> None:
    user = producer.contact(email="asleep@example.com", timezone="Asia/Kolkata")
    fall_asleep(producer, user, "Asia/Kolkata")
    waiting = producer.send(message(user)).json()
    assert [(each["status"], each["reason"]) for each in waiting["deliveries"]] == [("created", "quiet_hours")]
    critical = producer.send(message(user, category="security")).json()
    [delivery] = producer.until_final(critical["notification_id"])["deliveries"]
    assert delivery["status"] == "sent"
    assert only_delivery(producer, waiting["notification_id"])["attempts"] == []


def test_who_fell_asleep_since_is_left_alone_and_what_waits_can_be_canceled(
    producer: Producer, operator: Operator
) -> None:
    user = producer.contact(email="drowsy@example.com", timezone="America/St_Johns")
    notification_id = send_soon(producer, user)[1]["notification_id"]
    fall_asleep(producer, user, "America/St_Johns")
    deferred = swept_until(producer, operator, notification_id, "reason", "quiet_hours")
    assert (deferred["status"], deferred["attempts"]) == ("created", [])

    answer = producer.call("POST", f"/v1/notifications/{notification_id}/cancel")
    assert answer.status_code == 200, answer.text
    assert [each["status"] for each in answer.json()["deliveries"]] == ["canceled"]
    canceled = only_delivery(producer, notification_id)
    assert [step["status"] for step in canceled["timeline"]] == ["created", "canceled"]


def test_what_was_sent_is_not_canceled(producer: Producer) -> None:
    user = producer.contact(email="quick@example.com")
    notification_id = producer.send(message(user)).json()["notification_id"]
    producer.until_final(notification_id)
    answer = producer.call("POST", f"/v1/notifications/{notification_id}/cancel")
    assert [each["status"] for each in answer.json()["deliveries"]] == ["sent"]
