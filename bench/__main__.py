"""`python -m bench [part …]`: measure, print one table, write the report and the plots, and exit by the targets."""

import sys
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import alone, broadcast, calls, cold, floor, lane, outage, report, scale
from bench.environment import Running, platform
from bench.progress import Step
from bench.results import Part
from local.errors import PlatformError
from ops.client import ApiError


class Name(StrEnum):
    """The parts, in the order in which they run."""

    FLOOR = "floor"
    HANDLERS = "handlers"
    CALLS = "calls"
    COLD = "cold"
    OUTAGE = "outage"
    SCALE = "scale"
    LANE = "lane"
    BROADCAST = "broadcast"


Measure = Callable[[Running, Step], Part]
PARTS: Final[Mapping[Name, Measure]] = {
    Name.FLOOR: floor.measure,
    Name.HANDLERS: alone.measure,
    Name.CALLS: calls.measure,
    Name.COLD: cold.measure,
    Name.OUTAGE: outage.measure,
    Name.SCALE: scale.measure,
    Name.LANE: lane.measure,
    Name.BROADCAST: broadcast.measure,
}
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def main(parts: Annotated[list[Name] | None, typer.Argument(help="All unless named.")] = None) -> None:
    """Measure these parts on the platform that is up, or on one that is started and stopped for it."""
    from bench import plots  # matplotlib: nothing but a run needs it

    chosen = [name for name in PARTS if name in (parts or PARTS)]
    begun = time.monotonic()
    try:
        found = _measured(chosen)
    except (PlatformError, ApiError, RuntimeError) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(2)
    written = report.write(found)
    drawn = plots.draw(found)
    if len(chosen) == len(PARTS):
        report.keep(found, drawn)
    console.print(report.table(found))
    console.print(f"{written} and {len(drawn)} plots beside it")
    unmet = [line.what for part in found.values() for line in part.lines if line.met is False]
    judged = [line for part in found.values() for line in part.lines if line.met is not None]
    verdict = f"{len(judged) - len(unmet)} of {len(judged)} targets met in {time.monotonic() - begun:.0f} s"
    console.print(f"[bold {'red' if unmet else 'green'}]{verdict}[/]")
    sys.exit(1 if unmet else 0)


def _measured(chosen: list[Name]) -> dict[Name, Part]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with platform() as running, Progress(*columns, console=errors) as progress:
        task = progress.add_task("starting", total=len(chosen))
        found = {}
        for name in chosen:
            found[name] = PARTS[name](running, lambda what: progress.update(task, description=what))
            progress.advance(task)
    return found


if __name__ == "__main__":
    typer.run(main)
