"""What axe finds on our pages, on a screen and a phone, in light and dark, and what a phone shows without scrolling."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from handlers.config import Brand, Category, Look
from handlers.domain.people.settings import UserSettings
from handlers.entrypoints.pages import Entered, Pages, Times
from handlers.services.tracking import Told
from tests.browser.conftest import follow, opened
from tests.browser.test_inbox import COUNTED, open_inbox
from tests.local.sandbox.providers import calls
from tests.local.support import Sandbox, running_sandbox
from tests.unit.handlers.samples import delivery

SCREEN, PHONE = ViewportSize(width=1280, height=860), ViewportSize(width=390, height=844)


@pytest.fixture(params=[(SCREEN, "light"), (PHONE, "dark")], ids=["screen light", "phone dark"])
def seen(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of each size and of each colour: no style is of both."""
    viewport, scheme = request.param
    with opened(browser, viewport=viewport, color_scheme=scheme) as page:
        yield page


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of this module's own: what others have sent and told is not on the pages that are looked at here."""
    with running_sandbox(tmp_path_factory.mktemp("looked-at")) as running:
        yield running


@pytest.fixture(scope="module")
def full(sandbox: Sandbox) -> Sandbox:
    """An inbox with a message of each channel, one with a timeline, and an alert that is open and one that is over."""
    alert = b'{"aps": {"alert": {"title": "Payment received", "body": "EUR 42.00"}}}'
    calls.apns(sandbox, content=alert, headers=sandbox.logged())
    calls.twilio(sandbox, form={"Body": "Your code is 381 204"}, headers=sandbox.logged())
    calls.slack(sandbox, message={"text": "Ada paid EUR 42.00"}, headers=sandbox.logged())
    sandbox.tell("opened", "email")
    sandbox.tell("over", "email")
    sandbox.tell("opened", "sms")
    sandbox.tell("still open", "sms")
    ids = sandbox.log_delivery("created", "pending", "sent")
    sandbox.attempt(ids, {"provider": "sendgrid", "outcome": "unavailable"}, {"provider": "ses", "outcome": "accepted"})
    body = (
        f'<p>Thank you</p><a href="{sandbox.links().clicked(*ids, "https://a.example/")}">A</a><a href="http://b">B</a>'
    )
    sandbox.send(body, subject="Receipt", ids=ids)
    return sandbox


def findings(page: Page) -> list[tuple[str, list[str]]]:
    """What axe has to say against the page: the rule, and where."""
    violations = Axe().run(page).response["violations"]
    return [(each["id"], [str(node["target"]) for node in each["nodes"]]) for each in violations]


def fits(page: Page) -> bool:
    """Whether nothing is beside the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_axe_finds_nothing_in_the_inbox(seen: Page, full: Sandbox) -> None:
    open_inbox(seen, full)
    assert not findings(seen)
    assert fits(seen)
    for channel in ("chat", "email", "push", "sms"):
        chosen = seen.locator(f"#list a[data-channel={channel}]").first.get_attribute("href")
        seen.goto(f"{full.url}{chosen}")
        expect(seen.locator("#message")).to_be_visible()
        assert not findings(seen), channel
        assert fits(seen), channel


def test_axe_finds_nothing_in_what_is_shown_of_a_mail_which_fits_its_page(seen: Page, full: Sandbox) -> None:
    for view, shown in (("details", "table"), ("source", "pre"), ("links", ".links"), ("history", "#history table")):
        seen.goto(f"{full.url}/?q=Receipt&view={view}")
        message = seen.locator("#list li a").first.get_attribute("href")
        seen.goto(f"{full.url}{message}&view={view}")
        expect(seen.locator(shown)).to_be_visible()
        assert not findings(seen), view
        assert fits(seen), view


def test_axe_finds_nothing_on_the_platform_which_fits_its_page(seen: Page, full: Sandbox) -> None:
    with full.fault("outage", provider="sns"):
        seen.goto(f"{full.url}/platform")
        seen.locator("#sns").get_by_text("Make it fail").click()
        expect(seen.locator("#sns").get_by_role("button", name="Switch on")).to_be_visible()
        assert not findings(seen)
        assert fits(seen)


def test_axe_finds_nothing_in_the_alerts_which_fit_their_page(seen: Page, full: Sandbox) -> None:
    open_inbox(seen, full)
    follow(seen.get_by_role("link", name="Alerts"))
    expect(seen.locator("#live")).to_have_text("live")
    expect(seen.locator("#list article .pill")).to_have_text(["still open", "over"])
    assert not findings(seen)
    assert fits(seen)


def test_axe_finds_nothing_in_the_engagement_which_fits_its_page(seen: Page, full: Sandbox) -> None:
    full.count("email", "ses", **COUNTED)
    seen.goto(f"{full.url}/engagement")
    expect(seen.get_by_label("Funnel").locator("li")).to_have_count(6)
    assert not findings(seen)
    assert fits(seen)


def test_axe_finds_nothing_on_a_recipients_pages(seen: Page) -> None:
    reached = frozenset({"email", "push"})
    told = Told(delivery(), UserSettings(), is_user=True, is_always_sent=False, reached_on=reached, has_contact=True)
    left = replace(told, settings=UserSettings(categories={"payment": {"email": False}}))
    categories = {"news": Category(channels=("email",)), "security": Category(channels=("email",), critical=True)}
    for colour in ("#2457c5", "#ffe000", "#777777"):
        pages = Pages(categories, ("email", "push"), Look(brand=Brand(name="Shop", colour=colour)))
        for page in (
            pages.settings(told, {"security"}, entered=Entered(Times("22:00", ""), "Mars/Olympus", ("quiet", "zone"))),
            pages.settings(left, {"security"}, "zh-Hans", saved=True),
            pages.problem("en", "broken", "broken_why"),
        ):
            seen.set_content(page)
            assert not findings(seen)
            assert fits(seen)


def test_a_phone_shows_what_was_sent_without_scrolling(browser: Browser, full: Sandbox) -> None:
    for number in range(8):
        calls.twilio(full, form={"Body": f"Your code is 381 20{number}"}, headers=full.logged())
    with opened(browser, viewport=PHONE) as page:
        open_inbox(page, full)
        assert page.locator("#list li").first.evaluate("each => each.getBoundingClientRect().top") < 200
        for channel, message in (("push", ".phone li[aria-current]"), ("sms", ".phone li[aria-current]")):
            page.goto(f"{full.url}{page.locator(f'#list a[data-channel={channel}]').first.get_attribute('href')}")
            expect(page.locator(message)).to_be_in_viewport()
            page.goto(full.url)


def test_nothing_in_a_timeline_covers_anything_else(browser: Browser, full: Sandbox) -> None:
    for viewport in (SCREEN, PHONE):
        with opened(browser, viewport=viewport) as page:
            page.goto(f"{full.url}/?channel=email")
            follow(page.locator("#list li a").first)
            boxes = page.locator("#timeline li > *").evaluate_all(_BOXES)
        assert len(boxes) >= 8
        assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if overlap(a, b)]


def overlap(one: list[float], other: list[float]) -> bool:
    """Whether two boxes, each left, top, right and bottom, have an area in common."""
    return min(one[2], other[2]) - max(one[0], other[0]) > 1 and min(one[3], other[3]) - max(one[1], other[1]) > 1


_BOXES = "all => all.map(each => { const b = each.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom] })"
