"""What a value is in print, and how it is formatted."""

from math import isfinite
from typing import Any, Final

from jinja2 import (
    Undefined,
)
from jinja2.sandbox import SandboxedFormatter
from markupsafe import EscapeFormatter

from handlers.domain.content.budget import (
    CONTAINERS,
    DICTS,
    RefusedError,
)
from handlers.domain.content.values import Number

NOT_IN_THE_DATA: Final = "uses something that the data do not hold"


def text_of(value: Any, path: str = "") -> str:
    """Return what is printed of a value, as JSON has it: nothing for null, `true`, a number as its producer wrote it.

    Raises `RefusedError`, which names the path, for what JSON has no words for in a text: a list, an object.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number | int | Undefined) or (isinstance(value, float) and isfinite(value)):
        return str(value)
    what, instead = _no_text(value)
    raise RefusedError(f"prints {what}{f', {path}' if path else ''}{instead}")


def _no_text(value: Any) -> tuple[str, str]:
    """Return what a value is that cannot be printed, and what to do instead."""
    if isinstance(value, DICTS):
        return "an object", ": print its fields, or the whole as JSON by |tojson"
    if isinstance(value, (*CONTAINERS, range)):
        return "a list", ": use a loop or |join, or print it as JSON by |tojson"
    if callable(value):
        return "a function and not what it returns", ""
    return "what is no text and no number", ""


class _Boolean(int):
    def __str__(self) -> str:
        return "true" if self else "false"

    __repr__ = __str__


class _Unprintable:
    def __init__(self, value: Any) -> None:
        self._value = value

    def __str__(self) -> str:
        return text_of(self._value)  # which says why not

    __repr__ = __str__


class _Fields(dict[str, Any]):
    def __str__(self) -> str:
        return text_of({})

    __repr__ = __str__


def for_percent(values: Any) -> Any:
    """Return what stands on the right of `%` as values that it prints as JSON has them, and reckons with as before."""
    if isinstance(values, tuple):
        return tuple(map(_field_for_percent, values))
    if isinstance(values, dict):
        return _Fields({name: _field_for_percent(value) for name, value in values.items()})
    return _field_for_percent(values)


def _field_for_percent(value: Any) -> Any:
    if isinstance(value, bool):
        return _Boolean(value)
    if value is None:
        return ""
    return value if isinstance(value, str | int | float | Undefined) else _Unprintable(value)


class PlainFormatter(SandboxedFormatter):
    """Formats `{}` by the same rules."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """Return what `!s` and `!r` make of a value: the text that is printed of it."""
        return value if conversion is None else text_of(value)

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Return a value formatted, numbers as numbers, anything else as the text that is printed of it."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return super().format_field(value if is_number else _kept(value), format_spec)


def _kept(value: Any) -> str:
    """Return the text of a value; markup stays markup."""
    return value if isinstance(value, str) else text_of(value)


class EscapingFormatter(PlainFormatter, EscapeFormatter):
    """Formats `{}` of HTML."""
