"""What recipients do, and what becomes of it."""

from datetime import timedelta

import pytest

from handlers.domain.content.links import Link
from handlers.domain.notifications.deliveries import Delivery
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import person_key
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.same_address import address_key, is_address_key
from handlers.domain.people.settings import UserSettings
from handlers.services.tracking import Recipients
from tests.unit.handlers.log_contract import SENT, claimed
from tests.unit.handlers.memory import Clock, MemoryChoices, MemoryLog
from tests.unit.handlers.samples import NOW, delivery, notification, payload

SECOND = timedelta(seconds=1)


class Bench:
    """A delivery that was sent, and who listens to its recipient."""

    def __init__(self, **fields: object) -> None:
        self.log, self.choices, self.clock = MemoryLog(), MemoryChoices(), Clock(NOW)
        self.recipients = Recipients(self.log, self.choices, self.clock, frozenset({"security"}), self.choices)
        given = delivery(**fields)  # type: ignore[arg-type]
        if given.user_id is not None:
            self.choices.reach[given.user_id] = Reach({given.channel: (Endpoint(given.endpoint or ""),)})
        assert self.log.accept(notification(given.notification_id), [given], payload())
        self.log.conclude(claimed(self.log, given), SENT)
        self.link = Link(given.notification_id, given.delivery_id)
        self.clock.advance(SECOND)

    def kept(self) -> Delivery:
        found = self.log.look(self.link)
        assert found is not None
        return found

    def steps(self) -> list[Status]:
        return [step.status for step in self.kept().timeline if step.status is not None]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_a_recipient_does_is_news_once(bench: Bench) -> None:
    news = [bench.recipients.saw(bench.link, status) for status in (Status.OPENED, Status.OPENED, Status.CLICKED)]
    assert [each is not None and each.is_news for each in news] == [True, False, True]
    assert bench.steps() == [Status.CREATED, Status.PENDING, Status.SENT, Status.OPENED, Status.CLICKED]


def test_a_click_that_comes_before_its_opening_stays(bench: Bench) -> None:
    bench.recipients.saw(bench.link, Status.CLICKED)
    late = bench.recipients.saw(bench.link, Status.OPENED)
    assert late is not None
    assert not late.is_news
    assert bench.kept().status is Status.CLICKED


def test_looking_changes_nothing(bench: Bench) -> None:
    told = bench.recipients.look(bench.link)
    assert told is not None
    assert told.wanted
    assert bench.choices.kept == {}
    assert bench.kept().status is Status.SENT


def test_whoever_unsubscribes_is_out_of_that_category_on_that_channel_alone() -> None:
    bench = Bench(user_id="ada", category="payment")
    before = UserSettings.model_validate(
        {
            "categories": {"payment": {"sms": True}, "news": {"email": False}},
            "quiet_hours": {"start": "22:00", "end": "07:00"},
        }
    )
    bench.choices.kept["ada"] = before
    told = bench.recipients.unsubscribe(bench.link)
    assert told is not None
    assert (told.wanted, told.is_news) == (False, True)
    kept = bench.choices.kept["ada"]
    assert kept.categories == {"payment": {"sms": True, "email": False}, "news": {"email": False}}
    assert kept.quiet_hours == before.quiet_hours
    assert bench.kept().status is Status.UNSUBSCRIBED
    assert bench.choices.kept[address_key("ada@example.com")].categories == {"payment": {"email": False}}


@pytest.mark.parametrize("reach", [None, Reach({}), Reach({"email": (Endpoint("ada@new.example.com"),)})])
def test_who_reads_a_mailbox_that_its_user_has_left_speaks_for_the_mailbox_alone(reach: Reach | None) -> None:
    bench = Bench(user_id="ada", category="payment")
    bench.choices.reach = {} if reach is None else {"ada": reach}
    bench.choices.kept["ada"] = UserSettings(categories={"news": {"email": False}})
    told = bench.recipients.unsubscribe(bench.link)
    assert told is not None
    assert (told.wanted, told.is_user, told.settings.categories) == (False, False, {"payment": {"email": False}})
    assert bench.choices.kept["ada"].categories == {"news": {"email": False}}
    assert bench.choices.kept[address_key("ada@example.com")].categories == {"payment": {"email": False}}
    assert set(bench.choices.kept) == {"ada", address_key("ada@example.com")}


def test_a_link_in_a_push_speaks_for_the_user() -> None:
    bench = Bench(user_id="ada", channel="push", endpoint="ab" * 32, platform="apns")
    assert bench.recipients.unsubscribe(bench.link) is not None
    assert bench.choices.kept["ada"].categories == {"payment": {"push": False}}


def test_nobody_unsubscribes_from_a_critical_category() -> None:
    bench = Bench(category="security")
    told = bench.recipients.unsubscribe(bench.link)
    assert told is not None
    assert (told.wanted, told.is_always_sent, told.is_news) == (True, True, False)
    assert bench.choices.kept == {}
    assert bench.kept().status is Status.SENT


def test_unsubscribing_again_is_no_news_and_does_no_harm(bench: Bench) -> None:
    told = [bench.recipients.unsubscribe(bench.link) for _ in range(2)]
    assert [each is not None and each.is_news for each in told] == [True, False]
    assert all(each is not None and not each.wanted for each in told)


def test_a_bare_address_unsubscribes_as_well() -> None:
    bench = Bench(user_id=None, endpoint="Bob@example.com")
    assert bench.recipients.unsubscribe(bench.link) is not None
    assert set(bench.choices.kept) == {person_key(None, "bob@EXAMPLE.com")}


def test_choices_replace_what_they_are_about_and_nothing_else() -> None:
    bench = Bench(user_id="ada")
    bench.choices.kept["ada"] = UserSettings(categories={"payment": {"email": False}, "gone": {"email": False}})
    chosen = UserSettings.model_validate(
        {"categories": {"payment": {"email": True}}, "quiet_hours": {"start": "23:00", "end": "06:00"}}
    )
    told = bench.recipients.choose(bench.link, chosen)
    assert told is not None
    assert told.settings.categories == {"payment": {"email": True}, "gone": {"email": False}}
    assert told.settings.quiet_hours == chosen.quiet_hours


def test_a_time_zone_is_kept_of_who_has_a_contact_and_of_nobody_else() -> None:
    bench = Bench(user_id="ada")
    told = bench.recipients.choose(bench.link, UserSettings(), "Asia/Tokyo")
    assert told is not None
    assert (told.timezone, bench.choices.zones) == ("Asia/Tokyo", {"ada": "Asia/Tokyo"})
    bench.choices.reach["ada"] = Reach({"email": (Endpoint("ada@new.example.com"),)})
    told = bench.recipients.choose(bench.link, UserSettings(), "Europe/Vienna")
    assert told is not None
    assert (told.has_contact, told.timezone, bench.choices.zones) == (False, None, {"ada": "Asia/Tokyo"})


def test_a_time_zone_that_is_the_users_already_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, written = Bench(user_id="ada"), list[str]()

    def keep(_: str, zone: str) -> bool:
        written.append(zone)
        return True

    monkeypatch.setattr(bench.choices, "keep", keep)
    bench.choices.zones["ada"] = "Asia/Tokyo"
    for zone in (None, "Asia/Tokyo", "Europe/Vienna"):
        assert bench.recipients.choose(bench.link, UserSettings(), zone) is not None
    assert written == ["Europe/Vienna"]


def test_of_a_delivery_that_is_not_there_nothing_is_noted(bench: Bench) -> None:
    gone = Link("no", "delivery")
    assert bench.recipients.saw(gone, Status.OPENED) is None
    assert bench.recipients.look(gone) is None
    assert bench.recipients.unsubscribe(gone) is None
    assert bench.recipients.choose(gone, UserSettings()) is None
    assert bench.choices.kept == {}


def test_no_users_key_is_an_addresss() -> None:
    assert person_key("ada", "ada@example.com") == "ada"
    key = person_key(None, "ada@example.com")
    assert is_address_key(key)
    assert "ada" not in key
    assert not key.isascii()  # as every user id is
