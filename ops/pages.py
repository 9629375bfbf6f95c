"""Writes the tables of docs/ that follow from the registries: `python -m ops.pages`.

A page says where a table goes by two comments, `<!-- channels: generated from … -->` and `<!-- end -->`.
"""

import ast
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from handlers.domain.channels import REGISTRY
from handlers.domain.providers.registry import PROVIDERS, Registered

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
ADAPTERS: Final = ROOT / "handlers" / "adapters" / "providers"

_CONTENT: Final = ("subject", "body", "text")
_FACTS: Final = ("endpoint", "credentials", "limits", "idempotency", "source")
# Whom an answer speaks of, by the line of the docstring and the head of the table; a provider may lack any of them.
_ANSWERS: Final[Mapping[str, str]] = {
    "Refused address": "refused: the address",
    "Refused message": "refused: the message",
    "Gone": "gone for good: tried no more",
    "Throttled": "throttled: our account",
    "This address alone": "throttled or unavailable: this address alone",
}


class UndescribedError(Exception):
    """An adapter's docstring lacks a fact of its provider. The message says which, and where to write it."""


def channels() -> str:
    """Return what each channel takes of a content, and how long its body may be."""
    rows = [["channel", *(f"`{field}`" for field in _CONTENT), "`body` at most"]]
    for name, channel in REGISTRY.items():
        longest = f"{channel.max_characters:,} characters; an emoji is two" if channel.max_characters else ""
        rows.append([name, *(channel.fields.get(field, "") for field in _CONTENT), longest])
    return _table(rows)


def providers() -> str:
    """Return where each provider is called, with what, and what it takes, as the adapters' docstrings say."""
    rows = [["channel", "provider", *_FACTS]]
    rows += [[each.channel, f"`{each.name}`", *facts(each).values()] for each in PROVIDERS]
    return _table(rows)


def answers() -> str:
    """Return whom each provider's answers speak of, as the adapters' docstrings say."""
    rows = [["provider", *_ANSWERS.values()]]
    rows += [[f"`{each.name}`", *answers_of(each).values()] for each in PROVIDERS]
    return _table(rows)


def answers_of(provider: Registered) -> Mapping[str, str]:
    """Return what the docstring of a provider's adapter says of its answers, by line; "" where it says nothing."""
    docstring = _docstring(provider)
    return {line: _said(docstring, line) or "" for line in _ANSWERS}


def facts(provider: Registered) -> Mapping[str, str]:
    """Return what the docstring of a provider's adapter says of it, a line `Endpoint: …` for each fact.

    Raises UndescribedError.
    """
    docstring = _docstring(provider)
    found = {fact: _said(docstring, fact.title()) for fact in _FACTS}
    if missing := [fact.title() for fact, said in found.items() if said is None]:
        lines = ", ".join(f"`{fact}: …`" for fact in missing)
        raise UndescribedError(f"handlers/adapters/providers/{provider.module}.py: its docstring lacks {lines}")
    return {fact: said for fact, said in found.items() if said is not None}


def _docstring(provider: Registered) -> str:
    return ast.get_docstring(ast.parse((ADAPTERS / f"{provider.module}.py").read_text())) or ""


def _said(docstring: str, line: str) -> str | None:
    """Return what a line `Endpoint: …` says, with what is indented below it; None if there is no such line."""
    found = re.search(rf"^{line}:(.*(?:\n {{2,}}.+)*)", docstring, re.MULTILINE)
    return found and " ".join(found[1].split())


TABLES: Final[Mapping[str, tuple[Path, Callable[[], str]]]] = {
    "channels": (DOCS / "templates.md", channels),
    "providers": (DOCS / "providers.md", providers),
    "answers": (DOCS / "providers.md", answers),
}


def written(name: str) -> str:
    """Return the page that has this table, with the table as it should be."""
    page, table = TABLES[name]
    place = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end -->)", re.DOTALL)
    return place.sub(lambda match: f"{match[1]}\n{table()}\n{match[2]}", page.read_text())


def _table(rows: list[list[str]]) -> str:
    head, *others = (f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)
    return "\n".join((head, "|---" * len(rows[0]) + "|", *others)) + "\n"


if __name__ == "__main__":
    for each in TABLES:
        TABLES[each][0].write_text(written(each))
