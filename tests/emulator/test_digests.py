"""What a recipient gets of a category within a window is one message, over real HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.emulator.operator_actions import Operator
from tests.emulator.producer import Producer

# A minute's window, by Pulumi.local.yaml.
GATHERED, TEMPLATE = "activity", "activity-digest"
DIGEST = {
    "subject": "{{ count }} new",
    "body": "<ul>{% for item in items %}<li>{{ item.subject }} by {{ item.who }}{{ item.body }}</li>{% endfor %}</ul>",
}
CONTENT = {"subject": "A comment", "body": "<p>{{ text }}</p>"}
PAST = "2000-01-01T00:00:00.000Z"


@pytest.fixture(scope="module", autouse=True)
def _template(producer: Producer) -> None:
    answer = producer.call("PUT", f"/v1/templates/{TEMPLATE}/email/default", DIGEST)
    assert answer.status_code in (200, 201), answer.text


class Tomorrow:
    """Comments that are all to be sent at one time of tomorrow, and so are in one window, whenever this runs."""

    def __init__(self, producer: Producer) -> None:
        self.producer, self.at = producer, datetime.now(UTC) + timedelta(days=1)

    def comment(self, user: str, text: str, **fields: Any) -> dict[str, Any]:
        return {
            "category": GATHERED,
            "content": CONTENT,
            "data": {"text": text, "who": "Eve"},
            "to": [{"user_id": user}],
            "send_at": self.at.isoformat(),
            **fields,
        }

    def accepted(self, user: str, text: str, **fields: Any) -> tuple[str, dict[str, Any]]:
        """A comment that was accepted: its notification's id, and its only delivery."""
        answer = self.producer.send(self.comment(user, text, **fields))
        assert answer.status_code == 202, answer.text
        [delivery] = answer.json()["deliveries"]
        return answer.json()["notification_id"], delivery


def only(producer: Producer, notification_id: str) -> dict[str, Any]:
    [delivery] = producer.notification(notification_id)["deliveries"]
    return dict(delivery)


def test_each_recipient_gets_one_message_that_lists_what_was_neither_canceled_nor_is_over(
    producer: Producer, operator: Operator
) -> None:
    tomorrow = Tomorrow(producer)
    users = {name: producer.contact(email=f"{name}-digest@example.com") for name in ("ada", "bob", "carol")}
    planned = producer.call("POST", "/v1/notifications?dry_run=true", tomorrow.comment(users["ada"], "dry")).json()
    ada = [tomorrow.accepted(users["ada"], text) for text in ("first", "second <b>", "canceled", "expired")]
    bob = [tomorrow.accepted(users["bob"], text) for text in ("third", "fourth")]
    carol = [tomorrow.accepted(users["carol"], "fifth")]

    # What is answered: they wait for the end of the window, each recipient's together.
    end = tomorrow.at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for deliveries in (ada, bob, carol):
        assert {(each["status"], each["reason"]) for _, each in deliveries} == {("created", "digest")}
        assert {datetime.fromisoformat(each["send_at"]) for _, each in deliveries} == {end}
        assert len({each["digest_id"] for _, each in deliveries}) == 1
    assert len({each["digest_id"] for _, each in (*ada, *bob, *carol)}) == 3
    assert [each["digest_id"] for each in planned["deliveries"]] == [ada[0][1]["digest_id"]]

    canceled, expired = ada[2:]
    producer.call("POST", f"/v1/notifications/{canceled[0]}/cancel")
    operator.set_in_delivery(expired[0], expired[1]["delivery_id"], "expires_at", PAST)
    opted_out = {"categories": {GATHERED: {"email": False}}}
    answer = producer.call("PUT", f"/v1/contacts/{users['carol']}/settings", opted_out)
    assert answer.status_code in (200, 201)

    with operator.unswept():
        for notification_id, delivery in (*ada[:2], expired, *bob, *carol):
            operator.make_due(notification_id, delivery["delivery_id"])
        operator.sweep()
        found = {each: producer.until_final(each)["deliveries"][0] for each, _ in (*ada, *bob, *carol)}

    for notification_id, accepted in (*ada[:2], *bob):
        sent = found[notification_id]
        assert (sent["status"], sent["digest_id"]) == ("sent", accepted["digest_id"])
        assert [(step["status"], step.get("reason")) for step in sent["timeline"]] == [
            ("created", "digest"),
            ("pending", None),
            ("sent", None),
        ]
        assert [attempt["outcome"] for attempt in sent["attempts"]] == ["accepted"]
        assert sent["provider"] == sent["attempts"][0]["provider"]
    assert found[canceled[0]]["status"] == "canceled"
    assert (found[expired[0]]["status"], found[expired[0]]["reason"]) == ("error", "expired")
    assert (found[carol[0][0]]["status"], found[carol[0][0]]["reason"]) == ("unsubscribed", "opted_out")

    messages = {
        name: [each for each in producer.messages() if f"{name}-digest@example.com" in each["to"]] for name in users
    }
    assert {name: [each["subject"] for each in some] for name, some in messages.items()} == {
        "ada": ["2 new"],
        "bob": ["2 new"],
        "carol": [],
    }
    [of_ada], [of_bob] = messages["ada"], messages["bob"]
    first, second = (f"<li>A comment by Eve<p>{text}</p></li>" for text in ("first", "second &lt;b&gt;"))
    assert f"<ul>{first}{second}</ul>" in of_ada["body"]
    assert all(text in of_bob["body"] for text in ("third", "fourth"))
    assert not any(text in of_ada["body"] + of_bob["body"] for text in ("canceled", "expired", "fifth"))


def test_an_event_that_comes_again_sends_nothing_again(producer: Producer, operator: Operator) -> None:
    tomorrow, user = Tomorrow(producer), producer.contact(email="again-digest@example.com")
    entries = [tomorrow.accepted(user, text) for text in ("one", "two", "three")]
    with operator.unswept():
        for notification_id, delivery in entries:
            operator.make_due(notification_id, delivery["delivery_id"])
        operator.sweep()
        assert {producer.until_final(each)["deliveries"][0]["status"] for each, _ in entries} == {"sent"}
        # One event was enough, and told what came of all.
        results = [operator.until_worker_results(each["delivery_id"]) for _, each in entries]
        assert results == [["sent"]] * 3
        again, delivery = entries[1]
        operator.publish_again(again, delivery["delivery_id"])
        assert operator.until_worker_results(delivery["delivery_id"], times=2) == ["sent", "dropped"]
    assert len([each for each in producer.messages() if "again-digest@example.com" in each["to"]]) == 1


def test_what_no_template_lists_is_refused_at_once(producer: Producer, operator: Operator) -> None:
    operator.delete_template(TEMPLATE, "chat")
    operator.forget_languages(TEMPLATE, "chat")
    tomorrow = Tomorrow(producer)
    for query in ("", "?dry_run=true"):
        body = tomorrow.comment(chatting(producer), "text", channels=["chat"])
        answer = producer.call("POST", f"/v1/notifications{query}", body)
        assert answer.status_code == 400, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert [(each["field"], TEMPLATE in each["message"]) for each in answer.json()["errors"]] == [
            ("category", True)
        ]


def chatting(producer: Producer) -> str:
    channel = {"platform": "slack", "url": "https://hooks.slack.com/services/T0/B0/digest", "status": True}
    return producer.contact(external_channels=[channel])
