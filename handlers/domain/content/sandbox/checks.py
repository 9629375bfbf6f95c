"""What makes much out of little, and is checked before it begins."""

import re
from collections.abc import Callable, Iterable, Mapping
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

from markupsafe import Markup

from handlers.domain.content.budget import (
    MAX_INTEGER_BITS,
    MAX_WIDTH,
    RefusedError,
    current_budget,
)


def check_width(width: int) -> None:
    """Refuse to pad or round to more than a line or two."""
    if width > MAX_WIDTH:
        raise RefusedError(f"pads or rounds to more than {MAX_WIDTH} characters")


def _check_pad(_text: str, width: int, *_: Any) -> None:
    check_width(width)


def check_strip(_text: str, characters: str | None = None) -> None:
    """Refuse to strip many different characters, each of which is looked for at each place."""
    if len(characters or "") > MAX_WIDTH:
        raise RefusedError(f"strips more than {MAX_WIDTH} different characters")


def _check_split(text: str, *_: Any) -> None:
    current_budget().take_apart(text)


def _check_join(separator: str, items: Any) -> None:
    if isinstance(items, str):
        current_budget().take_apart(items)
    current_budget().afford(len(separator) * len(items))


def check_replace(text: str, old: str, new: str, count: int = -1) -> None:
    """Refuse replacements that make more than the budget has left."""
    times = text.count(old) if count < 0 else min(text.count(old), count)
    current_budget().afford(times * len(text.escape(new) if isinstance(text, Markup) else new))


_CONVERSION: Final = re.compile(r"%(?P<key>\([^()]*\))?(?P<widths>[-+ #0-9.*]*)[hlL]?(?P<kind>.?)", re.DOTALL)


def check_percent(text: str, values: Any) -> None:
    """Refuse widths that `%` would pad to."""
    _check_widths(text, map(_widths, _CONVERSION.finditer(text)), values)


def _widths(conversion: re.Match[str]) -> str:
    if conversion["kind"] == "(":
        raise RefusedError("formats by a name in brackets in brackets")
    return conversion["widths"]


def check_format(text: str, values: Any) -> None:
    """Refuse widths that `str.format` would pad to."""
    _check_widths(text, (widths or "" for _, _, widths, _ in Formatter().parse(text)), values)


def _check_widths(text: str, all_widths: Iterable[str], values: Any) -> None:
    """Check the fields of a format, each of which may repeat any of the values and pad it to any width."""
    budget = current_budget()
    length, size = budget.weigh(values), len(text)
    for widths in budget.each(all_widths):
        if "*" in widths or "{" in widths:
            raise RefusedError("formats with a width that is not in the format")
        numbers = [int(number) for number in re.findall(r"\d+", widths)]
        check_width(max(numbers, default=0))
        size += length + sum(numbers)
    budget.afford(size)


def check_product(left: float, right: float) -> None:
    """Refuse integers that grow with each product."""
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_INTEGER_BITS:
        raise RefusedError(f"makes an integer of more than {MAX_INTEGER_BITS} bits")


METHOD_CHECKS: Final[Mapping[str, Callable[..., None]]] = MappingProxyType(
    dict.fromkeys(("center", "ljust", "rjust", "zfill"), _check_pad)
    | dict.fromkeys(("strip", "lstrip", "rstrip"), check_strip)
    | dict.fromkeys(("split", "splitlines"), _check_split)
    | {"join": _check_join, "replace": check_replace}
)

METHODS: Final[tuple[tuple[Any, frozenset[str]], ...]] = (
    (
        str,
        frozenset(METHOD_CHECKS)
        | {"capitalize", "casefold", "lower", "swapcase", "title", "upper", "removeprefix", "removesuffix"}
        | {"count", "endswith", "find", "index", "partition", "startswith"}
        | {"isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "isupper"},
    ),
    ((list, tuple), frozenset({"count", "index"})),
    (dict, frozenset({"get", "items", "keys", "values"})),
    ((int, float, complex, bytes, bytearray, set, frozenset, range), frozenset({"is_integer"})),
)
"""The methods of Python's own types: those that are linear in what they read, or are checked.

`rfind` and its like are quadratic, `translate`, `expandtabs`, `to_bytes` and `fromkeys` make much out of little.
"""
