"""The tests and functions that a template may use."""

from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any, Final

from jinja2.sandbox import safe_range
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import Cycler, Joiner, Namespace

from handlers.domain.content.budget import (
    RefusedError,
    current_budget,
)
from handlers.domain.content.dialects import HTML, Dialect
from handlers.domain.content.sandbox.printing import text_of
from handlers.domain.content.urls import linkable


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


def link_of(dialect: Dialect) -> Callable[[Any, Any], str]:
    """Return the function that writes a link as its reader's platform has it."""

    def link(url: Any, text: Any) -> str:
        current_budget().step(10)
        target, shown = linkable(url, "link()"), text_of(text)
        if not target or (target.startswith("#") and dialect is not HTML):
            return shown
        return dialect.link(target, shown) if shown else dialect.link(target, target)

    return link
