"""Says what was reckoned: as tables, and as JSON that a later run compares itself with."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.cost.model import Cost
from ops.cost.profiles import Profile
from ops.errors import OperatorError

_LEAST_SHOWN: Final = 0.005
_LEAST_CHANGE: Final = 0.005


class _Reported(BaseModel):
    model_config = ConfigDict(frozen=True)

    profile: Profile
    lines: dict[str, float]
    total: float
    least: float
    floor: dict[str, float]
    statistics: dict[str, float]
    kept: dict[str, float]
    choices: dict[str, float]
    fees: dict[str, float]
    write_units: float


class Report(BaseModel):
    """One run: US dollars, of a million deliveries of each profile, and of each month."""

    model_config = ConfigDict(frozen=True)

    stack: str
    region: str
    prices_dated: str
    measured: str
    profiles: dict[str, _Reported]
    fixed: dict[str, float]


def report(head: Mapping[str, str], costs: Mapping[str, Cost], fixed: Mapping[str, float]) -> Report:
    """Return what was reckoned, as data."""
    profiles = {name: {**vars(each), "profile": each.profile.model_dump()} for name, each in costs.items()}
    return Report.model_validate({**head, "profiles": profiles, "fixed": dict(fixed)})


def read(path: Path) -> Report:
    """Return the report of an earlier run. Raises `OperatorError`."""
    try:
        return Report.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise OperatorError(f"{path} is no report of `carillon cost --json`: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
    return str(error)


def show(console: Console, report: Report) -> None:
    """Print the tables: prices by service, what choices cost, what is paid each month, and providers' fees."""
    profiles = report.profiles
    console.print(
        f"US dollars for a million deliveries, stack {escape(report.stack)}, list prices of {report.region} of "
        f"{report.prices_dated}, calls as measured on {report.measured}\n"
    )
    console.print(_services(profiles))
    console.print("\n[bold]What each choice costs[/] of these prices, a million deliveries")
    console.print(_by_profile(profiles, lambda each: each.choices))
    console.print("\n[bold]The least AWS would charge[/] for the same path, written by hand")
    console.print(_by_profile(profiles, lambda each: each.floor))
    console.print("\n[bold]Each month, whatever is sent[/]")
    console.print(_monthly(report.fixed))
    console.print("\n[bold]Providers' fees[/], a million messages, apart from all of the above")
    console.print(_fees(profiles))


def _table(*names: str) -> Table:
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(escape(name), justify="right")
    return table


def _services(profiles: Mapping[str, _Reported]) -> Table:
    table = _by_profile(profiles, lambda each: each.lines)
    pair = list(profiles.values()) if len(profiles) == 2 else []
    rows: list[tuple[str, Any]] = [
        ("[bold]total[/]", lambda each: f"[bold]{each.total:.2f}[/]"),
        ("the least AWS would charge", lambda each: f"{each.least:.2f}"),
        ("write units a delivery", lambda each: f"{each.write_units:.2f}"),
        ("statistics besides", lambda each: f"{sum(each.statistics.values()):.2f}"),
        ("stored besides, for as long as it is kept", lambda each: f"{sum(each.kept.values()):.2f}"),
    ]
    table.add_section()
    for title, say in rows:
        difference = [f"{pair[1].total - pair[0].total:+.2f}"] if pair and "total" in title else []
        table.add_row(title, *(say(each) for each in profiles.values()), *difference)
    return table


def _by_profile(profiles: Mapping[str, _Reported], lines: Any) -> Table:
    """Return a table of a row for each line and a column for each profile; of two with the difference."""
    compared = ["difference"] if len(profiles) == 2 else []
    table = _table(*profiles, *compared)
    for name in next(iter(map(lines, profiles.values()))):
        usd = [lines(each).get(name, 0.0) for each in profiles.values()]
        if max(usd) >= _LEAST_SHOWN:
            table.add_row(
                escape(name), *(f"{each:.2f}" for each in usd), *(f"{usd[1] - usd[0]:+.2f}" for _ in compared)
            )
    return table


def _monthly(fixed: Mapping[str, float]) -> Table:
    table = _table("a month")
    for name, usd in fixed.items():
        if usd >= _LEAST_SHOWN:
            table.add_row(escape(name), f"{usd:.2f}")
    table.add_section()
    table.add_row("[bold]total[/]", f"[bold]{sum(fixed.values()):.2f}[/]")
    return table


def _fees(profiles: Mapping[str, _Reported]) -> Table:
    table = _table("a million")
    for name, usd in {name: usd for each in profiles.values() for name, usd in each.fees.items()}.items():
        table.add_row(escape(name), f"{usd:,.2f}")
    return table


def show_targets(console: Console, report: Report, most_write_units: float) -> None:
    """Print each target with what was reckoned, and whether it is met."""
    table = Table("target", "is", "", box=None, pad_edge=False, header_style="bold")
    for what, most, value in _targets(report, most_write_units):
        met = "[green]met[/]" if value <= most else "[red]not met[/]"
        table.add_row(f"{escape(what)} ≤ {most:g}", f"{value:.2f}", met)
    console.print(table)


def _targets(report: Report, most_write_units: float) -> Iterator[tuple[str, float, float]]:
    for name, each in report.profiles.items():
        if each.profile.target_usd is not None:
            yield f"{name}, USD", each.profile.target_usd, each.total
    for name, each in report.profiles.items():
        if each.profile.open_rate or each.profile.click_rate:  # whose answers are writes of their own
            continue
        yield f"{name}, write units a delivery", most_write_units, each.write_units


def show_change(console: Console, report: Report, before: Report) -> None:
    """Print what a million deliveries cost before and now, by service, of every profile that both know."""
    for name in report.profiles.keys() & before.profiles.keys():
        now, then = report.profiles[name], before.profiles[name]
        table = _table("before", "now", "change")
        for service in {**then.lines, **now.lines}:
            old, new = then.lines.get(service, 0.0), now.lines.get(service, 0.0)
            if abs(new - old) >= _LEAST_CHANGE:
                table.add_row(escape(service), f"{old:.2f}", f"{new:.2f}", f"{new - old:+.2f}")
        table.add_row(
            "[bold]total[/]", f"{then.total:.2f}", f"[bold]{now.total:.2f}[/]", f"{now.total - then.total:+.2f}"
        )
        console.print(f"\n[bold]{escape(name)}[/], measured {before.measured} and {report.measured}")
        console.print(table)


def over_budget(report: Report, budgets: Mapping[str, float]) -> Iterator[str]:
    """Say of each profile that is dearer than its budget by how much, and what its services cost, the dearest first."""
    for name, budget in budgets.items():
        each = report.profiles[name]
        if each.total > budget:
            dearest = sorted(each.lines.items(), key=lambda line: -line[1])
            services = ", ".join(f"{service} {usd:.2f}" for service, usd in dearest if usd >= _LEAST_SHOWN)
            over = f"over its budget of {budget:.2f} by {each.total - budget:.2f}"
            yield f"{name}: {each.total:.2f} USD, {over}: {services}"


def dump(report: Report) -> str:
    """Return the report as JSON."""
    return json.dumps(report.model_dump(), indent=2)
