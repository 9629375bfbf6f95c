"""A Jinja2 sandbox in which a template can neither leave its data nor take the time and memory of other messages.

Jinja's own sandbox sees to the former (https://jinja.palletsprojects.com/en/stable/sandbox/). For the latter every
render has a `Budget`, kept in `budget`, and one rule: **whatever a template makes is paid for by its size, so nothing
that exists in a render is large.** A text costs its characters. A list or dict may not hold more than a text may,
counted at every depth and as often as it holds it: a list of itself twice, and so on, would be small to make and
endless to print. What a filter yields item by item becomes a list at once. As nothing is large, every operation that
makes no more than it reads is short, and is a step. Those that make more are checked before they begin, or are not
available.

`metered` keeps the accounts in loops, literals, slices, comparisons and `~`, for which compiled code calls nobody; the
environment keeps them in what it is asked for: calls, operators, filters, tests, lookups, and what is printed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial, wraps
from math import isfinite
from string import Formatter
from types import MappingProxyType
from typing import Any, Final, NoReturn

from jinja2 import (
    Environment,
    StrictUndefined,
    Undefined,
    nodes,
    pass_context,
    pass_environment,
)
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.meta import TrackingCodeGenerator
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter, safe_range
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import Cycler, Joiner, Namespace, htmlsafe_json_dumps, missing, url_quote
from jinja2.visitor import NodeTransformer
from markupsafe import EscapeFormatter, Markup

from handlers.domain.content.budget import (
    CONTAINERS,
    DICTS,
    MAX_INTEGER_BITS,
    MAX_NAME,
    MAX_PATH,
    MAX_TOKENS,
    MAX_WIDTH,
    Budget,
    RefusedError,
    current_budget,
)
from handlers.domain.content.dialects import HTML, Dialect
from handlers.domain.content.syntax import UnavailableSyntaxError
from handlers.domain.content.urls import linkable
from handlers.domain.content.values import Number, write_json

NOT_IN_THE_DATA: Final = "uses something that the data do not hold"

# -- what makes much out of little, and is checked before it begins ----------------------------------------------------


def _check_width(width: int) -> None:
    if width > MAX_WIDTH:
        raise RefusedError(f"pads or rounds to more than {MAX_WIDTH} characters")


def _check_pad(_text: str, width: int, *_: Any) -> None:
    _check_width(width)


def _check_strip(_text: str, characters: str | None = None) -> None:
    if len(characters or "") > MAX_WIDTH:
        raise RefusedError(f"strips more than {MAX_WIDTH} different characters")


def _check_split(text: str, *_: Any) -> None:
    current_budget().take_apart(text)


def _check_join(separator: str, items: Any) -> None:
    if isinstance(items, str):
        current_budget().take_apart(items)
    current_budget().afford(len(separator) * len(items))


def _check_replace(text: str, old: str, new: str, count: int = -1) -> None:
    times = text.count(old) if count < 0 else min(text.count(old), count)
    current_budget().afford(times * len(text.escape(new) if isinstance(text, Markup) else new))


_CONVERSION: Final = re.compile(r"%(?P<key>\([^()]*\))?(?P<widths>[-+ #0-9.*]*)[hlL]?(?P<kind>.?)", re.DOTALL)


def _check_percent(text: str, values: Any) -> None:
    _check_widths(text, map(_widths, _CONVERSION.finditer(text)), values)


def _widths(conversion: re.Match[str]) -> str:
    if conversion["kind"] == "(":
        raise RefusedError("formats by a name in brackets in brackets")
    return conversion["widths"]


def _check_format(text: str, values: Any) -> None:
    _check_widths(text, (widths or "" for _, _, widths, _ in Formatter().parse(text)), values)


def _check_widths(text: str, all_widths: Iterable[str], values: Any) -> None:
    """Check the fields of a format, each of which may repeat any of the values and pad it to any width."""
    budget = current_budget()
    length, size = budget.weigh(values), len(text)
    for widths in budget.each(all_widths):
        if "*" in widths or "{" in widths:
            raise RefusedError("formats with a width that is not in the format")
        numbers = [int(number) for number in re.findall(r"\d+", widths)]
        _check_width(max(numbers, default=0))
        size += length + sum(numbers)
    budget.afford(size)


def _check_product(left: float, right: float) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_INTEGER_BITS:
        raise RefusedError(f"makes an integer of more than {MAX_INTEGER_BITS} bits")


_METHOD_CHECKS: Final[Mapping[str, Callable[..., None]]] = MappingProxyType(
    dict.fromkeys(("center", "ljust", "rjust", "zfill"), _check_pad)
    | dict.fromkeys(("strip", "lstrip", "rstrip"), _check_strip)
    | dict.fromkeys(("split", "splitlines"), _check_split)
    | {"join": _check_join, "replace": _check_replace}
)

_METHODS: Final[tuple[tuple[Any, frozenset[str]], ...]] = (
    (
        str,
        frozenset(_METHOD_CHECKS)
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


# -- what a value is in print ------------------------------------------------------------------------------------------


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


def _for_percent(values: Any) -> Any:
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


class _Formatter(SandboxedFormatter):
    """Formats `{}` by the same rules."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return value if conversion is None else text_of(value)

    def format_field(self, value: Any, format_spec: str) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return super().format_field(value if is_number else _kept(value), format_spec)


def _kept(value: Any) -> str:
    """Return the text of a value; markup stays markup."""
    return value if isinstance(value, str) else text_of(value)


class _EscapingFormatter(_Formatter, EscapeFormatter):
    pass


# -- what a template may use -------------------------------------------------------------------------------------------


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
    _check_width(width)
    return value.center(width)


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    if args and kwargs:
        raise RefusedError("formats with values by place and by name at once")
    values = kwargs or args
    _check_percent(value, values)
    return value % _for_percent(values)  # type: ignore[no-any-return]


def _int(value: Any, default: Any = 0, base: int = 10) -> Any:
    number = JINJA_FILTERS["int"](value, default, base)
    _check_product(number, 1)
    return number


@pass_environment
def _join(environment: "_Environment", value: Any, d: Any = "", attribute: str | int | None = None) -> str:
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
def _replace(environment: "_Environment", s: Any, old: Any, new: Any, count: int | None = None) -> str:
    s, old, new = text_of(s), text_of(old), text_of(new)
    if (markup := environment.markup_among([old, new])) and not isinstance(s, markup):
        s = markup.escape(s)
    arguments = (old, new, -1 if count is None else count)
    _check_replace(s, *arguments)
    return s.replace(*arguments)  # type: ignore[no-any-return]


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    _check_width(abs(precision))
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
    _check_strip(value, chars)
    return value.strip(chars)


@pass_environment
def _truncate(environment: Environment, value: Any, *args: Any, **kwargs: Any) -> str:
    text = current_budget().compared(text_of(value))
    return JINJA_FILTERS["truncate"](environment, text, *args, **kwargs)  # type: ignore[no-any-return]


@pass_environment
def _escape(environment: "_Environment", value: Any) -> str:
    text = text_of(value)
    return environment.markup.escape(text) if environment.markup else str(Markup.escape(text))


@pass_environment
def _force_escape(environment: "_Environment", value: Any) -> str:
    return _escape(environment, str(text_of(value)))


@pass_environment
def _safe(environment: "_Environment", value: Any) -> str:
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


def _asked(name: str, test: Any) -> Callable[..., bool]:
    """Return the test as one that is a step and pays for what it compares with.

    `%` formats what is a text on its left, so `"%999999999d" is odd` would make much out of little.
    """

    @wraps(test)
    def asked(*args: Any, **kwargs: Any) -> bool:
        current_budget().step()
        for argument in (*args[1:], *kwargs.values()):
            current_budget().compared(argument)
        if name in {"divisibleby", "even", "odd"} and isinstance(args[0], str | bytes):
            raise RefusedError(f"asks whether a text is {name}")
        return bool(test(*args, **kwargs))

    return asked


TESTS: Final[Mapping[str, Callable[..., bool]]] = MappingProxyType(
    {name: _asked(name, test) for name, test in JINJA_TESTS.items()}
)


class _Variables(Namespace):
    """A namespace that does not print what it holds, as that may change after it was paid for."""

    def __repr__(self) -> str:
        return "namespace"


def _maker(kind: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes objects of the kind, which take more memory than what is given to them."""

    def make(*args: Any, **kwargs: Any) -> Any:
        current_budget().step(10)
        return kind(*args, **kwargs)

    return make


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {"cycler": _maker(Cycler), "dict": _maker(dict), "joiner": _maker(Joiner), "namespace": _maker(_Variables)}
    | {"range": safe_range}
)
"""The functions that a template may call, beside `link`: no classes, whose attributes would be within reach too."""


def _link_of(dialect: Dialect) -> Callable[[Any, Any], str]:
    """Return the function that writes a link as its reader's platform has it."""

    def link(url: Any, text: Any) -> str:
        current_budget().step(10)
        target, shown = linkable(url, "link()"), text_of(text)
        if not target or (target.startswith("#") and dialect is not HTML):
            return shown
        return dialect.link(target, shown) if shown else dialect.link(target, target)

    return link


# -- the environment ---------------------------------------------------------------------------------------------------

_OF_THE_CALLER: Final = frozenset({"_loop_vars", "_block_vars"})  # what compiled code tells a call, none of it new


class _Missing(StrictUndefined):
    """What is not there. Its name is the path by which the source asks for it, or a part of the data's own."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        # A name that came with an object may be a value of the data: `rows | map(attribute=value)`.
        is_of_the_source = self._undefined_obj is missing and self._undefined_name
        return f"{self._undefined_name} is not in the data" if is_of_the_source else NOT_IN_THE_DATA


@pass_context
def _finalize(_context: Context, value: Any) -> Any:
    """Return the value. It is here to ask for the context: so Jinja computes no constants when compiling."""
    return value


class _Environment(ImmutableSandboxedEnvironment):
    """The immutable sandbox, keeping accounts of calls, operators, lookups and what is kept aside."""

    markup: type[Markup] | None = None
    """The kind of text that is escaped already."""
    escapes: bool = False
    """Whether what is printed is escaped here; in HTML, Jinja does it."""

    def concat(self, chunks: Iterable[str]) -> str:
        """Join what was written, by a macro or for a variable; what was printed of it has been escaped."""
        chunks = list(chunks)
        current_budget().text(sum(map(len, chunks)))
        text = "".join(chunks)
        return self.markup(text) if self.markup and self.escapes else text

    def markup_among(self, texts: Iterable[Any]) -> type[Markup] | None:
        """Return the kind of markup, if one of these is some: then the others must be escaped to join it."""
        kind = self.markup
        return kind if kind and any(isinstance(text, kind) for text in texts) else None

    def print_value(self, value: Any, path: str) -> str:
        """Pay for a value that is about to be printed, and return its text."""
        budget = current_budget()
        budget.step()
        text = text_of(budget.printed(value), path)
        return budget.made(self.markup.escape(text)) if self.markup and self.escapes else text

    def print_joined(self, values: list[Any], paths: tuple[str, ...]) -> str:
        """Do what `~` does."""
        budget = current_budget()
        texts = [text_of(budget.printed(value), path) for value, path in zip(values, paths, strict=True)]
        if markup := self.markup_among(texts):
            return budget.made(markup("").join(texts))  # type: ignore[no-any-return]
        return "".join(texts)

    def attribute_at(self, obj: Any, name: str, path: str) -> Any:
        """Do what `obj.name` does; what is not there is named by its path."""
        current_budget().step()
        return self._at(self.getattr(obj, name), path)

    def item_at(self, obj: Any, key: Any, path: str) -> Any:
        """Do what `obj[key]` does; what is not there is named by its path."""
        return self._at(self.getitem(obj, key), path)

    def method_at(self, obj: Any, name: str, path: str) -> Any:
        """Return what `obj.name` is where it is called: of an object without such a key its method (`x.items()`)."""
        if isinstance(obj, dict) and name not in obj:
            return getattr(obj, name)
        return self.attribute_at(obj, name, path)

    def named_at(self, value: Any, path: str) -> Any:
        """Return the value; what is not there (`[]|first`) is named by its path."""
        return self._at(value, path)

    def _at(self, found: Any, path: str) -> Any:
        is_new = isinstance(found, _Missing) and (found._undefined_obj is not missing or found._undefined_hint)
        return self.undefined(name=path) if is_new and found._undefined_exception is not SecurityError else found

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or (operator == "*" and not numbers) or isinstance(left, bytes | bytearray):
            raise RefusedError(f"uses {operator} on what it is not for")
        if operator == "*":
            _check_product(left, right)
        elif operator == "%" and isinstance(left, str):
            _check_percent(left, right)
            right = _for_percent(right)
        elif operator == "+" and not numbers:
            current_budget().weigh((left, right))
        return current_budget().made(super().call_binop(context, operator, left, right))

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        budget = current_budget()
        budget.step()
        if isinstance(called, Macro) and not (called.catch_varargs or called.catch_kwargs):
            return super().call(context, called, *args, **kwargs)  # it keeps nothing, and pays for what it makes
        budget.weigh((*args, *(value for name, value in kwargs.items() if name not in _OF_THE_CALLER)))
        owner = getattr(called, "__self__", None)
        if isinstance(owner, str) and called.__name__ in _METHOD_CHECKS:
            _METHOD_CHECKS[called.__name__](owner, *args)
        result = super().call(context, called, *args, **kwargs)
        if isinstance(result, str):
            return budget.made(result)
        return budget.printed(budget.made(result)) if isinstance(owner, str) else result  # the pieces of a text are new

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Return what `format` and `format_map` of a text are here: as Jinja's own, but checked, and JSON in print."""
        if super().wrap_str_format(value) is None:
            return None
        owner, takes_a_map = value.__self__, value.__name__ == "format_map"

        def formatted(*args: Any, **kwargs: Any) -> str:
            _check_format(owner, (args, kwargs))
            is_markup = isinstance(owner, Markup)
            formatter = _EscapingFormatter(self, escape=owner.escape) if is_markup else _Formatter(self)
            if takes_a_map:
                [kwargs], args = args, ()
            return type(owner)(formatter.vformat(owner, args, kwargs))  # type: ignore[no-any-return]

        return formatted

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what the data hold by this name; of an object never a method, so that `order.items` are its items."""
        return self.getitem(obj, attribute) if isinstance(obj, dict) else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return what the data hold at this place, as `getattr` does."""
        current_budget().step()  # the path `a.b.c` of `sort(attribute=…)` and its like ends up here for each item
        if not isinstance(obj, dict):
            return super().getitem(obj, argument)
        try:
            return obj[argument]
        except (KeyError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def handle_exception(self, source: str | None = None) -> NoReturn:  # noqa: ARG002
        """Raise the error as it is: to rewrite its traceback, Jinja copies all the data for each call of a macro."""
        raise  # Jinja calls this where it has caught the error

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        known = next((names for kinds, names in _METHODS if isinstance(obj, kinds)), None)
        return known is None or attr in known or not callable(value)


_ACCOUNTS: Final = (Budget.each, Budget.compared, Budget.made, Budget.made_of_any)
_DICT_METHODS: Final = frozenset({"get", "items", "keys", "values"})
_ONE_OF_MANY: Final = frozenset({"first", "last", "max", "min"})


def _filter_name(account: Callable[..., Any]) -> str:
    return f"({account.__name__})"  # which no template can write, and which would do it no good


def _filter_of(account: Callable[[Budget, Any], Any]) -> Callable[[Any], Any]:
    return lambda value: account(current_budget(), value)


def environment(dialect: Dialect) -> Environment:
    """Return the environment of one way of writing: whatever it renders, it renders within a `new_budget`."""
    made = _Environment(
        undefined=_Missing,
        autoescape=dialect is HTML,
        keep_trailing_newline=True,
        finalize=_finalize,
        optimized=False,  # to compute constants when compiling would be to compute without a budget
    )
    made.markup, made.escapes = dialect.markup, dialect is not HTML
    made.globals = {**FUNCTIONS, "link": _link_of(dialect)}
    made.tests = dict(TESTS)
    lookups = (made.print_value, made.print_joined, made.attribute_at, made.item_at, made.method_at, made.named_at)
    made.filters = {
        **FILTERS,
        **{_filter_name(account): _filter_of(account) for account in _ACCOUNTS},
        **{_filter_name(lookup): lookup for lookup in lookups},
    }
    return made


# -- before there are data ---------------------------------------------------------------------------------------------


def parse(environment: Environment, source: str) -> nodes.Template:
    """Return the tree of the source; raises `TemplateSyntaxError` for what is no template, or is not available here."""
    tokens = (token for token in environment.lex(source) if token[1] != "whitespace")
    for count, (line, kind, word) in enumerate(tokens):
        if count >= MAX_TOKENS:
            raise UnavailableSyntaxError(f"it is too complex: more than {MAX_TOKENS} words and signs", line)
        if kind == "name" and len(word) > MAX_NAME:
            raise UnavailableSyntaxError(f"a name is longer than {MAX_NAME} characters", line)
    tree = environment.parse(source)
    if fault := min(_unavailable(tree), default=None):
        line, message = fault
        raise UnavailableSyntaxError(message, line)
    return tree


def _unavailable(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of what templates can do elsewhere, even where it would never be reached."""
    yield from ((line, f"filter {name} is not available") for line, name in _filters(tree) if name not in FILTERS)
    for test in tree.find_all(nodes.Test):
        if test.name not in TESTS:
            yield test.lineno, f"test {test.name} is not available"
    for other in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        yield other.lineno, "a template cannot use another one"
    yield from ((loop.lineno, "a loop cannot be recursive") for loop in tree.find_all(nodes.For) if loop.recursive)
    yield from ((block.lineno, "a block cannot be scoped") for block in tree.find_all(nodes.Block) if block.scoped)


def _filters(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    for node in tree.find_all(nodes.Filter):
        yield node.lineno, node.name
        if node.name == "map" and node.args and isinstance(node.args[0], nodes.Const):
            yield node.lineno, str(node.args[0].value)[:MAX_NAME]


def undeclared(environment: Environment, tree: nodes.Template) -> frozenset[str]:
    """Return the names that the data must give; as `jinja2.meta` does, but without computing constants.

    To try that for each of a hundred filters in a row, at each of them anew, takes seconds.
    """
    generator = TrackingCodeGenerator(environment)
    generator.optimizer = None
    generator.visit(tree)
    return frozenset(generator.undeclared_identifiers)


def metered(tree: nodes.Template, source: str) -> nodes.Template:
    """Return the tree, changed in place, with accounts kept of what compiled code would do by itself.

    What is looked up or printed knows its path, as the source writes it, should it be missing or no text.
    """
    _Metering(source).visit(tree)
    return tree


class _Metering(NodeTransformer):
    def __init__(self, source: str) -> None:
        self._source = source
        self._called: nodes.Node | None = None

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 (names that Jinja looks for)
        self.generic_visit(node)
        node.iter = _filtered(node.iter, Budget.each)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        node.nodes = [
            part if isinstance(part, nodes.TemplateData) else self._at(_Environment.print_value, part)
            for part in node.nodes
        ]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        paths = tuple(written(part, self._source) for part in node.nodes)
        parts = nodes.List([self.visit(part) for part in node.nodes], lineno=node.lineno, environment=node.environment)
        return _filtered(parts, _Environment.print_joined, nodes.Const(paths))

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        is_method = node is self._called and node.attr in _DICT_METHODS
        how = _Environment.method_at if is_method else _Environment.attribute_at
        path = written(node, self._source)
        return _filtered(self.visit(node.node), how, nodes.Const(node.attr), nodes.Const(path))

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        if isinstance(node.arg, nodes.Slice):
            return _filtered(self.generic_visit(node), Budget.made)
        path = written(node, self._source)
        return _filtered(self.visit(node.node), _Environment.item_at, self.visit(node.arg), nodes.Const(path))

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(node.expr, nodes.Const):
            node.expr = _filtered(node.expr, Budget.compared)
        return node

    def visit_literal(self, node: nodes.Literal) -> nodes.Node:
        return _filtered(self.generic_visit(node), Budget.made_of_any)

    visit_List = visit_Dict = visit_literal  # noqa: N815

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        return self.visit_literal(node) if node.ctx == "load" else node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        self._called = node.node
        return self.visit_arguments(node)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        if node.name not in _ONE_OF_MANY:
            return self.visit_arguments(node)
        path = written(node, self._source)
        return _filtered(self.visit_arguments(node), _Environment.named_at, nodes.Const(path))

    def visit_arguments(self, node: nodes.Call | nodes.Filter | nodes.Test) -> nodes.Node:
        self.generic_visit(node)
        if node.dyn_args is not None:
            node.dyn_args = _filtered(node.dyn_args, Budget.each)
        return node

    visit_Test = visit_arguments  # noqa: N815

    def _at(self, function: Callable[..., Any], node: nodes.Expr) -> nodes.Filter:
        path = written(node, self._source)
        return _filtered(self.visit(node), function, nodes.Const(path))


def _filtered(node: Any, account: Callable[..., Any], *args: nodes.Expr) -> nodes.Filter:
    name = _filter_name(account)
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno, environment=node.environment)


def written(node: Any, source: str) -> str:
    """Return an expression as the source writes it, as far as it is a path: `user.name`, `lines[3]`, `rows|first`."""
    match node:
        case nodes.Name():
            path = node.name
        case nodes.Getattr():
            path = f"{written(node.node, source)}.{node.attr}"
        case nodes.Getitem():
            path = f"{written(node.node, source)}{_subscript(node.arg, source)}"
        case nodes.Filter() if node.node is not None:
            path = f"{written(node.node, source)}|{node.name}"
        case nodes.Call():
            path = f"{written(node.node, source)}(…)"
        case nodes.Sub():
            path = f"{written(node.left, source)}-{written(node.right, source)}"
        case _:
            path = "…"
    return path if len(path) <= MAX_PATH else f"…{path[-MAX_PATH:]}"


def _subscript(argument: nodes.Node, source: str) -> str:
    """Return `[3]`, `['first-name']` with the quotes of the source, `.3`, or what else stands in brackets."""
    if not isinstance(argument, nodes.Const):
        return f"[{written(argument, source)}]"
    forms = (f"[{argument.value!r}]", f'["{argument.value}"]', f".{argument.value}")
    return next((form for form in forms if form in source), forms[0])[:MAX_PATH]
