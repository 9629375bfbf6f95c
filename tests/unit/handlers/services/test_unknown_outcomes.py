"""An outcome that nobody knows is bounded: so many copies at most, and then a receipt, or a person, has to say."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from handlers.domain.notifications.deliveries import Delivery, Outcome, Reason
from handlers.domain.notifications.statuses import Status
from handlers.domain.providers.errors import NO_ANSWER, OutcomeUnknownError, UnavailableError
from handlers.domain.providers.routing import COOL_DOWN, FAILURES_TO_OPEN, Circuit, Phase
from handlers.services.delivering import Report, Result, Worker
from handlers.services.failover import Chain
from tests.unit.handlers.log_contract import accepted, due_of, link_to, stored
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryLog,
    MemoryProvider,
    MemoryProviderState,
    MemoryTemplates,
)
from tests.unit.handlers.samples import NOW, reached

DAY = timedelta(days=1)


@dataclass
class Late(MemoryProvider):
    """Accepts, and answers too late."""

    def send(self, message: object) -> str:
        self.sent.append(message)  # type: ignore[arg-type]
        raise OutcomeUnknownError(NO_ANSWER)


@dataclass
class Desk:
    """A worker whose first provider, or whose only one, accepts and answers too late."""

    providers: tuple[MemoryProvider, ...]
    retries: int = 1
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    log: MemoryLog = field(default_factory=MemoryLog)
    state: MemoryProviderState = field(default_factory=MemoryProviderState)

    def deliver(self, given: Delivery) -> Report:
        chain = Chain(self.providers, self.state, self.clock)
        retries = {given.category: self.retries}
        worker = Worker(self.log, MemoryTemplates(), LINKS, chain, self.clock, unknown_retries=retries)
        return worker.deliver(given.event(), reached(given), self.clock() + timedelta(minutes=1))

    def deliver_for(self, given: Delivery, time: timedelta) -> list[Result]:
        """What comes of the event each time that it is received, once in ten minutes."""
        end, results = self.clock() + time, []
        while self.clock() < end:
            results.append(self.deliver(given).result)
            self.clock.advance(timedelta(minutes=10))
        return results


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_a_provider_that_accepts_and_answers_late_gets_one_copy_and_as_many_more_as_is_said(retries: int) -> None:
    late = Late()
    desk = Desk((late,), retries)
    given = accepted(desk.log)
    results = desk.deliver_for(given, DAY - timedelta(hours=1))
    assert len(late.sent) == 1 + retries
    assert results[: retries + 2] == [*[Result.RETRY] * retries, Result.HELD, Result.DROPPED]
    kept = stored(desk.log, given)
    assert (kept.status, kept.reason) == (Status.PENDING, Reason.OUTCOME_UNKNOWN)


def test_it_is_tried_again_with_another_provider_where_there_is_one() -> None:
    late, other = Late("late"), MemoryProvider("other")
    desk = Desk((late, other))
    given = accepted(desk.log)
    assert desk.deliver_for(given, timedelta(minutes=20)) == [Result.RETRY, Result.SENT]
    assert (len(late.sent), len(other.sent)) == (1, 1)
    assert [(each.provider, each.outcome) for each in stored(desk.log, given).attempts] == [
        ("late", Outcome.UNKNOWN),
        ("other", Outcome.ACCEPTED),
    ]


def test_and_with_the_same_one_when_the_other_does_not_serve_us() -> None:
    late, other = Late("late"), MemoryProvider("other", raises=UnavailableError("503"))
    desk = Desk((late, other))
    given = accepted(desk.log)
    assert desk.deliver_for(given, timedelta(minutes=20)) == [Result.RETRY, Result.HELD]
    assert len(late.sent) == 2


def test_a_worker_that_dies_with_the_message_on_its_way_counts_alike() -> None:
    class Dies(Late):
        def send(self, message: object) -> str:
            self.sent.append(message)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    dies = Dies()
    desk = Desk((dies,))
    given = accepted(desk.log)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            desk.deliver(given)
        desk.clock.advance(timedelta(minutes=2))
    assert [desk.deliver(given).result for _ in range(2)] == [Result.HELD, Result.DROPPED]
    assert len(dies.sent) == 2


def test_a_probe_is_a_real_message_and_counts_alike() -> None:
    late = Late("late")
    desk = Desk((late,), retries=0)
    desk.state.circuits["late"] = Circuit(FAILURES_TO_OPEN, NOW - COOL_DOWN, NOW)
    given = accepted(desk.log)
    assert desk.deliver(given).result is Result.HELD
    assert desk.state.circuit("late").phase(NOW) is Phase.OPEN
    assert len(late.sent) == 1


def test_with_one_provider_alone_the_retry_may_be_the_probe() -> None:
    late = Late("late")
    desk = Desk((late,))
    given = accepted(desk.log)
    desk.deliver(given)
    desk.clock.advance(COOL_DOWN)
    desk.state.circuits["late"] = Circuit(FAILURES_TO_OPEN, NOW, desk.clock())
    assert desk.deliver(given).result is Result.HELD
    assert len(late.sent) == 2


def test_a_provider_that_answers_late_counts_as_failing() -> None:
    late, other = Late("late"), MemoryProvider("other")
    desk = Desk((late, other))
    for _ in range(FAILURES_TO_OPEN):
        assert desk.deliver(accepted(desk.log)).result is Result.RETRY
    assert desk.state.circuit("late").phase(NOW) is Phase.OPEN
    assert desk.deliver(accepted(desk.log)).result is Result.SENT
    assert (len(late.sent), len(other.sent)) == (FAILURES_TO_OPEN, 1)


@pytest.mark.parametrize(("expires_in", "decided_in"), [(None, DAY), (timedelta(hours=3), timedelta(hours=3))])
def test_without_a_receipt_the_time_decides(expires_in: timedelta | None, decided_in: timedelta) -> None:
    desk = Desk((Late(),), retries=0)
    given = accepted(desk.log, expires_at=expires_in and NOW + expires_in)
    desk.deliver(given)
    [due] = due_of(desk.log, given, NOW + decided_in)
    assert due.due_at == NOW + decided_in
    desk.clock.now = due.due_at
    assert desk.deliver(given) == Report(Result.FAILED, Reason.OUTCOME_UNKNOWN)
    kept = stored(desk.log, given)
    assert (kept.status, kept.reason) == (Status.ERROR, Reason.OUTCOME_UNKNOWN)


def test_a_receipt_decides_before() -> None:
    desk = Desk((Late(),), retries=0)
    given = accepted(desk.log)
    desk.deliver(given)
    desk.log.observe(link_to(given), Status.OPENED, NOW)
    assert desk.deliver(given).result is Result.DROPPED
    assert stored(desk.log, given).status is Status.OPENED
