"""The answers about a notification: what happened to it, and not in full where it went, and nothing of what it says."""

import json
from typing import Any

import pytest

from handlers.domain.notifications.deliveries import Attempt, Delivery, Outcome, Reason, Step
from handlers.domain.notifications.notification import Accepted, NotificationState
from handlers.domain.notifications.requests import MAX_RECIPIENTS
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.contacts import MAX_EXTERNAL_CHANNELS
from handlers.domain.people.devices import MAX_DEVICES
from tests.unit.handlers.samples import NOW, delivery, notification


def test_an_answer_leaves_out_what_is_absent() -> None:
    sent = delivery(
        status=Status.SENT,
        user_id=None,
        provider="ses",
        attempts=(Attempt(attempt=1, at=NOW, provider="ses", outcome=Outcome.ACCEPTED),),
        timeline=(Step(status=Status.CREATED, at=NOW), Step(status=Status.SENT, at=NOW)),
    )
    at = "2030-01-31T12:00:00.000Z"
    state = NotificationState.of(notification("n-1"), (sent,)).model_dump(mode="json")
    assert state == {
        "notification_id": "n-1",
        "category": "payment",
        "priority": "normal",
        "created_at": at,
        "deliveries": [
            {
                "delivery_id": sent.delivery_id,
                "channel": "email",
                "recipient": "a…@example.com",
                "status": "sent",
                "provider": "ses",
                "attempts": [{"attempt": 1, "at": at, "provider": "ses", "outcome": "accepted"}],
                "timeline": [{"status": "created", "at": at}, {"status": "sent", "at": at}],
            }
        ],
    }


def test_an_answer_says_how_many_attempts_it_does_not_show() -> None:
    numbers = (1, 2, 3, 4, 5, 28, 29)
    attempts = tuple(Attempt(attempt=n, at=NOW, provider="ses", outcome=Outcome.UNAVAILABLE) for n in numbers)
    state = NotificationState.of(notification(), (delivery(attempts=attempts),)).model_dump(mode="json")
    [shown] = state["deliveries"]
    assert [each["attempt"] for each in shown["attempts"]] == list(numbers)
    assert shown["attempts_omitted"] == 22


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [
        ({"channel": "email", "endpoint": "ada@example.com"}, {"recipient": "a…@example.com"}),
        ({"channel": "sms", "endpoint": "+442079460123"}, {"recipient": "+44…0123"}),
        ({"channel": "push", "endpoint": "0a" * 32, "platform": "apns"}, {"platform": "apns"}),
        (
            {"channel": "chat", "endpoint": "https://hooks.slack.com/services/secret", "platform": "slack"},
            {"platform": "slack", "recipient": "hooks.slack.com/…"},
        ),
    ],
    ids=["email", "sms", "push", "chat"],
)
def test_an_answer_says_where_a_delivery_goes_as_far_as_it_may_be_told(
    endpoint: dict[str, str], where: dict[str, str]
) -> None:
    """Of one that was accepted by 0.1.0, it is not known which recipient of the request it is for."""
    for known in dict[str, Any](), {"to": 7}:
        one = delivery(**endpoint, **known)
        for answer in (Accepted.of("n-1", (one,)), NotificationState.of(notification(), (one,))):
            [shown] = answer.model_dump(mode="json")["deliveries"]
            assert {name: shown[name] for name in ("to", "platform", "recipient") if name in shown} == known | where
            assert endpoint["endpoint"] not in answer.model_dump_json()


LAMBDA_ANSWERS = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

MOST = MAX_RECIPIENTS * (MAX_DEVICES + MAX_EXTERNAL_CHANNELS + 2)


def as_lambda_answers(answer: Accepted | NotificationState) -> int:
    """The size in bytes of a proxy integration's answer, of which the body is a text."""
    return len(json.dumps({"statusCode": 202, "body": answer.model_dump_json()}).encode())


def busy(position: int) -> Delivery:
    """A delivery of whom much is to be told."""
    attempts = tuple(
        Attempt(attempt=number, at=NOW, provider="sendgrid", outcome=Outcome.UNAVAILABLE, error="not_reached")
        for number in range(1, 31)
    )
    return delivery(
        "n-1",
        position=position,
        to=MAX_RECIPIENTS - 1,
        user_id="u" * 255,
        channel="chat",
        platform="webhook",
        endpoint=f"https://{'label.' * 41}example.com/in",
        attempts=attempts,
        send_at=NOW,
        reason=Reason.QUIET_HOURS,
    )


def test_the_largest_notification_is_accepted_in_one_answer() -> None:
    one = busy(0)
    deliveries = tuple(one.model_copy(update={"position": position}) for position in range(MOST))
    for answer in (Accepted.of("n-1", deliveries), Accepted.at_first(notification("n-1"), deliveries)):
        assert len(answer.deliveries) == MOST
        assert as_lambda_answers(answer) < LAMBDA_ANSWERS


def test_what_one_answer_does_not_hold_follows_by_its_cursor_each_delivery_once() -> None:
    one = busy(0)
    deliveries = tuple(
        one.model_copy(update={"position": position, "delivery_id": f"d-{position}"}) for position in range(4000)
    )
    told: list[str] = []
    cursor: str | None = "0"
    answers = 0
    while cursor is not None:
        answer = NotificationState.of(notification("n-1"), deliveries, int(cursor))
        assert as_lambda_answers(answer) < LAMBDA_ANSWERS
        told += [each.delivery_id for each in answer.deliveries]
        cursor, answers = answer.cursor, answers + 1
    assert told == [f"d-{position}" for position in range(4000)]
    assert answers > 1
