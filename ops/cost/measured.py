"""What one invocation of each function was measured to ask of AWS: measured.toml, written by `python -m bench.cost`.

A case is a function's part of the path: `accept` a request, `send` a batch, `admit` a token, hear of an `open` or a
`click`, `observe` what was written of deliveries. Counts and bytes are exact, and tests/emulator/test_cost.py holds
them; processor time is this machine's.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

MEASURED: Final = Path(__file__).with_name("measured.toml")

Path_ = Literal["admit", "accept", "send", "open", "click", "observe"]
Content = Literal["inline", "template"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sized(_Data):
    """So many bytes, and by how many it grows with each byte of the payload and of the template."""

    bytes: int
    payload: float = 0.0
    template: float = 0.0

    def at(self, payload: float, template: float) -> float:
        """Return the size with so many bytes more of payload and of template than were measured."""
        return max(0.0, self.bytes + self.payload * payload + self.template * template)


class Read(Sized):
    """So many items of one kind read; of a query, all that it reads."""

    table: str
    kind: str
    consistent: bool
    count: int


class Write(Sized):
    """So many items of one kind written, the larger of before and after; `index` is the size of each index write."""

    table: str
    kind: str
    transaction: bool
    index: tuple[int, ...] = ()
    count: int


class Case(_Data):
    """One invocation. `recipients` are those of the request, `batch` the deliveries of the batch."""

    path: Path_
    channel: str
    content: Content
    recipients: int
    batch: int
    calls: Mapping[str, int]
    reads: tuple[Read, ...] = ()
    writes: tuple[Write, ...] = ()
    events: int = 0
    event_bytes: int = 0
    log_bytes: int
    log_lines: int
    cpu_ms: float
    stored: Sized | None = None

    def called(self, service: str) -> int:
        """Return how often a service was called."""
        return sum(times for name, times in self.calls.items() if name.startswith(f"{service}:"))


class Measured(_Data):
    """All cases, with the sizes of payload and template that they were measured with."""

    date: str
    payload_bytes: int
    template_bytes: int
    sweeper_queries: int
    metrics: tuple[str, ...]
    case: tuple[Case, ...]

    def of(self, path: Path_, channel: str, content: Content) -> tuple[Case, ...]:
        """Return the cases of a part of the path, by recipients and batch."""
        found = [each for each in self.case if (each.path, each.channel, each.content) == (path, channel, content)]
        return tuple(sorted(found, key=lambda each: (each.recipients, each.batch)))


@cache
def load(path: Path = MEASURED) -> Measured:
    """Return what is in the file. Raises OSError, or ValueError when it is not of this form."""
    return Measured.model_validate(tomllib.loads(path.read_text()))


def toml(measured: Measured) -> str:
    """Return the text of a file that `load` reads."""
    head = measured.model_dump(exclude={"case"})
    lines = ["# Written by `.venv/bin/python -m bench.cost`, and read by `carillon cost`: docs/cost.md"]
    lines += [f"{name} = {_value(value)}" for name, value in head.items()]
    for case in measured.case:
        lines += ["", "[[case]]"]
        lines += [f"{name} = {_value(value)}" for name, value in case.model_dump(exclude_defaults=True).items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f'"{name}" = {_value(each)}' for name, each in value.items()) + " }"
        case list() | tuple() if value and isinstance(value[0], dict):
            return "[\n" + "".join(f"    {_value(each)},\n" for each in value) + "]"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case _:
            return str(value)
