"""What an app is told of a change, and when its endpoint is suspended."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError

from handlers.domain.notifications.deliveries import Delivery, Reason, Step
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.changes import Change, ordered
from handlers.domain.webhooks import SUSPENDED_AFTER, StatusChanged, Webhook, WebhookRequest, WebhookShown
from tests.unit.handlers.samples import NOW, delivery

URL = "https://billing.example/statuses"
LATER = NOW + timedelta(seconds=7)


def moved(given: Delivery, status: Status, **fields: object) -> Delivery:
    return given.model_copy(
        update={"status": status, "timeline": (*given.timeline, Step(status=status, at=LATER)), **fields}
    )


def told(number: int, before: Delivery | None, after: Delivery | None) -> StatusChanged | None:
    return StatusChanged.of(Change(ordered(str(number)), before, after))


def test_a_move_is_told_with_its_ids_reason_time_and_sequence_and_nobody_s_data() -> None:
    created = delivery(user_id="ada-lovelace")
    failed = moved(created, Status.ERROR, reason=Reason.EXPIRED)
    message = told(9, created, failed)
    assert message is not None
    assert json.loads(message.body()) == {
        "type": "delivery.status_changed",
        "timestamp": "2030-01-31T12:00:07.000Z",
        "data": {
            "notification_id": created.notification_id,
            "delivery_id": created.delivery_id,
            "channel": "email",
            "status": "error",
            "reason": "expired",
            "sequence": ordered("9"),
        },
    }
    assert StatusChanged.model_validate_json(message.model_dump_json()) == message
    kept = message.model_dump_json()
    assert "ada-lovelace" not in kept  # not "ada" alone, which a random id may have among its digits
    assert "@" not in kept


def test_a_change_has_the_same_id_however_often_it_comes_and_every_other_change_another() -> None:
    created = delivery()
    sent = moved(created, Status.SENT)
    first, again, other, elsewhere = (
        told(9, created, sent),
        told(9, created, sent),
        told(10, created, sent),
        told(9, None, delivery()),
    )
    assert first is not None
    assert first == again
    assert len({each.event_id for each in (first, other, elsewhere) if each}) == 3


def test_later_moves_have_greater_sequences_also_where_the_number_grows_by_a_digit() -> None:
    created = delivery()
    first, second = told(99, None, created), told(100, created, moved(created, Status.SENT))
    assert first is not None
    assert second is not None
    assert first.sequence < second.sequence


def test_what_moves_nothing_or_was_erased_is_not_told() -> None:
    created = delivery()
    assert told(1, created, created.model_copy(update={"republished": 1})) is None
    assert told(1, created, None) is None


def test_an_endpoint_is_suspended_after_a_day_of_failures_and_one_success_begins_anew() -> None:
    webhook = Webhook("billing", URL, frozenset(), 1)
    failing = webhook.after_failure(NOW)
    assert failing.after_failure(NOW + SUSPENDED_AFTER - timedelta(seconds=1)).suspended_since is None
    suspended = failing.after_failure(NOW + SUSPENDED_AFTER)
    assert (suspended.failing_since, suspended.suspended_since) == (NOW, NOW + SUSPENDED_AFTER)
    assert not suspended.wants(Status.SENT)
    assert failing.after_success() == webhook
    assert webhook.after_failure(NOW, for_good=True).suspended_since == NOW


def test_without_statuses_every_one_is_wanted_and_shown() -> None:
    every, some = (Webhook("billing", URL, chosen, 1) for chosen in (frozenset[Status](), frozenset({Status.ERROR})))
    assert [status for status in Status if every.wants(status)] == list(Status)
    assert [status for status in Status if some.wants(status)] == [Status.ERROR]
    assert WebhookShown.of(every).statuses == tuple(Status)
    assert WebhookShown.of(some).statuses == (Status.ERROR,)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://billing.example/"}, "url"),
        ({"url": "https://billing.example:8443/"}, "url"),
        ({"url": "https://localhost/statuses"}, "url"),
        ({"url": "https://ip-10-0-0-1.ec2.internal/statuses"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://user:secret@billing.example/"}, "url"),
        ({"url": f"https://billing.example/{'a' * 2048}"}, "url"),
        ({"url": URL, "statuses": []}, "statuses"),
        ({"url": URL, "statuses": ["sent", "sent"]}, "statuses"),
        ({"url": URL, "statuses": ["delivered"]}, "statuses"),
        ({"url": URL, "secret": "whsec_mine"}, "secret"),
        ({}, "url"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused_by_its_field(body: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WebhookRequest.model_validate(body)
    assert {str(error["loc"][0]) for error in refused.value.errors()} == {field}
