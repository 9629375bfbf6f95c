"""`carillon cost`: what a million deliveries cost at AWS's list prices, and why."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from handlers.domain.channels import Channel
from ops.cost import measured, model, picture, prices, profiles, resources
from ops.cost.profiles import Profile
from ops.cost.quantities import World
from ops.cost.report import Report, dump, over_budget, read, report, show, show_change, show_targets
from ops.errors import OperatorError
from ops.terminal import console, fail, one_clear_error

Named = Annotated[list[str] | None, typer.Option("--profile", help="One of ops/cost/profiles.toml; again for more.")]
Budgets = Annotated[
    list[str] | None,
    typer.Option("--budget", metavar="[PROFILE=]USD", help="Fail if a million deliveries cost more; again for more."),
]


def cost(
    profile: Named = None,
    stack: Annotated[str, typer.Option(help="Whose resources: dev or prod.")] = "dev",
    channel: Annotated[Channel | None, typer.Option(help="Instead of the profile's.")] = None,
    recipients: Annotated[int | None, typer.Option(help="Of one request, 1 to 100.")] = None,
    batch: Annotated[int | None, typer.Option(help="Messages a worker gets at once, 1 to 10.")] = None,
    payload: Annotated[int | None, typer.Option(help="Bytes of data, or of content in the request.")] = None,
    template: Annotated[int | None, typer.Option(help="Bytes of the template.")] = None,
    opens: Annotated[float | None, typer.Option(help="Share of messages that are opened, 0 to 1.")] = None,
    clicks: Annotated[float | None, typer.Option(help="Share of messages of which a link is followed.")] = None,
    requests_a_token: Annotated[float | None, typer.Option(help="Requests that a producer makes with a token.")] = None,
    retention: Annotated[float | None, typer.Option(help="Months that the log of notifications is kept.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for --against of a later run.")] = False,
    svg: Annotated[Path | None, typer.Option("--picture", help="Write the picture to this file, SVG.")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare with the JSON of an earlier run.")] = None,
    budget: Budgets = None,
    quiet: Annotated[bool, typer.Option(help="Print what is over the budget alone.")] = False,
) -> None:
    """Show what a million deliveries cost at AWS's list prices: docs/cost.md."""
    changed = {
        "channel": channel,
        "recipients": recipients,
        "batch": batch,
        "payload_bytes": payload,
        "template_bytes": template,
        "open_rate": opens,
        "click_rate": clicks,
        "requests_a_token": requests_a_token,
        "retention_months": retention,
    }
    with one_clear_error():
        chosen = _chosen(profile or [], {name: value for name, value in changed.items() if value is not None})
        reckoned, costs = _reckon(stack, chosen)
        budgets = _budgets(budget or [], chosen)
        before = read(against) if against else None
    if svg:
        svg.write_text(_drawn(reckoned, costs))
    if not quiet:
        _print(reckoned, before, as_json=as_json)
    _keep(reckoned, budgets)


def draw() -> str:
    """Return the picture of every profile as it is, which the documentation shows."""
    return _drawn(*_reckon("dev", _chosen([], {})))


def _drawn(reckoned: Report, costs: dict[str, model.Cost]) -> str:
    where = f"stack {reckoned.stack}, list prices of {reckoned.region} of {reckoned.prices_dated}"
    return picture.svg(costs, "US dollars for a million deliveries", f"{where}, without providers' fees")


def _chosen(names: list[str], changed: dict[str, Any]) -> dict[str, Profile]:
    known = profiles.load().profiles
    if unknown := [name for name in names if name not in known]:
        raise OperatorError(f"there is no profile {unknown[0]}; there are {', '.join(known)}")
    if changed:
        changed["target_usd"] = None  # which is that of the profile as it is
    try:
        return {
            name: Profile.model_validate({**each.model_dump(), **changed})
            for name, each in known.items()
            if not names or name in names
        }
    except ValidationError as error:
        first = error.errors()[0]
        raise OperatorError(f"{first['loc'][0]} {first['input']}: {first['msg']}") from None


def _reckon(stack: str, chosen: dict[str, Profile]) -> tuple[Report, dict[str, model.Cost]]:
    stacks = resources.load()
    if stack not in stacks:
        raise OperatorError(f"the stack {stack} was not read; there are {', '.join(stacks)}")
    listed, counted = prices.load(), measured.load()
    world = World(counted, stacks[stack], profiles.load().assumed)
    costs = {name: model.cost(world, listed, each) for name, each in chosen.items()}
    head = {"stack": stack, "region": listed.region, "prices_dated": listed.dated, "measured": counted.date}
    return report(head, costs, model.fixed(world, listed)), costs


def _budgets(said: list[str], chosen: dict[str, Profile]) -> dict[str, float]:
    """Return the budget of each profile; one without a name is that of all that are shown."""
    budgets: dict[str, float] = {}
    for each in said:
        name, _, usd = each.rpartition("=")
        if name and name not in chosen:
            raise OperatorError(f"--budget {each}: {name} is not shown; shown are {', '.join(chosen)}")
        try:
            budgets |= dict.fromkeys([name] if name else chosen, float(usd))
        except ValueError:
            raise OperatorError(f"--budget {each}: {usd} is no number of US dollars") from None
    return budgets


def _print(reckoned: Report, before: Report | None, *, as_json: bool) -> None:
    if as_json:
        typer.echo(dump(reckoned))
        return
    show(console, reckoned)
    console.print()
    show_targets(console, reckoned, profiles.load().assumed.target_write_units)
    if before:
        show_change(console, reckoned, before)


def _keep(reckoned: Report, budgets: dict[str, float]) -> None:
    """End with exit code 1 if something is over its budget."""
    if dearer := list(over_budget(reckoned, budgets)):
        fail("over budget", *dearer)
