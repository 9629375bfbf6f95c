"""What a measurement answers: lines of a table, each with its target where there is one."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """One measured value."""

    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None when there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    @property
    def target(self) -> str:
        """The target in words, empty when there is none."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"


@dataclass(frozen=True)
class Part:
    """What one part of the benchmark found: its lines, and what its plots are drawn from."""

    title: str
    lines: Sequence[Line]
    details: Any = None

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        lines = [{**asdict(line), "met": line.met} for line in self.lines]
        return {"title": self.title, "lines": lines, "details": self.details}


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, round by round: what slows both in one round does not count."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def spread(values: Sequence[float]) -> float:
    """How far the values go from the first, as a part of it: 0.15 for 15 % more or less."""
    return max(abs(value / values[0] - 1) for value in values)
