"""Every page as it looks, on a screen and a phone, in light and dark: `python -m tests.browser.screenshots`.

All of them are put into .carillon/pages, to be looked at; those that the documentation shows, into docs/pages.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from rich.console import Console

from local.demo import play
from local.demo_outage import AT_ONCE
from local.paths import CACHE, ROOT
from local.platform import Platform
from tests.browser.conftest import chromium, opened

SIZES: Final = {"screen": ViewportSize(width=1280, height=860), "phone": ViewportSize(width=390, height=844)}
SCHEMES: Final = ("light", "dark")
IN_DOCS: Final = (
    "mail-screen-light",
    "inbox-phone-dark",
    "attempts-screen-dark",
    "links-screen-light",
    "sms-phone-light",
    "push-phone-light",
    "chat-screen-dark",
    "platform-screen-light",
    "platform-phone-dark",
    "engagement-screen-light",
    "alerts-screen-dark",
    "settings-phone-light",
    "settings-zh-phone-dark",
    "unsubscribed-phone-light",
)


def main() -> None:
    """Start a platform, play the demo on it, and look at its pages."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as directory, Platform.start(Path(directory), config=AT_ONCE) as platform:
        play(platform, console)
        capture(platform.local.inbox_url, CACHE / "pages")
    for name in IN_DOCS:
        shutil.copy(CACHE / "pages" / f"{name}.png", ROOT / "docs" / "pages")
    console.print(f"{len(list((CACHE / 'pages').glob('*.png')))} pages are in {CACHE / 'pages'}")


def capture(inbox_url: str, directory: Path) -> None:
    """Look at the pages of a platform on which the demo was played."""
    directory.mkdir(parents=True, exist_ok=True)
    fault = f"{inbox_url}/api/faults/sendgrid"
    httpx.put(fault, json={"mode": "throttle", "rate": 0.5}).raise_for_status()
    try:
        with sync_playwright() as playwright:
            browser = chromium(playwright)
            # Recipients' pages come last: what is done on them changes what the inbox shows.
            for pages in (list(_inbox_pages(inbox_url)), list(_recipients_pages(inbox_url))):
                for size in SIZES:
                    for scheme in SCHEMES:
                        _capture_all(browser, pages, directory, size, scheme)
            browser.close()
    finally:
        httpx.delete(fault).raise_for_status()


def _capture_all(browser: Browser, pages: list[tuple[str, str, str]], directory: Path, size: str, scheme: Any) -> None:
    for name, url, language in pages:
        with opened(browser, viewport=SIZES[size], color_scheme=scheme, locale=language) as page:
            page.goto(url)
            _wait(page)
            page.screenshot(path=directory / f"{name}-{size}-{scheme}.png")
            if name.startswith("settings"):
                _unsubscribe_and_back(
                    page, directory, f"{name.replace('settings', 'unsubscribed')}-{size}-{scheme}.png"
                )


def _unsubscribe_and_back(page: Page, directory: Path, name: str) -> None:
    page.locator("button[name=List-Unsubscribe]").click()
    expect(page.locator("button[name=again]")).to_be_visible()
    page.wait_for_load_state()
    page.screenshot(path=directory / name)
    page.locator("button[name=again]").click()
    expect(page.locator("button[name=List-Unsubscribe]")).to_be_visible()


def _wait(page: Page) -> None:
    if page.locator("#live").count():
        expect(page.locator("#live")).to_have_text("live")
    page.wait_for_load_state()


def _inbox_pages(inbox_url: str) -> Iterator[tuple[str, str, str]]:
    """Yield each page's name, url and language."""
    ids = dict(re.findall(r'\?message=(\w+)" data-channel="(\w+)"', httpx.get(inbox_url).text))
    last = {channel: message for message, channel in reversed(ids.items())}
    mail = f"{inbox_url}/?message={last['email']}"
    yield "inbox", inbox_url, "en-GB"
    yield "mail", mail, "en-GB"
    for view, name in (("text", "text"), ("source", "source"), ("links", "links"), ("details", "headers")):
        yield name, f"{mail}&view={view}", "en-GB"
    yield "attempts", f"{inbox_url}/?channel=sms&message={last['sms']}&view=history", "en-GB"
    yield "sms", f"{inbox_url}/?message={last['sms']}", "en-GB"
    yield "push", f"{inbox_url}/?message={last['push']}", "en-GB"
    yield "chat", f"{inbox_url}/?message={last['chat']}", "en-GB"
    for tab in ("platform", "engagement", "alerts"):
        yield tab, f"{inbox_url}/{tab}", "en-GB"


def _recipients_pages(inbox_url: str) -> Iterator[tuple[str, str, str]]:
    messages = httpx.get(f"{inbox_url}/api/messages").raise_for_status().json()
    [body] = [each["body"] for each in messages if each["channel"] == "email"]
    [settings] = re.findall(r'"(http[^"]+/u/[^"]+)"', body)
    yield "settings", settings, "en-GB"
    yield "settings-zh", settings, "zh-CN"
    yield "broken", f"{settings[:-8]}broken00", "en-GB"
    yield "broken-zh", f"{settings[:-8]}broken00", "zh-CN"


if __name__ == "__main__":
    main()
