"""The answers about a notification: what happened to it, and nothing of where it went or what it says."""

from handlers.domain.notifications.deliveries import Attempt, Outcome, Step
from handlers.domain.notifications.notification import Accepted, NotificationState
from handlers.domain.notifications.statuses import Status
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


def test_no_answer_shows_where_a_delivery_goes_or_what_it_says() -> None:
    answers = [Accepted.of("n-1", (delivery(),)), NotificationState.of(notification(), (delivery(),))]
    for answer in answers:
        assert "ada@example.com" not in answer.model_dump_json()
        assert "name" not in answer.model_dump_json()
