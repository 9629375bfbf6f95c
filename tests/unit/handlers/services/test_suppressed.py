"""A suppressed address is not tried: as it is planned, and again as it is sent. And links that are tracked as it is."""

from dataclasses import replace

import pytest

from handlers.domain.content.rendering import Content
from handlers.domain.notifications.deliveries import Reason
from handlers.domain.notifications.plan import plan
from handlers.domain.notifications.statuses import Status
from handlers.domain.people.person import NOBODY, Person
from handlers.domain.people.reach import Endpoint, Reach
from handlers.domain.people.same_address import address_key
from handlers.services.delivering import Report, Result, Worker
from handlers.services.failover import Chain
from tests.unit.handlers.memory import LINKS, MemoryProviderState
from tests.unit.handlers.samples import DEMO, NOW, reached, request
from tests.unit.handlers.services.test_delivering import LEASE, Bench

MAIL = "ada@example.com"
URL = "https://hooks.example.com/Ada"
ADA = Person(Reach({"email": (Endpoint(MAIL),), "sms": (Endpoint("+442079460123"),)}))
SUPPRESSED = {address_key(MAIL): Person(suppressed=True)}


@pytest.mark.parametrize("critical", [frozenset(), frozenset({"payment"})])
@pytest.mark.parametrize("to", [{"user_id": "ada"}, {"email": "Ada@Example.com"}])
def test_it_is_planned_as_an_error_for_users_and_bare_addresses_of_every_category(
    to: dict[str, str], critical: frozenset[str]
) -> None:
    planned = plan(
        request(to=[to]),
        caller=DEMO,
        categories={"payment": ("email", "sms")},
        served=("email", "sms"),
        people={"ada": ADA, **SUPPRESSED},
        now=NOW,
        critical=critical,
    )
    on_mail = [(each.status, each.reason) for each in planned if each.channel == "email"]
    assert on_mail == [(Status.ERROR, Reason.SUPPRESSED)]
    assert [each.status for each in planned if each.channel == "sms"] == [Status.CREATED] * ("user_id" in to)


@pytest.mark.parametrize("critical", [frozenset(), frozenset({"payment"})])
def test_of_a_users_urls_the_one_that_is_suppressed_is_an_error_and_the_others_are_sent_to(
    critical: frozenset[str],
) -> None:
    urls = tuple(Endpoint(url, "webhook") for url in (URL, URL.lower(), f"{URL}2"))
    people = {"ada": Person(Reach({"chat": urls})), address_key(URL): Person(suppressed=True)}
    planned = plan(
        request(to=[{"user_id": "ada"}], channels=["chat"]),
        caller=DEMO,
        categories={"payment": ("chat",)},
        served=("chat",),
        people=people,
        now=NOW,
        critical=critical,
    )
    assert [(each.endpoint, each.status, each.reason) for each in planned] == [
        (urls[0], Status.ERROR, Reason.SUPPRESSED),
        (urls[1], Status.CREATED, None),
        (urls[2], Status.CREATED, None),
    ]


def test_a_device_is_sent_to_whatever_is_suppressed() -> None:
    people = {
        "ada": Person(Reach({"push": (Endpoint("ab" * 32, "apns"),)})),
        address_key("ab" * 32): Person(suppressed=True),
    }
    [planned] = plan(
        request(to=[{"user_id": "ada"}], channels=["push"]),
        caller=DEMO,
        categories={"payment": ("push",)},
        served=("push",),
        people=people,
        now=NOW,
    )
    assert planned.status is Status.CREATED


@pytest.mark.parametrize("names_the_url", [True, False], ids=["as it was accepted", "as the sweeper publishes it"])
@pytest.mark.parametrize("category", ["payment", "security"])
def test_a_url_that_was_suppressed_since_it_was_planned_is_not_called(category: str, names_the_url: bool) -> None:
    bench = Bench()
    given = bench.accept(category=category, channel="chat", platform="webhook", endpoint=URL)
    people = {**reached(given), address_key(URL): replace(NOBODY, suppressed=True)}
    event = given.event() if names_the_url else replace(given.event(), address_key=None, platform=None)
    assert given.event().address_key == address_key(URL)
    chain = Chain((bench.provider,), MemoryProviderState(), bench.clock)
    worker = Worker(bench.log, bench.templates, LINKS, chain, bench.clock, critical=frozenset({"security"}))
    assert worker.deliver(event, people, bench.clock() + LEASE).result is Result.FAILED
    kept = bench.kept(given)
    assert (kept.status, kept.reason) == (Status.ERROR, Reason.SUPPRESSED)
    assert bench.provider.sent == []


def test_a_url_is_called_while_another_of_the_users_is_suppressed() -> None:
    bench = Bench()
    given = bench.accept(channel="chat", platform="webhook", endpoint=URL)
    people = {**reached(given), address_key(URL.lower()): replace(NOBODY, suppressed=True)}
    assert bench.deliver_to(people, given) == Report(Result.SENT)


@pytest.mark.parametrize("category", ["payment", "security"])
def test_what_was_suppressed_since_it_was_planned_is_not_sent(category: str) -> None:
    bench = Bench()
    given = bench.accept(category=category)
    people = {**reached(given), address_key(given.endpoint or ""): replace(NOBODY, suppressed=True)}
    assert bench.deliver_to(people, given) == Report(Result.FAILED, Reason.SUPPRESSED)
    kept = bench.kept(given)
    assert (kept.status, kept.reason, kept.attempts) == (Status.ERROR, Reason.SUPPRESSED, ())
    assert bench.provider.sent == []


@pytest.mark.parametrize(("tracked", "times"), [(frozenset({"payment"}), 1), (frozenset(), 0)])
def test_all_links_of_a_tracked_category_lead_through_us_and_its_text_stays(
    tracked: frozenset[str], times: int
) -> None:
    bench = Bench()
    shop = '<p>Hi</p><a href="https://shop.example.com/">Shop</a><a href="{{ unsubscribe_url }}">Out</a>'
    given = bench.accept(content=Content(subject="Hi", body=shop), data={})
    chain = Chain((bench.provider,), MemoryProviderState(), bench.clock)
    worker = Worker(bench.log, bench.templates, LINKS, chain, bench.clock, tracked=tracked)
    assert worker.deliver(given.event(), reached(given), bench.clock() + LEASE) == Report(Result.SENT)
    [message] = bench.provider.sent
    assert message.content.body.count("/t/c/") == times
    assert message.content.body.count("/u/") == 1
    assert "https://shop.example.com/" in (message.content.text or "")
