"""The developers responsible are told once of what is wrong, again at growing intervals, and once that it is over."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from handlers.domain.alerts import SWITCHED_OFF, Alert, Cause, Rules, Watched
from handlers.domain.channels import Channel
from handlers.domain.providers.errors import UnavailableError
from handlers.domain.providers.retries import comes_back
from handlers.services.alerting import Alerter
from handlers.services.delivering import Result, Worker
from handlers.services.failover import Chain
from tests.unit.handlers.log_contract import accepted
from tests.unit.handlers.memory import (
    LINKS,
    Clock,
    MemoryAlerts,
    MemoryLog,
    MemoryProvider,
    MemoryProviderState,
    MemoryTemplates,
)
from tests.unit.handlers.samples import NOW, reached

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=each) for each in (1, 60, 3600, 86400))
RULES = Rules(MINUTE, 5 * MINUTE, (HOUR, 4 * HOUR, 12 * HOUR, DAY))


class Desk:
    """A channel of two providers with its worker, whose sweeper looks every minute."""

    def __init__(self) -> None:
        self.clock, self.log, self.state, self.topic = Clock(NOW), MemoryLog(), MemoryProviderState(), MemoryAlerts()
        self.providers = (MemoryProvider("ses"), MemoryProvider("sendgrid"))
        chain = Chain(self.providers, self.state, self.clock)
        self.worker = Worker(self.log, MemoryTemplates(), LINKS, chain, self.clock)
        self.alerter = self.another()

    def another(self) -> Alerter:
        return Alerter("prod", RULES, self.state, self.topic, self.log, self.clock)

    def sweep(self) -> tuple[Exception, ...]:
        watched = self.state.look(self.clock())["email"]
        return self.alerter.see("email", watched)

    def pass_time(self, time: timedelta, every: timedelta = MINUTE) -> list[str]:
        """Let time pass, a sweep every minute, and return what was told meanwhile: its state."""
        before, end = len(self.topic.told), self.clock() + time
        while self.clock() < end:
            self.clock.advance(every)
            self.sweep()
        return self.told[before:]

    @property
    def told(self) -> list[str]:
        return [each.attributes["state"] for each in self.topic.told]

    def out(self, error: Exception | None) -> None:
        for each in self.providers:
            each.raises = error


@pytest.fixture
def desk() -> Desk:
    return Desk()


def send_one_until(desk: Desk, until: Callable[[], bool]) -> None:
    """Let one delivery be tried as its queue does, every second looked at, and a sweep every minute."""
    given, received, due = accepted(desk.log), 0, desk.clock()
    while not until():
        if desk.clock() >= due:
            received += 1
            report = desk.worker.deliver(given.event(), reached(given), desk.clock() + HOUR)
            due = desk.clock() + comes_back(received, 3 * MINUTE, report.patience)
            if report.result is Result.SENT:
                return
        desk.clock.advance(SECOND)
        if desk.clock().second == 0:
            desk.sweep()


def test_a_whole_channels_outage_rings_within_five_minutes_with_one_delivery_and_once(desk: Desk) -> None:
    desk.out(UnavailableError("503"))
    send_one_until(desk, lambda: bool(desk.topic.told))
    assert desk.clock() - NOW <= 5 * MINUTE
    [told] = desk.topic.told
    assert told.subject == "[prod] email: no provider takes deliveries (opened)"
    assert told.attributes["deliveries"] == "1"
    assert "Why: ses: 503; sendgrid: 503\n" in told.text
    assert "Runbook: docs/runbooks/outage.md\n" in told.text
    assert desk.pass_time(50 * MINUTE) == []


def test_it_is_over_when_it_sends_again_and_is_told_once(desk: Desk) -> None:
    desk.out(UnavailableError("503"))
    send_one_until(desk, lambda: bool(desk.topic.told))
    desk.out(None)
    send_one_until(desk, lambda: False)
    assert desk.pass_time(4 * MINUTE) == []
    assert desk.pass_time(3 * MINUTE) == ["over"]
    assert desk.pass_time(2 * DAY) == []


def all_off(desk: Desk) -> None:
    desk.state.now_off = {"ses", "sendgrid"}


def test_what_goes_on_is_told_after_an_hour_four_twelve_and_then_daily(desk: Desk) -> None:
    all_off(desk)
    assert desk.pass_time(5 * MINUTE) == ["opened"]
    assert SWITCHED_OFF in desk.topic.told[0].text
    assert [desk.pass_time(time) for time in (56 * MINUTE, 2 * MINUTE)] == [[], ["still open"]]
    assert desk.pass_time(16 * HOUR + 10 * MINUTE) == ["still open"] * 2
    assert desk.pass_time(3 * DAY) == ["still open"] * 3


def test_what_flaps_rings_once(desk: Desk) -> None:
    for _ in range(10):
        all_off(desk)
        desk.pass_time(3 * MINUTE)
        desk.state.now_off = set()
        desk.pass_time(3 * MINUTE)
    assert desk.told == ["opened"]
    assert desk.pass_time(HOUR) == ["over"]


def test_what_is_over_within_the_minute_rings_nobody(desk: Desk) -> None:
    all_off(desk)
    desk.sweep()
    desk.state.now_off = set()
    assert desk.pass_time(HOUR) == []
    assert desk.state.alerts == {}


def test_one_provider_of_two_that_is_out_rings_nobody(desk: Desk) -> None:
    desk.providers[0].raises = UnavailableError("503")
    for _ in range(10):
        send_one_until(desk, lambda: False)
    assert desk.state.circuits["ses"].opened_at is not None
    assert desk.pass_time(HOUR) == []


def test_a_provider_without_credentials_is_no_help(desk: Desk) -> None:
    desk.providers[0].raises = UnavailableError("503")
    desk.providers[1].has_credentials = False
    send_one_until(desk, lambda: bool(desk.topic.told))
    assert "Why: ses: 503\n" in desk.topic.told[0].text


@pytest.mark.parametrize("cause", [Cause.GIVEN_UP, Cause.HELD, Cause.QUARANTINE])
def test_what_is_counted_rings_once_for_all_of_it_and_is_over_an_hour_after_the_last(desk: Desk, cause: Cause) -> None:
    for _ in range(3):
        desk.state.add(cause, 2, "unavailable", desk.clock())
        desk.pass_time(10 * MINUTE)
    [told] = desk.topic.told
    assert told.attributes["deliveries"] == "2"
    assert desk.pass_time(35 * MINUTE) == ["still open"]
    assert desk.pass_time(20 * MINUTE) == ["over"]
    assert desk.topic.told[-1].attributes["deliveries"] == "6"
    desk.state.add(cause, 1, "unavailable", desk.clock())
    assert desk.pass_time(2 * MINUTE) == ["opened"]
    assert desk.topic.told[-1].attributes["deliveries"] == "1"


def test_of_two_sweepers_one_tells(desk: Desk) -> None:
    desk.state.add(Cause.HELD, 1, "no_answer", desk.clock())
    seen = desk.state.look(desk.clock())["email"]
    desk.alerter.see("email", seen)
    desk.another().see("email", seen)  # it had read the same
    desk.sweep()
    assert desk.told == ["opened"]


def test_a_sweeper_that_dies_before_it_tells_is_followed_by_one_that_does(desk: Desk) -> None:
    desk.state.add(Cause.HELD, 1, "no_answer", desk.clock())
    desk.topic.up = False
    assert [type(error) for error in desk.sweep()] == [OSError]
    desk.topic.up = True
    assert desk.sweep() == ()
    assert desk.told == [], "the other may be telling still"
    assert desk.pass_time(5 * MINUTE) == ["opened"]


def test_an_alert_that_cannot_be_told_keeps_no_other_from_it(desk: Desk) -> None:
    class Picky(MemoryProviderState):
        def move(self, channel: Channel, cause: Cause, seen: Alert | None, alert: Alert | None) -> bool:
            if cause is Cause.HELD:
                raise OSError("not written")
            return super().move(channel, cause, seen, alert)

    desk.state = Picky()
    desk.alerter = desk.another()
    for cause in (Cause.HELD, Cause.QUARANTINE):
        desk.state.add(cause, 1, "foreign", desk.clock())
    assert [type(error) for error in desk.sweep()] == [OSError]
    assert [each.attributes["cause"] for each in desk.topic.told] == ["quarantine"]


def test_nothing_is_written_while_all_is_well(desk: Desk) -> None:
    class Untouched(MemoryProviderState):
        def move(self, *args: object) -> bool:
            raise AssertionError

    store = Untouched()
    assert Alerter("prod", RULES, store, desk.topic, desk.log, desk.clock).see("email", Watched()) == ()


def test_a_subject_is_short_ascii_and_a_text_has_nothing_but_names_codes_counts_and_times(desk: Desk) -> None:
    desk.state.add(Cause.GIVEN_UP, 1, "outcome_unknown", desk.clock())
    alerter = Alerter("e" * 120, RULES, desk.state, desk.topic, desk.log, desk.clock)
    alerter.see("email", desk.state.look(desk.clock())["email"])
    [told] = desk.topic.told
    assert told.subject.isascii()
    assert len(told.subject) < 100
    assert dict(line.split(": ", 1) for line in told.text.splitlines() if ": " in line).keys() == {
        "email",
        "State",
        "Since",
        "Deliveries",
        "Why",
        "Environment",
        "Runbook",
    }


def test_the_time_of_an_alert_is_that_of_its_trouble(desk: Desk) -> None:
    at: datetime = desk.clock()
    desk.state.add(Cause.HELD, 1, "no_answer", at)
    desk.pass_time(MINUTE)
    assert desk.state.alerts[Cause.HELD].since == at
