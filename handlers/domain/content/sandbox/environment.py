"""The environment: it keeps accounts of calls, operators, filters, tests, lookups, and what is printed."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

from jinja2 import (
    Environment,
    StrictUndefined,
    pass_context,
)
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup

from handlers.domain.content.budget import (
    Budget,
    RefusedError,
    current_budget,
)
from handlers.domain.content.dialects import HTML, Dialect
from handlers.domain.content.sandbox.checks import METHOD_CHECKS, METHODS, check_format, check_percent, check_product
from handlers.domain.content.sandbox.filters import FILTERS
from handlers.domain.content.sandbox.functions import FUNCTIONS, TESTS, link_of
from handlers.domain.content.sandbox.printing import (
    NOT_IN_THE_DATA,
    EscapingFormatter,
    PlainFormatter,
    for_percent,
    text_of,
)

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


class MeteredEnvironment(ImmutableSandboxedEnvironment):
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
        """Return what an operator makes, checked before and paid for after."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or (operator == "*" and not numbers) or isinstance(left, bytes | bytearray):
            raise RefusedError(f"uses {operator} on what it is not for")
        if operator == "*":
            check_product(left, right)
        elif operator == "%" and isinstance(left, str):
            check_percent(left, right)
            right = for_percent(right)
        elif operator == "+" and not numbers:
            current_budget().weigh((left, right))
        return current_budget().made(super().call_binop(context, operator, left, right))

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return what a call makes, checked before and paid for after."""
        budget = current_budget()
        budget.step()
        if isinstance(called, Macro) and not (called.catch_varargs or called.catch_kwargs):
            return super().call(context, called, *args, **kwargs)  # it keeps nothing, and pays for what it makes
        budget.weigh((*args, *(value for name, value in kwargs.items() if name not in _OF_THE_CALLER)))
        owner = getattr(called, "__self__", None)
        if isinstance(owner, str) and called.__name__ in METHOD_CHECKS:
            METHOD_CHECKS[called.__name__](owner, *args)
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
            check_format(owner, (args, kwargs))
            is_markup = isinstance(owner, Markup)
            formatter = EscapingFormatter(self, escape=owner.escape) if is_markup else PlainFormatter(self)
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
        """Say whether a template may use it: of values of ours, only the methods that are listed."""
        if not super().is_safe_attribute(obj, attr, value):
            return False
        known = next((names for kinds, names in METHODS if isinstance(obj, kinds)), None)
        return known is None or attr in known or not callable(value)


_ACCOUNTS: Final = (Budget.each, Budget.compared, Budget.made, Budget.made_of_any)
DICT_METHODS: Final = frozenset({"get", "items", "keys", "values"})
ONE_OF_MANY: Final = frozenset({"first", "last", "max", "min"})


def filter_name(account: Callable[..., Any]) -> str:
    """Return the name of the filter by which compiled code keeps an account."""
    return f"({account.__name__})"  # which no template can write, and which would do it no good


def _filter_of(account: Callable[[Budget, Any], Any]) -> Callable[[Any], Any]:
    return lambda value: account(current_budget(), value)


def environment(dialect: Dialect) -> Environment:
    """Return the environment of one way of writing: whatever it renders, it renders within a `new_budget`."""
    made = MeteredEnvironment(
        undefined=_Missing,
        autoescape=dialect is HTML,
        keep_trailing_newline=True,
        finalize=_finalize,
        optimized=False,  # to compute constants when compiling would be to compute without a budget
    )
    made.markup, made.escapes = dialect.markup, dialect is not HTML
    made.globals = {**FUNCTIONS, "link": link_of(dialect)}
    made.tests = dict(TESTS)
    lookups = (made.print_value, made.print_joined, made.attribute_at, made.item_at, made.method_at, made.named_at)
    made.filters = {
        **FILTERS,
        **{filter_name(account): _filter_of(account) for account in _ACCOUNTS},
        **{filter_name(lookup): lookup for lookup in lookups},
    }
    return made
