"""The widgets of a dashboard, and where each stands.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from stacks.monitoring.metrics import Expression, Metric

COLUMNS: Final = 24
_HEADING_HEIGHT: Final = 1
_FIVE_MINUTES: Final = 300


@dataclass(frozen=True)
class Search:
    """The sum of all metrics of a name and a schema, whichever function emits them."""

    namespace: str
    dimensions: tuple[str, ...]
    name: str
    where: Mapping[str, str]

    def text(self, period: int) -> str:
        """Return the expression: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html."""
        schema = ",".join((self.namespace, *self.dimensions))
        where = "".join(f' {name}="{value}"' for name, value in self.where.items())
        return f"SUM(SEARCH('{{{schema}}} MetricName=\"{self.name}\"{where}', 'Sum', {period}))"


Shown = Metric | Expression | Search


class Widget(Protocol):
    """What has a place in a row."""

    @property
    def width(self) -> int:
        """In columns, of 24."""

    @property
    def height(self) -> int:
        """In rows of the grid."""

    def described(self, region: str) -> tuple[str, dict[str, Any]]:
        """Return its type and properties."""


@dataclass(frozen=True)
class Graph:
    """Metrics over time, by the labels that they are shown with. `limit` draws a line at what stops them."""

    title: str
    shown: Mapping[str, Shown]
    width: int = 6
    height: int = 6
    period: int = _FIVE_MINUTES
    stacked: bool = False
    limit: tuple[str, float] | None = None

    def described(self, region: str) -> tuple[str, dict[str, Any]]:
        """Return its type and properties."""
        lines = [
            line for number, (label, each) in enumerate(self.shown.items()) for line in self._lines(number, label, each)
        ]
        properties: dict[str, Any] = {
            "title": self.title,
            "region": region,
            "view": "timeSeries",
            "stacked": self.stacked,
            "period": self.period,
            "metrics": lines,
            "yAxis": {"left": {"min": 0}},
        }
        if self.limit is not None:
            label, value = self.limit
            properties["annotations"] = {"horizontal": [{"label": label, "value": value}]}
        return "metric", properties

    def _lines(self, number: int, label: str, shown: Shown) -> Iterator[list[Any]]:
        match shown:
            case Metric():
                yield [*_named(shown), {"label": label, "stat": shown.statistic}]
            case Search():
                yield [{"expression": shown.text(self.period), "label": label, "id": f"s{number}"}]
            case Expression(text, of):
                yield [{"expression": text, "label": label, "id": f"e{number}"}]
                for id_, metric in of.items():
                    yield [*_named(metric), {"id": id_, "stat": metric.statistic, "visible": False}]


@dataclass(frozen=True)
class Table:
    """What a query of Logs Insights finds; paid for only when it is looked at."""

    title: str
    log_groups: Sequence[str]
    query: str
    width: int = 12
    height: int = 6

    def described(self, region: str) -> tuple[str, dict[str, Any]]:
        """Return its type and properties."""
        sources = " | ".join(f"SOURCE '{each}'" for each in self.log_groups)
        return "log", {
            "title": self.title,
            "region": region,
            "view": "table",
            "query": f"{sources} | {self.query}",
        }


@dataclass(frozen=True)
class Row:
    """A heading, a line that says how to read what stands under it, and widgets side by side."""

    heading: str
    widgets: Sequence[Widget]

    def __post_init__(self) -> None:
        if (width := sum(each.width for each in self.widgets)) > COLUMNS:
            raise ValueError(f"The row {self.heading} is {width} columns wide, and a dashboard has {COLUMNS}.")


def dashboard_body(rows: Sequence[Row], region: str) -> str:
    """Return the body of a dashboard with these rows, from the top."""
    return json.dumps({"start": "-PT3H", "periodOverride": "inherit", "widgets": list(_placed(rows, region))})


def _placed(rows: Sequence[Row], region: str) -> Iterator[dict[str, Any]]:
    y = 0
    for row in rows:
        heading = {"markdown": f"## {row.heading}"}
        yield {"type": "text", "x": 0, "y": y, "width": COLUMNS, "height": _HEADING_HEIGHT, "properties": heading}
        y, x = y + _HEADING_HEIGHT, 0
        for widget in row.widgets:
            type_, properties = widget.described(region)
            place = {"x": x, "y": y, "width": widget.width, "height": widget.height}
            yield {"type": type_, **place, "properties": properties}
            x += widget.width
        y += max((each.height for each in row.widgets), default=0)


def _named(metric: Metric) -> list[str]:
    return [metric.namespace, metric.name, *(part for dimension in metric.dimensions.items() for part in dimension)]
