"""A delivery's id leads to its notification."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.notifications.due import shard
from handlers.domain.notifications.ids import MOST_DELIVERIES, new_delivery_id, new_notification_id, notification_of


@given(st.uuids(), st.integers(0, MOST_DELIVERIES - 1), st.integers(0, MOST_DELIVERIES - 1))
def test_each_delivery_has_an_id_of_its_own_that_leads_to_its_notification(
    random: uuid.UUID, one: int, other: int
) -> None:
    notification_id = new_notification_id(random)
    ids = {place: new_delivery_id(notification_id, place) for place in (one, other)}
    assert {notification_of(each) for each in ids.values()} == {notification_id}
    assert len({notification_id, *ids.values()}) == len(ids) + 1
    assert {uuid.UUID(each).version for each in (notification_id, *ids.values())} == {8}


def test_the_only_delivery_has_its_notifications_id() -> None:
    notification_id = new_notification_id(uuid.uuid4())
    assert notification_of(notification_id) == notification_id


def test_an_id_of_before_is_its_notifications_own() -> None:
    assert notification_of("6f9b2c1e-3f74-4f0a-9a43-0d7ff9d2a8b1") == "6f9b2c1e-3f74-4f0a-9a43-0d7ff9d2a8b1"
    assert notification_of("no id") is None


def test_a_notification_of_before_gets_deliveries_with_any_ids() -> None:
    before = str(uuid.uuid4())
    assert new_delivery_id(before, 0) != new_delivery_id(before, 0)


def test_the_deliveries_of_one_notification_are_in_all_partitions_of_the_index() -> None:
    notification_id = new_notification_id(uuid.uuid4())
    assert len({shard("email", new_delivery_id(notification_id, place)) for place in range(8)}) == 8


def test_a_notification_has_no_more_deliveries_than_ids() -> None:
    with pytest.raises(ValueError):
        new_delivery_id(new_notification_id(uuid.uuid4()), MOST_DELIVERIES)
