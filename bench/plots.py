"""The pictures of a run, as SVG: each shows one thing, and is drawn only if its part was measured."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.report import DIRECTORY
from bench.results import Part

_OURS, _FLOOR = "#3f51b5", "#9e9e9e"
_SHARES: Final = 9


def draw(parts: Mapping[Any, Part]) -> list[Path]:
    """Draw what there is; where the pictures are."""
    mpl.rcParams.update({"svg.hashsalt": "carillon", "axes.spines.top": False, "axes.spines.right": False})
    drawers = {"floor": _latency, "handlers": _profile, "calls": _calls, "scale": _scale}
    found = {str(name): part.details for name, part in parts.items()}
    return [_saved(name, drawer(found[name])) for name, drawer in drawers.items() if found.get(name)]


def _saved(name: str, figure: Figure) -> Path:
    path = DIRECTORY / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    return path


def _latency(details: Any) -> Figure:
    """How many requests have their answer, and are sent, after so many milliseconds."""
    figure = Figure(figsize=(9, 3.6))
    for place, (field, title) in enumerate((("accepted", "POST → 202"), ("sent", "POST → sent")), 1):
        axes = figure.add_subplot(1, 2, place)
        for name, colour in (("ours", _OURS), ("floor", _FLOOR)):
            values = sorted(value for each in details[name]["latency"] for value in each[field])
            axes.ecdf(values, color=colour, label=name)
        axes.set(title=title, xlabel="milliseconds", ylabel="part of all requests", xlim=(0, None))
        axes.legend(frameon=False)
    return figure


def _profile(details: Any) -> Figure:
    """Processor time by package, each package's own."""
    figure = Figure(figsize=(9, 4.6))
    for place, name in enumerate(("accepting", "delivering"), 1):
        shares = list(details[name]["packages"].items())[:_SHARES][::-1]
        axes = figure.add_subplot(1, 2, place)
        axes.barh([package for package, _ in shares], [100 * share for _, share in shares], color=_OURS)
        axes.set(title=f"{name}: processor time by package", xlabel="%")
    figure.tight_layout()
    return figure


def _calls(details: Any) -> Figure:
    """AWS calls per delivery by operation, a bar for each kind of traffic."""
    figure = Figure(figsize=(9, 4.2))
    axes = figure.add_subplot()
    kinds = list(details)
    every = {kind: Counter(of["accepting"]) + Counter(of["delivering"]) for kind, of in details.items()}
    bottoms = dict.fromkeys(kinds, 0.0)
    operations = sorted({operation for calls in every.values() for operation in calls})
    colours = mpl.colormaps["tab20"](range(len(operations)))
    for operation, colour in zip(operations, colours, strict=True):
        heights = [every[kind][operation] for kind in kinds]
        axes.bar(kinds, heights, bottom=[bottoms[kind] for kind in kinds], label=operation, color=colour)
        bottoms = {kind: bottoms[kind] + height for kind, height in zip(kinds, heights, strict=True)}
    axes.set(title="AWS calls per delivery", ylabel="calls")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    axes.tick_params(axis="x", rotation=20)
    return figure


def _scale(details: Any) -> Figure:
    """Each measure with so many deliveries in the log, as a part of what it was with one."""
    figure = Figure(figsize=(9, 3.6))
    axes = figure.add_subplot()
    sizes = [each["deliveries"] for each in details]
    for field, label in (("sent", "time"), ("cpu", "CPU"), ("memory", "memory"), ("calls", "AWS calls")):
        axes.plot(sizes, [each[field] / details[0][field] for each in details], marker="o", label=label)
    axes.axhspan(0.85, 1.15, color=_FLOOR, alpha=0.2, label="± 15 %")
    axes.set(title="One more delivery, with so many in the log", xlabel="deliveries in the log", xscale="log")
    axes.set(ylabel="÷ with one", ylim=(0, None))
    axes.legend(frameon=False, loc="lower left", ncols=5)
    return figure
