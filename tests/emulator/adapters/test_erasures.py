"""Erasing a user from a real table: nothing personal is left, everything that is counted is."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.adapters.aws.dynamo import plain
from handlers.adapters.aws.erasures import PERSONAL, DynamoErasureRequests, DynamoErasures
from handlers.adapters.aws.log_keys import head_key
from handlers.domain.notifications.deliveries import Delivery, Reason
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.erasure import Erasure, Pass
from handlers.domain.people.same_address import address_key
from handlers.services.erasing import Eraser
from tests.emulator.adapters.log import DynamoLog
from tests.unit.handlers.log_contract import SENT, claimed
from tests.unit.handlers.memory import Clock
from tests.unit.handlers.samples import NOW, delivery, notification, payload

LATER = NOW + timedelta(hours=1)
FOREVER = NOW + timedelta(days=1)


class Bench:
    """A log of its own, and who erases from it."""

    def __init__(self, table: str, client: Any) -> None:
        self.log = DynamoLog(table, client)
        self.client, self.table = client, table
        self.clock = Clock(LATER)
        self.requests = DynamoErasureRequests(table, client)
        self.erasures = DynamoErasures(table, client)

    def accept(self, *deliveries: Delivery) -> Delivery:
        head = notification(deliveries[0].notification_id)
        assert self.log.accept(head, deliveries, payload())
        return deliveries[0]

    def sent(self, **fields: Any) -> Delivery:
        given = self.accept(delivery(**fields))
        self.log.conclude(claimed(self.log, given), SENT)
        return given

    def ask(self, user: str = "ada", *addresses: str, at: datetime = LATER) -> None:
        self.requests.ask(Erasure(user, at, frozenset(map(address_key, addresses))))

    def erase(self) -> int:
        erased = Eraser(self.erasures, self.clock).erase(FOREVER)
        assert erased.errors == ()
        return erased.deliveries

    def of(self, given: Delivery) -> dict[str, Any]:
        return plain(self.log.item(given))


@pytest.fixture
def bench(new_log_table: Callable[[], str], aws: Callable[[str], Any]) -> Bench:
    return Bench(new_log_table(), aws("dynamodb"))


def test_what_was_sent_loses_address_and_content_and_keeps_what_is_counted(bench: Bench) -> None:
    given = bench.sent()
    before = bench.of(given)
    bench.ask()
    assert bench.erase() == 1
    after = bench.of(given)
    assert "ada@example.com" in str(before)
    assert "Ada" not in str(after)
    assert after.keys() == before.keys() - {*PERSONAL} | {"erased_at"}
    assert {name: before[name] for name in after if name != "erased_at"} == {
        name: value for name, value in after.items() if name != "erased_at"
    }
    found = bench.log.find(given.notification_id)
    assert found is not None
    assert (found[1][0].status, found[1][0].recipient) == (Status.SENT, None)
    assert bench.erasures.asked().users == ()


def test_nobody_elses_is_touched_nor_what_came_after_though_an_address_is_shared(bench: Bench) -> None:
    shared = "family@example.com"
    bob = bench.sent(user_id="bob", endpoint=shared)
    bare = bench.sent(user_id=None, endpoint=shared)
    other = bench.sent(user_id=None, endpoint="other@example.com")
    again = bench.sent(created_at=LATER + timedelta(seconds=1))
    kept = [bench.of(each) for each in (bob, other, again)]
    bench.ask("ada", shared)
    assert bench.erase() == 1
    assert "endpoint" not in bench.of(bare)
    assert [bench.of(each) for each in (bob, other, again)] == kept


def test_what_waits_ends_as_that_of_a_contact_that_is_gone_and_is_in_no_index(bench: Bench) -> None:
    given = bench.accept(delivery(send_at=NOW + timedelta(days=30)))
    bench.ask()
    assert bench.erase() == 1
    after = bench.of(given)
    assert (after["status"], after["reason"]) == (Status.ERROR, Reason.NO_ENDPOINT)
    assert [step["status"] for step in after["timeline"]] == ["created", "error"]
    assert not {"due_at", "due_shard", "endpoint", "payload"} & after.keys()


def test_what_is_being_sent_is_left_until_it_has_been(bench: Bench) -> None:
    given = bench.accept(delivery(created_at=NOW))
    bench.clock.now = NOW + timedelta(seconds=1)
    taken = claimed(bench.log, given)
    bench.ask(at=bench.clock.now)
    assert bench.erase() == 0
    assert "endpoint" in bench.of(given)
    bench.log.conclude(taken, SENT)
    assert bench.erase() == 1
    assert "endpoint" not in bench.of(given)
    assert bench.of(given)["status"] == Status.SENT
    assert bench.erasures.asked().users == ()


def test_what_is_said_to_several_goes_when_the_last_of_them_has_it(bench: Bench) -> None:
    head = notification()
    ada, bob = (delivery(head.notification_id, user_id=user) for user in ("ada", "bob"))
    bench.accept(ada, bob)

    def said() -> bool:
        return "payload" in bench.client.get_item(TableName=bench.table, Key=head_key(head.notification_id))["Item"]

    bench.ask()
    assert bench.erase() == 0
    assert "endpoint" not in bench.of(ada)
    assert said()
    bench.log.close(bob.event(), Status.CANCELED, Reason.CANCELED, LATER)
    assert bench.erase() == 1
    assert not said()
    assert "endpoint" in bench.of(bob)


def test_a_large_log_is_read_in_bounded_steps_and_goes_on_where_it_stopped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each invocation has time for one page, of three items: as if each were 300 KB."""
    sent = [bench.sent() for _ in range(8)]
    bench.ask()
    real, pages = bench.client.scan, []

    def scan(**arguments: Any) -> Any:
        pages.append(arguments.get("ExclusiveStartKey"))
        bench.clock.now = FOREVER
        return real(**arguments, Limit=3)

    monkeypatch.setattr(bench.client, "scan", scan)
    monkeypatch.setattr(Eraser, "_erase", lambda self, found, user, _: self.log.erase(found, user, LATER))
    left = [sum("endpoint" in bench.of(each) for each in sent)]
    while bench.erasures.asked().users:
        bench.clock.now = LATER
        Eraser(_OneMore(bench.erasures, bench.clock), bench.clock).erase(FOREVER)
        left.append(sum("endpoint" in bench.of(each) for each in sent))
        assert len(pages) < 10
    assert left[-1] == 0
    assert left == sorted(left, reverse=True)
    assert len(left) > 3
    assert len(set(map(str, pages))) == len(pages)
    latest = bench.erasures.asked().latest
    assert latest is not None
    assert (latest.is_over, latest.put_off) == (True, len(left) - 2)


def test_a_pass_that_one_invocation_begins_and_another_ends_at_once_is_no_long_one(bench: Bench) -> None:
    """As when the first has died, or both run at the same time: the next pass need not rest for it."""
    bench.sent()
    bench.ask()
    bench.erasures.keep(Pass(LATER, LATER))
    assert bench.erase() == 1
    latest = bench.erasures.asked().latest
    assert latest is not None
    assert (latest.is_over, latest.put_off) == (True, 0)


class _OneMore:
    """Lets time pass after a page is read, when what was found in it is erased."""

    def __init__(self, erasures: DynamoErasures, clock: Clock) -> None:
        self._erasures, self._clock = erasures, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._erasures, name)

    def page(self, *arguments: Any) -> Any:
        page = self._erasures.page(*arguments)
        self._clock.now = LATER
        return page

    def keep(self, current: Any) -> None:
        self._erasures.keep(current)
        self._clock.now = FOREVER


def test_asked_again_it_covers_what_came_since_and_every_address_that_was_named(bench: Bench) -> None:
    bench.ask("ada", "old@example.com", at=NOW)
    bench.ask("ada", at=LATER)
    [asked] = bench.erasures.asked().users
    assert asked == Erasure("ada", LATER, frozenset({address_key("old@example.com")}))
