"""What has failed is found without its id, and sent after all by an operator: once, whatever else is published."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any

import pytest

from handlers.adapters.aws.log_keys import delivery_key
from handlers.domain.notifications.deliveries import Delivery, Reason
from handlers.domain.notifications.due import SHARDS
from handlers.domain.notifications.failures import Refusal
from handlers.domain.notifications.statuses import Status
from handlers.domain.providers.errors import NO_ANSWER, OutcomeUnknownError, UnavailableError
from handlers.services.delivering import Result, Worker
from handlers.services.failover import Chain
from ops.deliveries import Deliveries, Kind, Wanted
from tests.emulator.adapters.log import DynamoLog
from tests.unit.handlers.log_contract import accepted, waiting
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryProvider,
    MemoryProviderState,
    MemoryTemplates,
)
from tests.unit.handlers.samples import NOW, payload, reached

MINUTE = timedelta(minutes=1)


@dataclass
class Desk:
    """A log, a worker with one provider, an operator; time passes when told to."""

    log: DynamoLog
    clock: Clock = field(default_factory=lambda: Clock(NOW.astimezone(UTC)))
    provider: MemoryProvider = field(default_factory=MemoryProvider)

    @property
    def operator(self) -> Deliveries:
        return Deliveries(self.log.client, self.log.table)

    def deliver(self, given: Delivery) -> Result:
        chain = Chain((self.provider,), MemoryProviderState(), self.clock)
        worker = Worker(self.log, MemoryTemplates(), LINKS, chain, self.clock)
        return worker.deliver(given.event(), reached(given), self.clock() + MINUTE, payload()).result

    def give_up(self, given: Delivery) -> None:
        """Let the provider refuse it, and its rounds be used up."""
        self.provider.raises = UnavailableError("503")
        assert self.deliver(given) is Result.RETRY
        assert self.log.give_up(given.event(), waiting(self.log, given), Reason.UNAVAILABLE, self.clock())
        self.provider.raises = None

    def redrive(self, *, accept_duplicates: bool = False, **wanted: Any) -> list[Refusal | None]:
        asked = Wanted(channels=("email",), **wanted)
        choices = self.operator.choices(asked, self.clock(), accept_duplicates=accept_duplicates)
        return [
            each.refusal or (None if self.operator.redrive(each.delivery, self.clock()) else Refusal.CHANGED)
            for each in choices
        ]

    def sweep(self) -> list[Result]:
        """Deliver what is due, each twice, as a bus may."""
        due = [each for shard in SHARDS["email"] for page in self.log.due(shard, self.clock()) for each in page]
        for each in due:
            self.log.postpone(each, each.postponed(self.clock()))
        found = [self.log.find(each.event.notification_id) for each in due]
        given = [each for one in found if one for each in one[1]]
        return [self.deliver(each) for each in given for _ in range(2)]


@pytest.fixture
def desk(new_log_table: Callable[[], str], aws: Callable[[str], Any]) -> Desk:
    return Desk(DynamoLog(new_log_table(), aws("dynamodb")))


def ids(found: list[Delivery]) -> set[str]:
    return {each.delivery_id for each in found}


def test_after_ten_minutes_outage_an_operator_has_all_sent_and_nothing_twice(desk: Desk) -> None:
    failed = [accepted(desk.log) for _ in range(3)]
    other = accepted(desk.log)
    for each in failed:
        desk.give_up(each)
    assert desk.deliver(other) is Result.SENT
    desk.clock.advance(10 * MINUTE)
    assert desk.sweep() == []
    assert desk.redrive() == [None] * 3
    assert desk.redrive() == [], "what was led back has failed no more"
    assert sorted(desk.sweep()) == sorted([Result.SENT, Result.DROPPED] * 3)
    assert [desk.deliver(each) for each in (*failed, other)] == [Result.DROPPED] * 4
    assert len(desk.provider.sent) == 4
    found = desk.log.find(failed[0].notification_id)
    assert found is not None
    assert [(each.round, each.reason) for each in found[1][0].redrives] == [(0, "operator")]
    assert [step.status for step in found[1][0].timeline] == ["created", "pending", "error", "pending", "sent"]
    assert [each.attempt for each in found[1][0].attempts] == [1, 2]


def test_two_operators_at_once_redrive_once(desk: Desk) -> None:
    given = accepted(desk.log)
    desk.give_up(given)
    [choice] = desk.operator.choices(Wanted(), desk.clock(), accept_duplicates=False)
    assert [desk.operator.redrive(choice.delivery, desk.clock()) for _ in range(2)] == [True, False]


def test_what_is_held_is_sent_again_only_by_who_accepts_a_duplicate(desk: Desk) -> None:
    given = accepted(desk.log)
    desk.provider.raises = OutcomeUnknownError(NO_ANSWER)
    results = []
    for _ in range(2):
        results.append(desk.deliver(given))
        desk.clock.advance(2 * MINUTE)
    assert results == [Result.RETRY, Result.HELD]
    assert ids(desk.operator.find(Wanted(kinds=(Kind.HELD,)))) == {given.delivery_id}
    desk.provider.raises = None
    assert desk.redrive() == [Refusal.MAY_BE_SENT]
    assert desk.deliver(given) is Result.DROPPED
    assert desk.redrive(accept_duplicates=True) == [None]
    assert desk.sweep() == [Result.SENT, Result.DROPPED]


def test_a_failure_is_found_by_channel_kind_reason_user_address_time_and_id(desk: Desk) -> None:
    ours, theirs = accepted(desk.log), accepted(desk.log, user_id="bob", endpoint="bob@example.com")
    desk.give_up(ours)
    desk.clock.advance(10 * MINUTE)
    desk.give_up(theirs)
    waits = accepted(desk.log)
    both = {ours.delivery_id, theirs.delivery_id}
    for wanted, found in (
        (Wanted(), both),
        (Wanted(channels=("sms",)), set()),
        (Wanted(kinds=(Kind.HELD,)), set()),
        (Wanted(kinds=(Kind.WAITING,)), {waits.delivery_id}),
        (Wanted(user_id="bob"), {theirs.delivery_id}),
        (Wanted(address="ADA@example.com"), {ours.delivery_id}),
        (Wanted(reasons=(Reason.NO_PROVIDER,)), set()),
        (Wanted(reasons=(Reason.UNAVAILABLE,)), both),
        (Wanted(since=NOW + MINUTE), {theirs.delivery_id}),
        (Wanted(ids=(ours.delivery_id,)), {ours.delivery_id}),
    ):
        assert ids(desk.operator.find(wanted)) == found, wanted


def test_a_delivery_that_failed_while_it_was_published_stays_among_the_failed(desk: Desk) -> None:
    given = accepted(desk.log)
    desk.clock.advance(10 * MINUTE)
    [due] = [each for shard in SHARDS["email"] for page in desk.log.due(shard, desk.clock()) for each in page]
    assert desk.log.close(given.event(), Status.ERROR, Reason.NO_ENDPOINT, due.due_at) is None
    desk.log.postpone(due, due.postponed(desk.clock()))
    assert ids(desk.operator.find(Wanted())) == {given.delivery_id}
    assert desk.redrive() == [], "without its reason it is not asked for: it would fail again"
    assert desk.redrive(reasons=(Reason.NO_ENDPOINT,)) == [None]


def test_one_that_cannot_be_read_hides_none_of_the_others(desk: Desk) -> None:
    spoilt, other = accepted(desk.log), accepted(desk.log)
    for each in (spoilt, other):
        desk.give_up(each)
    desk.log.client.update_item(
        TableName=desk.log.table,
        Key=delivery_key(spoilt.notification_id, spoilt.delivery_id),
        UpdateExpression="SET app_key = :no",
        ExpressionAttributeValues={":no": {"BOOL": False}},
    )
    operator = desk.operator
    assert ids(operator.find(Wanted())) == {other.delivery_id}
    assert operator.unreadable == [spoilt.notification_id]


def test_one_delivery_of_several_is_shown_by_its_own_id(desk: Desk) -> None:
    desk.log.apart = True
    given = accepted(desk.log)
    state = desk.operator.state(given.delivery_id)
    assert (state.notification_id, [each.delivery_id for each in state.deliveries]) == (
        given.notification_id,
        [given.delivery_id],
    )
    assert desk.operator.state(given.notification_id) == state
