"""A delivery's id is the same however often its acceptance is repeated, and no two deliveries share one."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.channels import CHANNELS
from handlers.domain.notifications.deliveries import Attempt, Outcome, delivery_id, with_fates
from handlers.domain.people.reach import Endpoint
from tests.unit.handlers.samples import NOW, delivery

NOTIFICATION = str(uuid.uuid4())

texts = st.text(min_size=1, alphabet=st.characters(codec="utf-8", exclude_characters="\n"))
identities = st.tuples(
    st.sampled_from(CHANNELS),
    st.none() | texts,
    st.none() | st.builds(Endpoint, texts, st.none() | st.sampled_from(["apns", "fcm", "slack"])),
)


@given(identities, identities)
def test_deliveries_have_one_id_only_when_they_are_the_same(one: tuple, other: tuple) -> None:  # type: ignore[type-arg]
    assert (delivery_id(NOTIFICATION, *one) == delivery_id(NOTIFICATION, *other)) is (one == other)


@given(identities)
def test_another_notification_has_other_deliveries(identity: tuple) -> None:  # type: ignore[type-arg]
    assert delivery_id(NOTIFICATION, *identity) != delivery_id(str(uuid.uuid4()), *identity)


def attempt(outcome: Outcome) -> Attempt:
    return Attempt(attempt=1, at=NOW, provider="ses", outcome=outcome)


@given(st.lists(st.sampled_from(Outcome)))
def test_only_the_last_attempt_can_be_under_way(outcomes: list[Outcome]) -> None:
    told = [each.outcome for each in with_fates([attempt(outcome) for outcome in outcomes])]
    assert Outcome.STARTED not in told[:-1]
    assert told[-1:] == outcomes[-1:]
    assert [t for t, o in zip(told, outcomes, strict=True) if o is not Outcome.STARTED] == [
        o for o in outcomes if o is not Outcome.STARTED
    ]


def test_the_event_of_a_delivery_carries_no_address_and_no_content() -> None:
    given_delivery = delivery(endpoint="ada@example.com")
    event = given_delivery.event()
    assert "ada@example.com" not in event.detail()
    assert (event.delivery_id, event.event_id) == (given_delivery.delivery_id, given_delivery.event_id)
