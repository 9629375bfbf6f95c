"""What one render may take, and the account that is kept of it.

Every limit of templates is here. `sandbox` says what each thing that a template does is charged for. Nothing looks at a
clock: what is accepted with some data can be rendered with them again, however busy the machine is by then.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from jinja2.exceptions import SecurityError

from handlers.domain.content.values import Number

MAX_STEPS: Final = 100_000
"""Of one render: a step is an iteration, a call, a filter, a printed value; about a microsecond of work."""

MAX_CHARACTERS: Final = 1_000_000
"""Of all the texts that one render makes on the way, some four times what may come out of it."""

MAX_APART: Final = 100_000
"""Characters of a text that is taken apart, as each word, if not each character, then takes the memory of a value."""

MAX_TOKENS: Final = 6_000
"""Words and signs of one source: compiling takes time too, a third of a second for so many, before any budget."""

MAX_NAME: Final = 200
"""Characters of a name in a source, which errors and printed values repeat."""

MAX_PATH: Final = 100
"""Characters of the path by which an error names what is missing; of a longer one the end is shown."""

MAX_WIDTH: Final = 100
"""The widest padding, the most decimals, the most characters to strip: each makes much out of a small number."""

MAX_INTEGER_BITS: Final = 1024
"""Of a product, as of the largest `float`: beyond, integers take time and memory as texts do."""

_VALUES_PER_STEP: Final = 5
_CHARACTERS_PER_STEP: Final = 100
_CHARACTERS_OF_A_VALUE: Final = 24  # of any that is no text and no integer: the longest float
DICTS: Final = (dict, MappingProxyType)
_VIEWS: Final[tuple[Any, ...]] = ({}.keys(), {}.values(), {}.items())
CONTAINERS: Final[Any] = (list, tuple, set, frozenset, *DICTS, *(type(view) for view in _VIEWS))


class RefusedError(SecurityError):
    """What a template may not do, or not so much of; the message says what and quotes no data."""


@dataclass(slots=True)
class Budget:
    """What one render may still take; each method raises `RefusedError` when that is too little."""

    steps: int = MAX_STEPS
    characters: int = MAX_CHARACTERS

    def step(self, count: int = 1) -> None:
        """Pay for so much work, 0 or more."""
        self.steps -= count
        if self.steps < 0:
            raise RefusedError(f"takes too long to render: more than {MAX_STEPS} steps")

    def text(self, length: int) -> None:
        """Pay for so many characters, 0 or more."""
        self.afford(length)
        self.characters -= length

    def afford(self, length: int) -> None:
        """Check that so many characters could be paid for."""
        if length > self.characters:
            raise RefusedError(f"makes more than {MAX_CHARACTERS} characters on the way")

    def weigh(self, value: Any) -> int:
        """Return how long a value is in print, at most, with all that it holds; pay for going through it."""
        if not isinstance(value, CONTAINERS):
            return _length(value)
        length, count, pending = 0, 0, [value]
        while pending:
            item = pending.pop()
            length, count = length + _length(item), count + 1
            if count % _VALUES_PER_STEP == 0:
                self.step()
                self.afford(length)
            if isinstance(item, DICTS):
                pending.extend(item.values())
            if isinstance(item, CONTAINERS):
                pending.extend(item)  # of a dict, its keys
        self.afford(length)
        return length

    def compared(self, value: Any) -> Any:
        """Pay for going through a value and all its text, and return it."""
        self.step(1 + self.weigh(value) // _CHARACTERS_PER_STEP)
        return value

    def take_apart(self, value: Any) -> None:
        """Check a value whose text is about to become a list of its words or characters."""
        if self.weigh(value) > MAX_APART:
            raise RefusedError(f"takes apart more than {MAX_APART} characters at once")

    def each(self, iterable: Iterable[Any]) -> Iterator[Any]:
        """Yield the items, each of which is a step."""
        for item in iterable:
            self.step()
            yield item

    def made(self, value: Any) -> Any:
        """Pay for a new text or list, and return it; for an iterator, return the list of what it yields."""
        if isinstance(value, str):
            self.text(len(value))
        elif isinstance(value, list | tuple):
            self.step(len(value))
        elif isinstance(value, Iterator):
            return list(self.each(value))
        return value

    def made_of_any(self, value: Any) -> Any:
        """Pay for a new list that may hold the same value many times, and return it."""
        value = self.made(value)
        self.weigh(value)
        return value

    def printed(self, value: Any) -> Any:
        """Pay for the text of a value that is about to be made, and return the value."""
        self.text(self.weigh(value))
        return value


def _length(value: Any) -> int:
    """Return how many characters a value takes in print, at most, without what it holds."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, int):
        return value.bit_length() // 3 + 1
    if isinstance(value, Number):
        return max(len(value.literal), _CHARACTERS_OF_A_VALUE)
    return _CHARACTERS_OF_A_VALUE


_BUDGET: ContextVar[Budget] = ContextVar("budget")


@contextmanager
def new_budget() -> Iterator[Budget]:
    """Give a budget to all that is rendered inside; nothing can be rendered without."""
    token = _BUDGET.set(Budget())
    try:
        yield _BUDGET.get()
    finally:
        _BUDGET.reset(token)


def current_budget() -> Budget:
    """Return the budget of the render that this thread is in."""
    return _BUDGET.get()
