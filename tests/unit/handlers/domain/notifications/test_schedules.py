"""What a schedule is given to say: small enough for it whatever the ids, and read as it was written."""

import json
import uuid

import pytest
from pydantic import ValidationError

from handlers.domain.notifications.due import DueDelivery
from handlers.domain.notifications.events import DeliveryRequested
from handlers.domain.notifications.schedules import MAX_EVENTS, Scheduled
from tests.unit.handlers.samples import NOW

MAX_INPUT_BYTES = 256 * 1024
"""https://docs.aws.amazon.com/scheduler/latest/UserGuide/encryption-rest.html."""


def event(user_id: str | None = "ada") -> DeliveryRequested:
    return DeliveryRequested(
        str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()), "payment", "email", "demo", user_id
    )


@pytest.mark.parametrize("user_id", ["ada", None])
def test_what_was_written_is_read(user_id: str | None) -> None:
    written = Scheduled(due_at=NOW, events=(event(user_id), event(user_id)))
    assert Scheduled.model_validate(json.loads(written.model_dump_json(exclude_none=True))) == written


def test_its_deliveries_are_those_that_the_index_has_until_somebody_touches_them() -> None:
    given = event()
    assert Scheduled(due_at=NOW, events=(given,)).deliveries() == (DueDelivery(given, NOW, republished=0),)


def test_as_many_events_as_one_may_have_fit_with_the_longest_ids_there_are() -> None:
    an_id = str(uuid.uuid4())
    longest = DeliveryRequested(an_id, an_id, an_id, "c" * 63, "email", "a" * 63, '"' * 255, platform="p" * 32)
    text = Scheduled(due_at=NOW, events=(longest,) * MAX_EVENTS).model_dump_json(exclude_none=True)
    # Characters that JSON writes as two are counted as two.
    assert len(text.encode()) < MAX_EVENTS * 1000 < MAX_INPUT_BYTES


@pytest.mark.parametrize("events", [[], [{"event_id": "e"}], [None], "events"])
def test_what_names_no_events_is_refused(events: object) -> None:
    with pytest.raises(ValidationError):
        Scheduled.model_validate({"due_at": "2030-01-31T12:00:00Z", "events": events})
