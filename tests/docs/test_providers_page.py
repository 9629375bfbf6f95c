"""Every provider has its row in both tables of the page, and no other has one; nor in that of the credentials."""

import re
from pathlib import Path

from handlers.domain.providers.registry import PROVIDERS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "providers.md").read_text()


def rows(page: str) -> list[tuple[str, str]]:
    """The channel and the provider of each row that begins with them."""
    return re.findall(r"^\| (email|sms|push|chat)[^|]* \| `([a-z0-9-]+)` \|", page, re.MULTILINE)


def test_every_provider_is_described_once_and_no_other() -> None:
    assert sorted(rows(PAGE)) == sorted((each.channel, each.name) for each in PROVIDERS)


def test_what_every_provider_answers_is_explained() -> None:
    assert sorted(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.MULTILINE)) == sorted(each.name for each in PROVIDERS)


def test_the_credentials_of_every_provider_that_has_any_are_described_and_of_no_other() -> None:
    documented = rows((DOCS / "configuration.md").read_text())
    assert sorted(documented) == sorted((each.channel, each.name) for each in PROVIDERS if each.credentials)
