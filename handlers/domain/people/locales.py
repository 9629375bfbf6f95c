"""Language tags, and the order in which to look for what is written in a language."""

from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

DEFAULT_LOCALE: Final = "default"
"""Where every search ends."""


def _canonical(tag: str) -> str:
    """Return the tag in the letter case of RFC 5646 2.1.1 (`zh-Hant-TW`), so that one language has one spelling."""
    language, *subtags = tag.split("-")
    return "-".join([language.lower(), *map(_canonical_subtag, subtags)])


def _canonical_subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 else subtag.lower()


_TAG: Final = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*"
_TAG_LENGTH: Final = 35  # RFC 5646 4.4.1

Locale = Annotated[str, StringConstraints(pattern=rf"^{_TAG}$", max_length=_TAG_LENGTH), AfterValidator(_canonical)]
"""A language tag in the manner of BCP 47, as `en`, `de-AT`, `zh-Hant-TW`; in canonical case once validated."""

LocaleOrDefault = Annotated[
    str,
    StringConstraints(pattern=rf"^({_TAG}|{DEFAULT_LOCALE})$", max_length=_TAG_LENGTH),
    AfterValidator(_canonical),
]
"""The language that something is written in, or `default` for whoever has none of the others."""


def fallbacks(locale: str | None) -> tuple[str, ...]:
    """Return where to look, most specific first: `zh-CN` → `zh` → `default` (RFC 4647 3.4)."""
    parts = [] if locale in (None, DEFAULT_LOCALE) else str(locale).split("-")
    return (*("-".join(parts[:length]) for length in range(len(parts), 0, -1)), DEFAULT_LOCALE)
