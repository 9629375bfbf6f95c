"""Providers held to their rates over several workers, by a clock that passes when somebody sleeps."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.adapters.aws.provider_rates import Pace, Paced
from handlers.domain.providers.errors import ThrottledError
from tests.unit.handlers.memory import Clock, MemoryProvider
from tests.unit.handlers.samples import NOW

TENTH = timedelta(seconds=0.1)
BUDGET = timedelta(seconds=14)


@pytest.fixture
def worker(
    new_table: Callable[[str, str], str], aws: Callable[[str], Any]
) -> Callable[[], tuple[Pace, list[datetime]]]:
    """Makes one more worker at NOW, and where it notes when it would send."""
    table = new_table("limits", "id")

    def make() -> tuple[Pace, list[datetime]]:
        clock, sent = Clock(NOW), []
        slept: list[float] = []
        pace = Pace(table, "twilio", 10, aws("dynamodb"), clock, slept.append)

        def send() -> None:
            slept.clear()
            pace.wait()
            sent.append(clock() + timedelta(seconds=sum(slept)))

        pace.send = send  # type: ignore[attr-defined]
        return pace, sent

    return make


@pytest.fixture
def calls(aws: Callable[[str], Any]) -> Iterator[list[str]]:
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    aws("dynamodb").meta.events.register("before-call.dynamodb", note)
    yield made
    aws("dynamodb").meta.events.unregister("before-call.dynamodb", note)


def send_batch(pace: Any, messages: int = 10) -> None:
    pace.begin(messages, NOW + BUDGET)
    for _ in range(messages):
        pace.send()


def test_workers_share_a_rate_each_batch_by_one_write(worker: Callable[[], Any], calls: list[str]) -> None:
    several = [worker() for _ in range(3)]
    for pace, _ in several:
        send_batch(pace)
    sent = [at for _, each in several for at in each]
    assert sent == [NOW + TENTH * place for place in range(30)]
    assert len(calls) == 5  # the second and the third did not know what was taken
    calls.clear()
    send_batch(several[2][0])
    assert calls == ["UpdateItem"]


def test_what_has_no_slot_in_time_is_not_sent_and_takes_none(worker: Callable[[], Any]) -> None:
    (one, _), (other, sent) = worker(), worker()
    for _ in range(14):
        send_batch(one)
    with pytest.raises(ThrottledError) as error:
        send_batch(other)
    assert len(sent) == 1  # the last slot that is in time
    assert error.value.of_endpoint
    assert error.value.retry_after == pytest.approx(14.1)


def test_a_provider_waits_for_its_pace_before_it_is_asked(worker: Callable[[], Any]) -> None:
    pace, _ = worker()
    provider = MemoryProvider()
    held = Paced(provider, pace)
    pace.begin(1, NOW - timedelta(seconds=1))
    with pytest.raises(ThrottledError):
        held.send(None)  # type: ignore[arg-type]
    assert (held.name, held.platforms, held.available(), provider.sent) == ("memory", None, True, [])
