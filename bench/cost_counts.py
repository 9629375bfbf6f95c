"""What was counted of an invocation, as `carillon cost` reckons with it: what is alike once, and how it grows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ops.cost.measured import Read, Sized, Write

Called = dict[str, Any]


def more_bytes(what: str, channel: str) -> int:
    """Return by how much a payload, or a template, is longer the second time: what the channel takes."""
    return (9000 if channel == "email" else 600) // (2 if what == "template" else 1)


@dataclass(frozen=True)
class Result:
    """What one invocation answered, called, printed and took."""

    answer: Any
    calls: list[Called]
    log: str
    cpu_ms: float

    def events(self) -> list[dict[str, Any]]:
        """Return the entries that it published."""
        puts = (call["parameters"]["Entries"] for call in self.calls if call["operation"] == "PutEvents")
        return [entry for entries in puts for entry in entries]


def name(call: Called) -> str:
    """Return its service and its operation."""
    return f"{call['service']}:{call['operation']}"


def entry_bytes(entry: Mapping[str, Any]) -> int:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size."""
    texts = (entry["Source"], entry["DetailType"], entry["Detail"], *entry["Resources"])
    return sum(len(text.encode()) for text in texts)


def metrics(log: str) -> Iterator[str]:
    """Return the custom metrics in a log: a name with its dimensions is one."""
    for line in log.splitlines():
        said = json.loads(line)
        for each in said.get("_aws", {}).get("CloudWatchMetrics", ()):
            for names in each["Dimensions"]:
                dimensions = ",".join(f"{name}={said[name]}" for name in sorted(names))
                yield from (f"{metric['Name']}{{{dimensions}}}" for metric in each["Metrics"])


def reads(calls: Sequence[Called], grown: Mapping[str, Sequence[Called]], channel: str) -> tuple[Read, ...]:
    """Return what these calls read; `grown` are the same calls when something was longer."""

    def of(some: Sequence[Called]) -> list[dict[str, Any]]:
        every = [read for call in some for read in call["reads"]]
        return sorted(every, key=lambda read: (read["table"], read["kind"], read["bytes"]))

    longer = {what: of(some) for what, some in grown.items()}
    return tuple(
        Read(**same, count=count) for same, count in _grouped(_growing(of(calls), longer, "bytes", channel), ("id",))
    )


def writes(calls: Sequence[Called], grown: Mapping[str, Sequence[Called]], channel: str) -> tuple[Write, ...]:
    """Return what these calls wrote; `grown` are the same calls when something was longer."""

    def of(some: Sequence[Called]) -> list[dict[str, Any]]:
        every = [{**each, "bytes": max(each["before"], each["after"])} for call in some for each in call["writes"]]
        return sorted(every, key=lambda write: (write["table"], write["kind"], write["bytes"], write["index"]))

    longer = {what: of(some) for what, some in grown.items()}
    growing = _growing(of(calls), longer, "bytes", channel)
    return tuple(Write(**same, count=count) for same, count in _grouped(growing, ("id", "before", "after")))


def _growing(
    items: Sequence[dict[str, Any]], longer: Mapping[str, Sequence[dict[str, Any]]], size: str, channel: str
) -> list[dict[str, Any]]:
    """Return the items with how much each grows, by what the same item was when something was longer."""
    found = []
    for place, item in enumerate(items):
        slopes = {what: _slope(others[place][size] - item[size], what, channel) for what, others in longer.items()}
        found.append({**item, **{what: slope for what, slope in slopes.items() if slope}})
    return found


def _slope(more: int, what: str, channel: str) -> float:
    return round(more / more_bytes(what, channel), 3)


def _grouped(items: Sequence[dict[str, Any]], without: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
    """Return what is alike once, and how often there is it. Tables are named without the stack."""
    named = (
        {
            name: value
            for name, value in {**item, "table": item["table"].rsplit("-", 1)[-1]}.items()
            if name not in without
        }
        for item in items
    )
    for _, same in groupby(named, key=lambda item: json.dumps(item, sort_keys=True)):
        alike = list(same)
        yield alike[0], len(alike)


def stored(
    accepted: Result,
    sent: Result,
    grown: Mapping[str, Result],
    longer: Mapping[str, Result],
    recipients: int,
    channel: str,
) -> Sized:
    """Return what a delivery leaves in the tables, with its share of what is stored once for its request."""
    base = _left(accepted, sent, recipients)
    slopes = {what: _slope(_left(grown[what], longer[what], recipients) - base, what, channel) for what in grown}
    return Sized(bytes=base, **slopes)


def _left(accepted: Result, sent: Result, recipients: int) -> int:
    own = {write["id"]: write for call in sent.calls for write in call["writes"]}
    kinds = {write["kind"] for write in own.values()}
    shared = [write for call in accepted.calls for write in call["writes"] if write["kind"] not in kinds]
    return int(sum(each["after"] for each in own.values()) + sum(each["after"] for each in shared) // recipients)
