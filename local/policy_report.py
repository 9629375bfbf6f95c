"""What the policies hold against an environment, without AWS and without the Pulumi CLI: `make policy STACK=prod`.

The program is run with every name and ARN made up in AWS's form, so that no rule has to leave anything undecided.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import pulumi
import typer
from rich.console import Console
from rich.table import Table

from local import policy_formats
from local.engine.analyzer import AnalyzedResource
from local.paths import CACHE
from local.policy_formats import Result, Violated
from local.recording import ACCOUNT, REGION, STACKS, Program, Registered, of_stack
from policies.pack import BY_AREA
from policies.rule import Level, Resource, ResourceRule, StackRule
from policies.values import plain

_COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


def main(stack: Annotated[str, typer.Argument(help=", ".join(STACKS))] = "dev") -> None:
    """Check an environment; exit with 1 if a mandatory rule is violated, with 2 for an environment that is none."""
    console = Console(highlight=False)
    if stack not in STACKS:
        console.print(f"There is no environment {stack}: {', '.join(STACKS)}.")
        raise typer.Exit(2)
    resources = seen_by_rules(of_stack(stack))
    results = judge(resources)
    console.print(_table(stack, results))
    for result in results:
        for each in result.violations:
            console.print(f"[red]{result.rule.name}[/] {each.urn}\n  {each.message}\n  {result.rule.fix}")
    for path in write(CACHE / "policy", stack, results, len(resources)):
        console.print(f"file://{path}")
    raise typer.Exit(exit_code(results))


def analyzed(resource: Registered) -> AnalyzedResource:
    """Return a resource without its code, which no rule reads, and with an ARN, which rules about a stack go by."""
    # An input wins: a target's `arn` is that of the queue that it feeds.
    service = resource.type.split("/")[0].removeprefix("aws:")
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource.name}"
    told = {name: value for name, value in resource.inputs.items() if not isinstance(value, pulumi.Archive)}
    return AnalyzedResource(
        resource.type, resource.urn, resource.name, {"arn": arn, **told, "id": f"{resource.name}-id"}
    )


def seen_by_rules(program: Program) -> list[Resource]:
    """Return the resources of a program as rules see them."""
    return [
        Resource(each.type, each.urn, {name: plain(value) for name, value in each.properties.items()}, {})
        for each in map(analyzed, program.resources)
    ]


def judge(resources: Sequence[Resource]) -> list[Result]:
    """Run every rule of the pack."""
    return [
        Result(area, rule, tuple(_violations(rule, resources))) for area, rules in BY_AREA.items() for rule in rules
    ]


def exit_code(results: Sequence[Result]) -> int:
    """Return 1 if a mandatory rule is violated; an advisory one is shown and lets it go on."""
    return int(any(result.violations and result.rule.level is Level.MANDATORY for result in results))


def write(directory: Path, stack: str, results: Sequence[Result], resources: int) -> list[Path]:
    """Write the report as HTML, for a reviewer, and as SARIF, for a code scanner."""
    directory.mkdir(parents=True, exist_ok=True)
    page, scan = directory / f"{stack}.html", directory / f"{stack}.sarif"
    page.write_text(policy_formats.html(stack, results, resources))
    scan.write_text(policy_formats.sarif(stack, results))
    return [page, scan]


def _violations(rule: ResourceRule | StackRule, resources: Sequence[Resource]) -> Iterator[Violated]:
    if isinstance(rule, ResourceRule):
        for resource in resources:
            yield from (Violated(resource.urn, message) for message in rule.check(resource))
    else:
        yield from (Violated(finding.urn, finding.message) for finding in rule.check(resources))


def _table(stack: str, results: Sequence[Result]) -> Table:
    table = Table(title=f"Policies, {stack}")
    for column in ("rule", "severity", "level", "violations"):
        table.add_column(column, justify="right" if column == "violations" else "left")
    for result in results:
        colour = _COLOURS[result.rule.severity] if result.violations else "green"
        count = str(len(result.violations)) if result.violations else "none"
        table.add_row(result.rule.name, result.rule.severity, result.rule.level, f"[{colour}]{count}[/]")
    return table


if __name__ == "__main__":
    typer.run(main)
