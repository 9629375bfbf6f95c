"""Property values as rules read them: plain dicts and lists, with an explicit UNKNOWN where a preview cannot know.

The policy SDK hands out proxies that are neither `dict` nor `list`, and that raise when something unknown is read. A
rule that lets that exception through is turned into an advisory remark, whatever its level: it must never happen. So
every property goes through `plain` before a rule sees it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

from pulumi_policy.proxy import UnknownValueError


class Unknown(Enum):
    """The type of UNKNOWN, which stands for a value that only the update will know."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

Value: TypeAlias = "bool | float | str | Unknown | list[Value] | dict[str, Value] | None"


def plain(value: object) -> Value:
    """Return the SDK's proxy of a property, or any JSON value, as dicts, lists and scalars, with UNKNOWN in its places.

    What is none of these (an asset or an archive) has nothing that a rule could read, and becomes None.
    """
    if isinstance(value, bool | int | float | str | Unknown):
        return value
    if isinstance(value, Mapping):
        return {str(key): _read(value, key) for key in value}
    if isinstance(value, Sequence):
        return [_read(value, index) for index in range(len(value))]
    return None


def properties(props: Mapping[str, object]) -> dict[str, Value]:
    """Return all the properties of a resource, made plain."""
    return {name: _read(props, name) for name in props}


def at(value: Value, *path: str) -> Value:
    """Follow keys into nested maps: None where there is nothing, UNKNOWN where the way leads through something unknown.

    A map may be given as JSON text, as AWS takes policies: `at(properties, "redrivePolicy", "deadLetterTargetArn")`.
    """
    for key in path:
        value = parsed(value)
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(key) if isinstance(value, dict) else None
    return value


def parsed(value: Value) -> Value:
    """Return the map that a JSON text holds; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    try:
        return plain(json.loads(value))
    except json.JSONDecodeError:
        return value


def items(value: Value) -> list[Value]:
    """Return a list's items, a single value as a list of one, and nothing for None."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def walk(value: Value, path: str = "") -> Iterator[tuple[str, Value]]:
    """Yield each value inside, JSON texts opened, with its path: `inlinePolicies.0.policy`."""
    value = parsed(value)
    yield path, value
    inside: Iterable[tuple[object, Value]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, item in inside:
        yield from walk(item, f"{path}.{key}" if path else str(key))


def _read(container: Any, key: object) -> Value:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def is_on(value: Value) -> bool:
    """Tell whether a switch is on, or not known yet."""
    return value in (True, UNKNOWN)


def is_own_key(value: Value) -> bool:
    """Tell whether a key is named that is not one of AWS's own (`alias/aws/…`), or is not known yet."""
    return value is UNKNOWN or (isinstance(value, str) and value != "" and "alias/aws/" not in value)


def is_within(value: Value, low: float, high: float = float("inf")) -> bool:
    """Tell whether a number is within these bounds, both included, or not known yet."""
    return value is UNKNOWN or (isinstance(value, int | float) and low <= value <= high)


def is_unknown_inside(value: Value) -> bool:
    """Tell whether anything in it is not known yet, itself included."""
    return any(each is UNKNOWN for _, each in walk(value))
