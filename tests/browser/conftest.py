"""Headless Chromium, and a sandbox whose inbox it looks at."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright

from tests.local.support import Sandbox, running_sandbox

MILLISECONDS = 240_000
"""How long a page may take to show what is expected of it: a busy machine is late."""

expect.set_options(timeout=MILLISECONDS)


def chromium(playwright: Playwright) -> Browser:
    """Debian's Chromium, which `make test` installs. Without its own sandbox, which root may not use."""
    return playwright.chromium.launch(
        executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
        args=["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    )


@contextmanager
def opened(browser: Browser, **looks: Any) -> Iterator[Page]:
    """An empty page of a context of its own, as patient with clicks and links as with what is expected of it."""
    context = browser.new_context(**looks)
    context.set_default_timeout(MILLISECONDS)
    try:
        yield context.new_page()
    finally:
        context.close()


def follow(link: Locator) -> None:
    """Click what leads to another page, and wait for that one: the page before may have what is looked for next."""
    with link.page.expect_navigation():
        link.click()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = chromium(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    with opened(browser) as page:
        yield page
