"""Language tags, and the order in which to look for what is written in a language."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, StringConstraints

from handlers.domain.model import Form

DEFAULT_LOCALE: Final = "default"
"""Where every search ends."""


def _canonical(tag: str) -> str:
    """Return the tag in the letter case of RFC 5646 2.1.1 (`zh-Hant-TW`), so that one language has one spelling."""
    language, *subtags = tag.replace("_", "-").split("-")
    return "-".join([language.lower(), *map(_canonical_subtag, subtags)])


def _canonical_subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 else subtag.lower()


_TAG: Final = r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*"
_SHORT: Final = StringConstraints(max_length=35)  # RFC 5646 4.4.1

Locale = Annotated[
    str, _SHORT, Form(_TAG, "must be a language tag such as en, de-AT or zh-Hant-TW"), AfterValidator(_canonical)
]
"""A language tag in the manner of BCP 47, as `en`, `de-AT`, `zh-Hant-TW`, or as many programs write it, `en_US`.

In canonical form once validated: `en-US`.
"""

LocaleOrDefault = Annotated[
    str,
    _SHORT,
    Form(f"{_TAG}|{DEFAULT_LOCALE}", "must be a language tag such as en, de-AT or zh-Hant-TW, or `default`"),
    AfterValidator(_canonical),
]
"""The language that something is written in, or `default` for whoever has none of the others."""


def fallbacks(locale: str | None) -> tuple[str, ...]:
    """Return where to look, most specific first: `es-MX` → `es-419` → `es` → `default`.

    Each next one is the parent that CLDR names, or else what remains without the last subtag
    (https://unicode.org/reports/tr35/#Locale_Inheritance); beside each, what says the same in other words. Unlike in
    CLDR another script of the language comes at last, which is still nearer than another language: `zh-Hant` → `zh`.
    """
    if locale is None or locale == DEFAULT_LOCALE:
        return (DEFAULT_LOCALE,)
    searched = dict.fromkeys(same for tag in _with_parents(locale) for same in _synonyms(tag))
    return (*searched, DEFAULT_LOCALE)


# -- what CLDR says ----------------------------------------------------------------------------------------------------

_BOKMAL: Final = ("no", "nb")
"""Norwegian is written as Bokmål unless it says otherwise; in CLDR `nb` has the parent `no`, and all its texts."""


def _with_parents(tag: str) -> Iterator[str]:
    while tag:
        yield tag
        tag = _parent(_scripted(tag))


def _parent(tag: str) -> str:
    return _cldr("parent_exceptions").get(tag) or tag.rpartition("-")[0]


def _synonyms(tag: str) -> Iterator[str]:
    yield tag
    yield _scripted(tag)
    yield _unscripted(tag)
    if tag in _scripts_by_region():
        yield f"{tag}-{_script(tag)}"
    language, dash, rest = tag.partition("-")
    if language == _BOKMAL[0]:
        yield f"{_BOKMAL[1]}{dash}{rest}"


def _scripted(tag: str) -> str:
    """Return `zh-Hant-TW` for `zh-TW`; other tags as they are, and those in a language that all write alike."""
    language, *rest = tag.split("-")
    if language not in _scripts_by_region() or len(rest) != 1 or not _is_region(rest[0]):
        return tag
    return f"{language}-{_script(tag) or _script(language)}-{rest[0]}"


def _unscripted(tag: str) -> str:
    """Return `zh-TW` for `zh-Hant-TW`; tags that are not the same without their script, as they are."""
    language, *rest = tag.split("-")
    short = "-".join((language, *rest[1:]))
    return short if _scripted(short) == tag else tag


def _is_region(subtag: str) -> bool:
    return len(subtag) == 2 or (len(subtag) == 3 and subtag.isdigit())


def _script(tag: str) -> str | None:
    """Return the script that CLDR calls likely for this language; None where it names none."""
    likely = _cldr("likely_subtags").get(tag)
    return None if likely is None else likely.split("-")[1]


@cache
def _scripts_by_region() -> frozenset[str]:
    """Return the languages whose script depends on where they are written."""
    likely = _cldr("likely_subtags")
    return frozenset(
        language
        for language, _, region in (tag.partition("-") for tag in likely)
        if language in likely and _is_region(region) and _script(f"{language}-{region}") != _script(language)
    )


@cache
def _cldr(name: Literal["parent_exceptions", "likely_subtags"]) -> Mapping[str, str]:
    """Return a table of CLDR's from tag to tag.

    Babel is imported here, since only the function that accepts notifications has it: no other looks for a language.
    """
    from babel.core import get_global

    table: Mapping[str, Any] = get_global(name)
    return {tag.replace("_", "-"): str(to).replace("_", "-") for tag, to in table.items()}
