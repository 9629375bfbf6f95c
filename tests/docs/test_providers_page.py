"""Every provider has its row in both tables of the page, and no other has one."""

import re
from pathlib import Path

import pytest

from handlers.domain.providers.registry import PROVIDERS, Registered
from ops import pages

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "providers.md").read_text()


def rows(page: str) -> list[tuple[str, str]]:
    """The channel and the provider of each row that begins with them."""
    return re.findall(r"^\| ([a-z]+) \| `([a-z0-9-]+)` \|", page, re.MULTILINE)


def test_every_provider_is_described_once_and_no_other() -> None:
    assert sorted(rows(PAGE)) == sorted((each.channel, each.name) for each in PROVIDERS)


def test_what_every_provider_answers_is_explained() -> None:
    assert sorted(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.MULTILINE)) == sorted(each.name for each in PROVIDERS)


def test_a_provider_that_its_adapter_does_not_describe_is_named_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new_one.py").write_text('"""A new provider.\n\nEndpoint: `POST https://new.example.com`\n"""\n')
    monkeypatch.setattr(pages, "ADAPTERS", tmp_path)
    with pytest.raises(pages.UndescribedError, match=r"new_one\.py: its docstring lacks `Credentials: …`, `Limits: …`"):
        pages.facts(Registered("sms", "new-one"))
