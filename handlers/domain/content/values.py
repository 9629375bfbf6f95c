"""JSON as producers write it: numbers keep their digits on the way from the request, through the log, to the text.

`10.00` is a price and `1e3` was meant as it stands, but a `float` knows neither any more.
"""

import json
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any


class Number(float):
    """A number that prints as it was written, and reckons as a `float`."""

    literal: str

    def __new__(cls, literal: str) -> "Number":
        """Return the number of a JSON literal."""
        made = super().__new__(cls, literal)
        made.literal = literal
        return made

    def __str__(self) -> str:
        return self.literal

    __repr__ = __str__

    def __reduce__(self) -> tuple[type["Number"], tuple[str]]:
        return Number, (self.literal,)


def read_json(text: str) -> Any:
    """Return what a JSON text says. A number that Python would write otherwise is a `Number`; raises `ValueError`."""
    return json.loads(text, parse_float=number, parse_int=number)


def number(literal: str) -> int | float:
    """Return the number of a JSON literal: an `int` or `float` when it is written as Python writes it."""
    plain: int | float = float(literal) if set(literal) & set(".eE") else int(literal)
    return plain if repr(plain) == literal else Number(literal)


def write_json(value: Any, *, spaced: bool = False, sort: bool = False) -> str:
    """Return the JSON text of what `read_json` returns, every number as it was written.

    `spaced` has a space after each comma and colon, `sort` the fields of each object in their order.
    """
    comma, colon = (", ", ": ") if spaced else (",", ":")
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return encode_basestring(value)
        case int() | float():
            return str(value)
        case Mapping():
            items = sorted(value.items()) if sort else value.items()
            fields = (f"{encode_basestring(k)}{colon}{write_json(v, spaced=spaced, sort=sort)}" for k, v in items)
            return f"{{{comma.join(fields)}}}"
        case list() | tuple():
            return f"[{comma.join(write_json(item, spaced=spaced, sort=sort) for item in value)}]"
    raise TypeError("not a JSON value")
