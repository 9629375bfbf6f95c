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
from functools import wraps
from string import Formatter
from types import MappingProxyType
from typing import Any, Final, NoReturn

from jinja2 import (
    Environment,
    StrictUndefined,
    TemplateSyntaxError,
    Undefined,
    nodes,
    pass_context,
    pass_environment,
    pass_eval_context,
)
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.meta import TrackingCodeGenerator
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import Cycler, Joiner, Namespace, htmlsafe_json_dumps
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape, soft_str

from handlers.domain.content.budget import (
    CONTAINERS,
    MAX_INTEGER_BITS,
    MAX_NAME,
    MAX_TOKENS,
    MAX_WIDTH,
    Budget,
    RefusedError,
    current_budget,
)

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
    current_budget().afford(times * len(escape(new) if isinstance(text, Markup) else new))


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


def _center(value: Any, width: int = 80) -> str:
    _check_width(width)
    return soft_str(value).center(width)


def _format(value: Any, *args: Any, **kwargs: Any) -> str:
    text = soft_str(value)
    _check_percent(text, kwargs or args)
    return JINJA_FILTERS["format"](text, *args, **kwargs)  # type: ignore[no-any-return]


def _int(value: Any, default: Any = 0, base: int = 10) -> Any:
    number = JINJA_FILTERS["int"](value, default, base)
    _check_product(number, 1)
    return number


@pass_eval_context
def _join(eval_ctx: EvalContext, value: Any, d: Any = "", attribute: str | int | None = None) -> str:
    budget = current_budget()
    items = list(budget.each(value))
    if attribute is not None:
        items = list(map(make_attrgetter(eval_ctx.environment, attribute), items))
    budget.afford(budget.weigh(items) + budget.weigh(d) * len(items))
    return JINJA_FILTERS["join"](eval_ctx, items, d)  # type: ignore[no-any-return]


@pass_eval_context
def _replace(eval_ctx: EvalContext, s: Any, old: Any, new: Any, count: int | None = None) -> str:
    if not eval_ctx.autoescape:
        text = str(s)
    elif hasattr(old, "__html__") or (hasattr(new, "__html__") and not hasattr(s, "__html__")):
        text = escape(s)
    else:
        text = soft_str(s)
    arguments = (soft_str(old), soft_str(new), -1 if count is None else count)
    _check_replace(text, *arguments)
    return text.replace(*arguments)


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


def _tojson(value: Any, indent: int | None = None) -> Markup:
    if indent is not None:
        raise RefusedError("indents JSON")
    return htmlsafe_json_dumps(value, sort_keys=True)


def _trim(value: Any, chars: str | None = None) -> str:
    text = soft_str(value)
    _check_strip(text, chars)
    return text.strip(chars)


def _wordcount(value: Any) -> int:
    return sum(1 for _ in re.finditer(r"\w+", soft_str(value)))


_CHOOSING: Final = ("count", "d", "default", "first", "last", "length")
_OF_A_TEXT: Final = (
    *("abs", "capitalize", "e", "escape", "filesizeformat", "float", "forceescape", "lower", "safe", "string"),
    *("truncate", "upper"),
)
_OF_A_LIST: Final = ("list", "reject", "rejectattr", "select", "selectattr", "sort", "unique")

FILTERS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {name: _paid(JINJA_FILTERS[name], _for_free) for name in _CHOOSING}
    | {name: _paid(_apart(JINJA_FILTERS[name], str), _for_free) for name in ("max", "min")}
    | {name: _paid(JINJA_FILTERS[name]) for name in (*_OF_A_TEXT, "dictsort", "items", "reverse")}
    | {name: _paid(_apart(JINJA_FILTERS[name], str)) for name in _OF_A_LIST}
    | {name: _paid(_apart(JINJA_FILTERS[name], str), Budget.made_of_any) for name in ("groupby", "map", "slice")}
    | {name: _paid(_apart(JINJA_FILTERS[name], str, *CONTAINERS)) for name in ("striptags", "title", "urlencode")}
    | {"batch": _paid(_apart(_batch, str), Budget.made_of_any), "tojson": _paid(_apart(_tojson, str, *CONTAINERS))}
    | {"center": _paid(_center), "format": _paid(_format), "int": _paid(_int), "join": _paid(_apart(_join, str))}
    | {"replace": _paid(_replace), "round": _paid(_round), "sum": _paid(_apart(_sum, str)), "trim": _paid(_trim)}
    | {"wordcount": _paid(_wordcount)}
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
"""The functions that a template may call: no classes, whose attributes would be within reach too."""


# -- the environment ---------------------------------------------------------------------------------------------------

_OF_THE_CALLER: Final = frozenset({"_loop_vars", "_block_vars"})  # what compiled code tells a call, none of it new


@pass_context
def _finalize(_context: Context, value: Any) -> Any:
    """Pay for a value about to be printed. As it asks for the context, it is not called when compiling."""
    if callable(value) and not isinstance(value, Undefined):
        raise RefusedError("prints a function and not what it returns")
    budget = current_budget()
    budget.step()
    return budget.printed(value)


def _concat(chunks: Iterable[str]) -> str:
    chunks = list(chunks)
    current_budget().text(sum(map(len, chunks)))
    return "".join(chunks)


class _Environment(ImmutableSandboxedEnvironment):
    """The immutable sandbox, keeping accounts of calls, operators, lookups and what is kept aside."""

    concat = staticmethod(_concat)
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or (operator == "*" and not numbers) or isinstance(left, bytes | bytearray):
            raise RefusedError(f"uses {operator} on what it is not for")
        if operator == "*":
            _check_product(left, right)
        elif operator == "%" and isinstance(left, str):
            _check_percent(left, right)
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
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def checked(*args: Any, **kwargs: Any) -> str:
            _check_format(value.__self__, (args, kwargs))
            return wrapped(*args, **kwargs)

        return checked

    def getitem(self, obj: Any, argument: Any) -> Any:
        current_budget().step()  # the path `a.b.c` of `sort(attribute=…)` and its like ends up here for each item
        return super().getitem(obj, argument)

    def handle_exception(self, source: str | None = None) -> NoReturn:  # noqa: ARG002
        """Raise the error as it is: to rewrite its traceback, Jinja copies all the data for each call of a macro."""
        raise  # Jinja calls this where it has caught the error

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        known = next((names for kinds, names in _METHODS if isinstance(obj, kinds)), None)
        return known is None or attr in known or not callable(value)


_ACCOUNTS: Final = (Budget.each, Budget.compared, Budget.made, Budget.made_of_any, Budget.printed)


def _filter_name(account: Callable[[Budget, Any], Any]) -> str:
    return f"({account.__name__})"  # which no template can write, and which would do it no good


def _filter_of(account: Callable[[Budget, Any], Any]) -> Callable[[Any], Any]:
    return lambda value: account(current_budget(), value)


def environment(*, escape: bool) -> Environment:
    """Return the environment of one kind of text: whatever it renders, it renders within a `new_budget`."""
    made = _Environment(
        undefined=StrictUndefined,
        autoescape=escape,
        keep_trailing_newline=True,
        finalize=_finalize,
        optimized=False,  # to compute constants when compiling would be to compute without a budget
    )
    made.globals = dict(FUNCTIONS)
    made.tests = dict(TESTS)
    made.filters = {**FILTERS, **{_filter_name(account): _filter_of(account) for account in _ACCOUNTS}}
    return made


# -- before there are data ---------------------------------------------------------------------------------------------


def parse(environment: Environment, source: str) -> nodes.Template:
    """Return the tree of the source; raises `TemplateSyntaxError` for what is no template, or is not available here."""
    tokens = (token for token in environment.lex(source) if token[1] != "whitespace")
    for count, (line, kind, word) in enumerate(tokens):
        if count >= MAX_TOKENS:
            raise TemplateSyntaxError(f"it is too complex: more than {MAX_TOKENS} words and signs", line)
        if kind == "name" and len(word) > MAX_NAME:
            raise TemplateSyntaxError(f"a name is longer than {MAX_NAME} characters", line)
    tree = environment.parse(source)
    if fault := min(_unavailable(tree), default=None):
        line, message = fault
        raise TemplateSyntaxError(message, line)
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


def metered(tree: nodes.Template) -> nodes.Template:
    """Return the tree, changed in place, with accounts kept of what compiled code would do by itself."""
    _Metering().visit(tree)
    return tree


class _Metering(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 (names that Jinja looks for)
        self.generic_visit(node)
        node.iter = _filtered(node.iter, Budget.each)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.nodes = [_filtered(part, Budget.printed) for part in node.nodes]
        return node

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

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, Budget.made) if isinstance(node.arg, nodes.Slice) else node

    def visit_arguments(self, node: nodes.Call | nodes.Filter | nodes.Test) -> nodes.Node:
        self.generic_visit(node)
        if node.dyn_args is not None:
            node.dyn_args = _filtered(node.dyn_args, Budget.each)
        return node

    visit_Call = visit_Filter = visit_Test = visit_arguments  # noqa: N815


def _filtered(node: Any, account: Callable[[Budget, Any], Any]) -> nodes.Filter:
    name = _filter_name(account)
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)
