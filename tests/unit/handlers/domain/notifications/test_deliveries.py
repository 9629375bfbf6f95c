"""What a delivery tells of its attempts, and what its event tells of it."""

from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.notifications.deliveries import Attempt, Outcome, with_fates
from tests.unit.handlers.samples import NOW, delivery


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
