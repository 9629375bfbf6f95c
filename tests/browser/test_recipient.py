"""A recipient's page in a real browser, without JavaScript: the function that serves it, over a log in memory."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import tests.unit.handlers.entrypoints.environment  # noqa: F401 - for what it sets
from handlers.domain.content.links import Purpose
from handlers.domain.notifications.statuses import Status
from tests.browser.conftest import follow, opened
from tests.unit.handlers.entrypoints.test_tracking import Bench, ask
from tests.unit.handlers.entrypoints.test_tracking import bench as bench

SITE = "https://links.example.com"


@pytest.fixture(params=["light", "dark"])
def reader(browser: Browser, bench: Bench, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A phone that reaches the function."""

    def answer(route: Route) -> None:
        asked, url = route.request, urlsplit(route.request.url)
        answered = ask(
            asked.method,
            url.path,
            asked.post_data,
            query=parse_qs(url.query) or None,
            headers={"accept-language": asked.headers.get("accept-language", "")},
        )
        route.fulfill(status=answered.status, headers=answered.headers, body=answered.body)

    phone = {"viewport": {"width": 390, "height": 844}, "locale": "en-GB", "color_scheme": request.param}
    with opened(browser, java_script_enabled=False, **phone) as page:
        page.context.route(f"{SITE}/**", answer)
        yield page


def test_a_click_unsubscribes_and_another_takes_it_back(reader: Page, bench: Bench) -> None:
    reader.goto(f"{SITE}{bench.path(Purpose.UNSUBSCRIBE)}")
    follow(reader.get_by_role("button", name="Unsubscribe from these"))
    expect(reader.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    expect(reader.get_by_role("switch", name="Email").first).not_to_be_checked()
    assert bench.status() is Status.UNSUBSCRIBED
    assert not bench.choices.kept["ada"].allow("payment", "email")
    follow(reader.get_by_role("button", name="Receive them again"))
    expect(reader.get_by_role("heading", name="You receive “Payment” by email")).to_be_visible()
    assert bench.choices.kept["ada"].allow("payment", "email")


def test_switches_quiet_hours_and_time_zone_are_saved_in_the_readers_language(reader: Page, bench: Bench) -> None:
    reader.goto(f"{SITE}{bench.path(Purpose.UNSUBSCRIBE)}")
    follow(reader.get_by_role("link", name="简体中文"))
    reader.get_by_role("group", name="Payment").get_by_role("switch", name="电子邮件").uncheck()
    expect(reader.get_by_role("group", name="Security").get_by_role("switch")).to_be_disabled()
    reader.get_by_label("开始").fill("22:00")
    reader.get_by_label("结束").fill("07:30")
    reader.get_by_label("时区").select_option(label="Shanghai")
    follow(reader.get_by_role("button", name="保存"))
    expect(reader.get_by_role("heading", name="您已退订")).to_be_visible()
    expect(reader.get_by_label("开始")).to_have_value("22:00")
    expect(reader.get_by_label("时区")).to_have_value("Asia/Shanghai")
    assert bench.choices.zones == {"ada": "Asia/Shanghai"}
    assert bench.choices.kept["ada"].document() == {
        "categories": {"payment": {"email": False}},
        "quiet_hours": {"start": "22:00", "end": "07:30"},
    }
