"""The filters that a template may use, each of which pays for what it makes."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jinja2 import (
    Environment,
    Undefined,
    pass_environment,
)
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.utils import htmlsafe_json_dumps, url_quote
from markupsafe import Markup

from handlers.domain.content.budget import (
    CONTAINERS,
    DICTS,
    Budget,
    RefusedError,
    current_budget,
)
from handlers.domain.content.sandbox.checks import check_percent, check_product, check_replace, check_strip, check_width
from handlers.domain.content.sandbox.printing import for_percent, text_of
from handlers.domain.content.values import write_json

if TYPE_CHECKING:
    from handlers.domain.content.sandbox.environment import MeteredEnvironment


def _paid(function: Callable[..., Any], pay: Callable[[Budget, Any], Any] = Budget.made) -> Callable[..., Any]:
    """Return the filter as one that is a step, and whose result is paid for in the given way."""

    @wraps(function)
    def paid(*args: Any, **kwargs: Any) -> Any:
        budget = current_budget()
        budget.step()
        return pay(budget, function(*args, **kwargs))

    return paid


def _for_free(_budget: Budget, value: Any) -> Any:
    return value


def _of_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter as one of texts: it is given what is printed of its value, and pays for reading it."""

    @wraps(function)
    def of_text(value: Any, *args: Any, **kwargs: Any) -> Any:
        text = text_of(value)
        current_budget().compared(text)
        return function(text, *args, **kwargs)

    return of_text


def _apart(function: Callable[..., Any], *kinds: type) -> Callable[..., Any]:
    """Return the filter as one that takes apart arguments of these kinds: its value, or the path of an attribute."""

    @wraps(function)
    def apart(*args: Any, **kwargs: Any) -> Any:
        for argument in (*args, *kwargs.values()):
            if isinstance(argument, kinds):
                current_budget().take_apart(argument)
        return function(*args, **kwargs)

    return apart


def _batch(value: Any, linecount: int, fill_with: Any = None) -> Any:
    if fill_with is not None:
        current_budget().step(abs(int(linecount)))  # of an integer: nothing is ever less than nan
    return JINJA_FILTERS["batch"](value, linecount, fill_with)


def _center(value: str, width: int = 80) -> str:
    check_width(width)
    return value.center(width)


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    if args and kwargs:
        raise RefusedError("formats with values by place and by name at once")
    values = kwargs or args
    check_percent(value, values)
    return value % for_percent(values)  # type: ignore[no-any-return]


def _int(value: Any, default: Any = 0, base: int = 10) -> Any:
    number = JINJA_FILTERS["int"](value, default, base)
    check_product(number, 1)
    return number


@pass_environment
def _join(environment: "MeteredEnvironment", value: Any, d: Any = "", attribute: str | int | None = None) -> str:
    budget = current_budget()
    items = list(budget.each(value))
    if attribute is not None:
        items = list(map(make_attrgetter(environment, attribute), items))
    budget.afford(budget.weigh(items) + budget.weigh(d) * len(items))
    separator, texts = text_of(d), [text_of(item) for item in items]
    if markup := environment.markup_among([separator, *texts]):
        separator, texts = markup.escape(separator), [markup.escape(text) for text in texts]
    return separator.join(texts)


@pass_environment
def _replace(environment: "MeteredEnvironment", s: Any, old: Any, new: Any, count: int | None = None) -> str:
    s, old, new = text_of(s), text_of(old), text_of(new)
    if (markup := environment.markup_among([old, new])) and not isinstance(s, markup):
        s = markup.escape(s)
    arguments = (old, new, -1 if count is None else count)
    check_replace(s, *arguments)
    return s.replace(*arguments)  # type: ignore[no-any-return]


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    check_width(abs(precision))
    return JINJA_FILTERS["round"](value, precision, method)


@pass_environment
def _sum(environment: Environment, iterable: Any, attribute: str | int | None = None, start: Any = 0) -> Any:
    numbers = list(current_budget().each(iterable))
    if attribute is not None:
        numbers = list(map(make_attrgetter(environment, attribute), numbers))
    if any(isinstance(number, CONTAINERS) for number in (start, *numbers)):
        raise RefusedError("sums what are no numbers")
    return sum(numbers, start)


def _striptags(value: str) -> str:
    current_budget().take_apart(value)
    current_budget().step(value.count("<"))  # it copies the text, of 100,000 characters at most, for each of its tags
    return JINJA_FILTERS["striptags"](value)  # type: ignore[no-any-return]


def _title(value: str) -> str:
    current_budget().take_apart(value)
    current_budget().step(len(value) // 5)  # it looks at each word by itself
    return JINJA_FILTERS["title"](value)  # type: ignore[no-any-return]


def _tojson(value: Any, indent: int | None = None) -> str:
    if indent is not None:
        raise RefusedError("indents JSON")
    return htmlsafe_json_dumps(value, dumps=partial(write_json, spaced=True))


def _trim(value: str, chars: str | None = None) -> str:
    check_strip(value, chars)
    return value.strip(chars)


@pass_environment
def _truncate(environment: Environment, value: Any, *args: Any, **kwargs: Any) -> str:
    text = current_budget().compared(text_of(value))
    return JINJA_FILTERS["truncate"](environment, text, *args, **kwargs)  # type: ignore[no-any-return]


@pass_environment
def _escape(environment: "MeteredEnvironment", value: Any) -> str:
    text = text_of(value)
    return environment.markup.escape(text) if environment.markup else str(Markup.escape(text))


@pass_environment
def _force_escape(environment: "MeteredEnvironment", value: Any) -> str:
    return _escape(environment, str(text_of(value)))


@pass_environment
def _safe(environment: "MeteredEnvironment", value: Any) -> str:
    return (environment.markup or str)(text_of(value))


def _urlencode(value: Any) -> str:
    if isinstance(value, DICTS):
        value = value.items()
    elif isinstance(value, str) or not isinstance(value, Iterable):
        return url_quote(text_of(value))
    pairs = [(text_of(name), text_of(item)) for name, item in value]
    return "&".join(f"{url_quote(name, for_qs=True)}={url_quote(item, for_qs=True)}" for name, item in pairs)


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Return the default for what is missing, or null, or with `boolean` for anything false."""
    is_missing = isinstance(value, Undefined) or value is None or (boolean and not value)
    return default_value if is_missing else value


def _wordcount(value: str) -> int:
    return sum(1 for _ in current_budget().each(re.finditer(r"\w+", value)))


_CHOOSING: Final = ("count", "first", "last", "length")
_OF_A_TEXT: Final = ("capitalize", "lower", "string", "upper")
_OF_A_LIST: Final = ("list", "reject", "rejectattr", "select", "selectattr", "sort", "unique")

FILTERS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {name: _paid(JINJA_FILTERS[name], _for_free) for name in _CHOOSING}
    | {name: _paid(_default, _for_free) for name in ("d", "default")}
    | {name: _paid(_apart(JINJA_FILTERS[name], str), _for_free) for name in ("max", "min")}
    | {name: _paid(JINJA_FILTERS[name]) for name in ("abs", "dictsort", "filesizeformat", "float", "items", "reverse")}
    | {name: _paid(_of_text(JINJA_FILTERS[name])) for name in _OF_A_TEXT}
    | {"striptags": _paid(_of_text(_striptags)), "title": _paid(_of_text(_title))}
    | {name: _paid(_apart(JINJA_FILTERS[name], str)) for name in _OF_A_LIST}
    | {name: _paid(_apart(JINJA_FILTERS[name], str), Budget.made_of_any) for name in ("groupby", "map", "slice")}
    | {"batch": _paid(_apart(_batch, str), Budget.made_of_any), "tojson": _paid(_apart(_tojson, str, *CONTAINERS))}
    | {"center": _paid(_of_text(_center)), "format": _paid(_of_text(_format)), "int": _paid(_int)}
    | {"join": _paid(_apart(_join, str)), "replace": _paid(_replace), "round": _paid(_round)}
    | {"sum": _paid(_apart(_sum, str)), "trim": _paid(_of_text(_trim)), "truncate": _paid(_truncate)}
    | {"urlencode": _paid(_apart(_urlencode, str, *CONTAINERS)), "wordcount": _paid(_of_text(_wordcount))}
    | {"e": _paid(_escape), "escape": _paid(_escape), "forceescape": _paid(_force_escape), "safe": _paid(_safe)}
)
"""The filters that a template may use.

Of Jinja's own these lack `attr`, `indent`, `pprint`, `random`, `urlize`, `wordwrap` and `xmlattr`: no mail needs them,
each is a way to make much out of little or, as `random`, to send another text when a delivery is tried again.
"""
