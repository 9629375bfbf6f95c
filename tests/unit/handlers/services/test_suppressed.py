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
