"""`make chaos` and `make soak`: a table with progress, one line with the verdict, and an exit code by it."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.environment import platform
from local.errors import PlatformError
from ops.client import ApiError
from tests.chaos import flows, matrix
from tests.chaos.broadcasts import broadcasted
from tests.chaos.matrix import UnknownCallError, Verdict
from tests.chaos.soak import Soaked
from tests.chaos.soak import soak as soaked
from tests.chaos.stage import stage

FEWEST: Final = 60
"""Scenarios of a whole matrix: fewer would mean that the recording of calls is broken."""

app = typer.Typer(add_completion=False, no_args_is_help=True)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@app.command(name="matrix")
def every(only: Annotated[str, typer.Option(help="Flows whose names have this in them; all by default.")] = "") -> None:
    """Try every fault at every call, on the platform that is up, or on one that is started and stopped for it."""
    with _told(), _world() as world, Progress(*_columns(), console=errors) as progress:
        task = progress.add_task("recording", total=None)
        chosen = [flow for flow in flows.FLOWS if only in flow.name]
        others = [each for each in matrix.others() if only in each.name]
        scenarios = [
            *matrix.every(world, chosen, step=lambda what: progress.update(task, description=what)),
            *others,
        ]
        progress.update(task, total=len(scenarios))
        verdicts = []
        for scenario in scenarios:
            progress.update(task, description=escape(scenario.name))
            found = matrix.run(world, scenario)
            if not found.is_good:
                progress.console.print(f"[red]{escape(scenario.name)}[/]: {escape(why(found))}")
            verdicts.append(found)
            progress.advance(task)
    console.print(table(verdicts))
    said = verdict(verdicts)
    is_good = all(each.is_good for each in verdicts) and (bool(only) or len(verdicts) >= FEWEST)
    _end(said, is_good=is_good)


@app.command()
def soak(
    count: Annotated[int, typer.Option(min=1, help="Deliveries, on all channels together.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same faults at the same invocations.")] = 1,
) -> None:
    """Send many on all channels while one call in a hundred fails in any way, and processes are killed."""
    with _told(), _world() as world, Progress(*_columns(), console=errors) as progress:
        task = progress.add_task("soaking", total=count)
        found = soaked(world, count, seed, lambda what, done: progress.update(task, description=what, advance=done))
    console.print(_soak_table(found))
    for each in (*found.lost, *found.unmet):
        console.print(f"[red]{escape(each)}[/]")
    counted = found.counted
    said = (
        f"{counted.get('faults', 0)} faults, {counted.get('kills', 0)} kills, {found.deliveries} deliveries, "
        f"lost {len(found.lost)}, duplicates {found.duplicates} (unknown-outcome windows {found.windows})"
    )
    _end(said, is_good=not found.unmet)


@app.command()
def broadcasts(
    count: Annotated[int, typer.Option(min=300, help="Recipients of each of two broadcasts.")] = 1_000,
    seed: Annotated[int, typer.Option(help="The same faults at the same invocations.")] = 1,
) -> None:
    """Send two broadcasts while calls fail and processes are killed: one is paused and resumed, one is canceled."""
    with _told(), _world() as world, Progress(*_columns(), console=errors) as progress:
        task = progress.add_task("broadcasting", total=count)
        found = broadcasted(world, count, seed, lambda what, n: progress.update(task, description=what, advance=n))
    whole, canceled = found.whole, found.canceled
    for each in (*whole.lost, *canceled.lost, *found.unmet):
        console.print(f"[red]{escape(each)}[/]")
    said = (
        f"{found.counted.get('faults', 0)} faults, {found.counted.get('kills', 0)} kills, {found.stalls} stalls, "
        f"fan-out {found.peak_mb:.0f} MB. Paused and resumed: {_counts(whole.state)}. "
        f"Canceled midway: {_counts(canceled.state)}. "
        f"Lost {len(whole.lost) + len(canceled.lost)}, duplicates {whole.duplicates + canceled.duplicates} "
        f"(unknown-outcome windows {whole.windows + canceled.windows})"
    )
    _end(said, is_good=not found.unmet)


def _counts(state: Mapping[str, Any]) -> str:
    """Return what a broadcast's deliveries add up to. What is pending is held in an alarm."""
    ends = (f"{state[end]} {end}" for end in ("sent", "canceled", "failed", "unsubscribed", "pending") if state[end])
    return f"{state['planned']} planned = {' + '.join(ends)}"


def verdict(verdicts: Sequence[Verdict]) -> str:
    """Return the one line."""
    return (
        f"{len(verdicts)} scenarios, {sum(each.deliveries for each in verdicts)} deliveries, "
        f"lost {sum(len(each.lost) for each in verdicts)}, duplicates {sum(each.duplicates for each in verdicts)} "
        f"(unknown-outcome windows {sum(each.windows for each in verdicts)})"
    )


def why(found: Verdict) -> str:
    """Return what is wrong with a scenario that is not good."""
    parts = [*found.lost]
    if found.unexplained:
        parts.append(f"{found.unexplained} duplicates that the log does not know of")
    if not found.met:
        parts.append("the fault did not come about: the call was not made")
    return "; ".join(parts)


def table(verdicts: Sequence[Verdict]) -> Table:
    """Return a row for each flow."""
    made = Table("flow", title="Chaos")
    for column in ("scenarios", "deliveries", "lost", "duplicates", "windows"):
        made.add_column(column, justify="right")
    for name in dict.fromkeys(each.scenario.flow.name for each in verdicts):
        of_it = [each for each in verdicts if each.scenario.flow.name == name]
        numbers = (
            len(of_it),
            sum(each.deliveries for each in of_it),
            sum(len(each.lost) for each in of_it),
            sum(each.duplicates for each in of_it),
            sum(each.windows for each in of_it),
        )
        style = None if all(each.is_good for each in of_it) else "red"
        made.add_row(name, *map(str, numbers), style=style)
    return made


def _soak_table(found: Soaked) -> Table:
    made = Table("what", title="Soak")
    made.add_column("first waves → last", justify="right")
    made.add_column("change", justify="right")
    settled = [1000 * each for each in found.seconds]
    made.add_row("ms for a delivery", f"{settled[0]:.0f} → {settled[-1]:.0f}", f"{found.drift:+.0%}")
    for function, peaks in sorted(found.peaks.items()):
        made.add_row(f"MB of {function}", f"{peaks[0]:.0f} → {peaks[-1]:.0f}", "")
    made.add_row("memory that grew most", "", f"{found.growth:+.0%}")
    for name, number in sorted(found.counted.items()):
        made.add_row(f"counted: {name}", str(number), "")
    return made


def _columns() -> tuple[SpinnerColumn, TextColumn, BarColumn, MofNCompleteColumn, TimeElapsedColumn]:
    return SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()


@contextmanager
def _world() -> Iterator[flows.World]:
    with platform() as running, stage(running) as standing:
        yield flows.world(standing)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (PlatformError, ApiError, UnknownCallError, RuntimeError) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(2)


def _end(said: str, *, is_good: bool) -> None:
    console.print(f"[bold {'green' if is_good else 'red'}]{said}[/]", soft_wrap=True)
    sys.exit(0 if is_good else 1)
