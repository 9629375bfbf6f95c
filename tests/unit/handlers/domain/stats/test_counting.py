"""What a delivery adds to the counters, and what is read from them."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.domain.notifications.deliveries import Attempt, Delivery, Outcome, Reason, Step, TemplateVersion
from handlers.domain.notifications.statuses import Status
from handlers.domain.stats.counting import LATENCY_ERROR, Group, bucket, counted, quantile, recount
from tests.unit.handlers.samples import NOW, delivery

C, P, S, O, K, E, U = (  # noqa: E741
    Status.CREATED,
    Status.PENDING,
    Status.SENT,
    Status.OPENED,
    Status.CLICKED,
    Status.ERROR,
    Status.UNSUBSCRIBED,
)


def after(*statuses: Status, apart: timedelta = timedelta(seconds=1), **fields: Any) -> Delivery:
    steps = tuple(Step(status=each, at=NOW + place * apart) for place, each in enumerate(statuses))
    return delivery(status=statuses[-1], timeline=steps, **fields)


@pytest.mark.parametrize(
    ("statuses", "counters"),
    [
        ((C,), {"created"}),
        ((C, P), {"pending"}),
        ((C, P, S), {"sent", "ever_sent"}),
        ((C, P, S, O), {"opened", "ever_sent", "ever_opened"}),
        ((C, P, S, K), {"clicked", "ever_sent", "ever_opened", "ever_clicked"}),
        ((C, P, O), {"opened", "ever_sent", "ever_opened"}),
        ((C, P, E), {"error"}),
        ((C, P, S, E), {"error", "ever_sent", "bounced"}),
        ((U,), {"unsubscribed"}),
        ((C, P, S, O, U), {"unsubscribed", "ever_sent", "ever_opened", "left"}),
        ((C, P, E, P), {"pending"}),
        ((C, P, E, P, S), {"sent", "ever_sent"}),
    ],
)
def test_a_delivery_adds_one_to_each_counter_of_what_it_is_and_has_been(
    statuses: tuple[Status, ...], counters: set[str]
) -> None:
    added = counted(after(*statuses)).counters
    assert {name for name in added if not name.startswith("latency_")} == counters
    assert any(name.startswith("latency_") for name in added) is ("ever_sent" in counters)


def test_the_latency_is_from_acceptance_to_the_first_that_says_it_was_sent() -> None:
    slow = counted(after(C, P, S, O, apart=timedelta(seconds=2))).counters
    assert f"latency_{bucket(4000)}" in slow


@pytest.mark.parametrize("reason", [Reason.SCHEDULED, Reason.QUIET_HOURS])
def test_what_was_to_wait_from_the_start_has_no_latency(reason: Reason) -> None:
    given_ = after(C, P, S)
    waiting = given_.model_copy(
        update={"timeline": (given_.timeline[0].model_copy(update={"reason": reason}), *given_.timeline[1:])}
    )
    assert counted(waiting).counters == {"sent", "ever_sent"}


def test_deliveries_are_counted_by_day_category_channel_provider_and_template() -> None:
    template = TemplateVersion(name="receipt", key="k", version_id="v")
    attempt = Attempt(attempt=1, at=NOW, provider="sendgrid", outcome=Outcome.REFUSED)
    assert counted(delivery(template=template, provider="ses")).group == Group(
        "demo", "2030-01-31", "payment", "email", "ses", "receipt"
    )
    assert counted(delivery(attempts=(attempt,))).group.provider == "sendgrid"
    assert counted(delivery()).group == Group("demo", "2030-01-31", "payment", "email", "", "")


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=300), st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_as_near_to_the_true_one_as_is_said(milliseconds: list[int], share: float) -> None:
    counts: dict[str, int] = {}
    for each in milliseconds:
        name = f"latency_{bucket(each)}"
        counts[name] = counts.get(name, 0) + 1
    rank = -(-share * len(milliseconds) // 1)
    true = sorted(milliseconds)[int(rank) - 1]
    read = quantile(counts, share)
    assert read is not None
    assert abs(read - true) <= true * LATENCY_ERROR * 1.0001


def test_the_error_is_under_a_tenth() -> None:
    assert LATENCY_ERROR < 0.1


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({"latency_3": 0, "sent": 2}, 0.5) is None


def test_a_recount_adds_up_all_deliveries() -> None:
    random = Random(3)
    deliveries = [after(C, P, *random.choice([(S,), (S, O), (E,)])) for _ in range(50)]
    [counters] = recount(deliveries).values()
    assert sum(counters[each] for each in Status) == 50
