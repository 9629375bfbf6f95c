"""What the policies hold against an environment, without AWS and without the Pulumi CLI: `make policy STACK=prod`.

The program is run twice. In a preview of an environment that is not there yet each rule says what it cannot decide.
Then every name and ARN is made up in AWS's form, and each rule runs again on values that are all known.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pulumi
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local import policy_formats
from local.engine.analyzer import AnalyzedResource
from local.paths import CACHE
from local.policy_formats import Result, Violated
from local.recording import ACCOUNT, REGION, STACKS, Program, Registered, of_stack, run
from policies import undecided
from policies.environments import change_of
from policies.pack import BY_AREA
from policies.rule import Level, Resource, ResourceRule, StackRule
from policies.undecided import Undecided
from policies.values import UNKNOWN, Value, plain

# What AWS gives every resource, or many: unknown until it is there.
_GIVEN = ("arn", "id", "url")
_COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


def main(stack: Annotated[str, typer.Argument(help=", ".join(STACKS))] = "dev") -> None:
    """Check an environment; exit with 1 if a mandatory rule is violated, with 2 for an environment that cannot be."""
    console = Console(highlight=False)
    if stack not in STACKS:
        console.print(f"There is no environment {stack}: {', '.join(STACKS)}.")
        raise typer.Exit(2)
    try:
        resources, previewed = seen_by_rules(of_stack(stack)), seen_in_a_preview(run(stack, preview=True))
    except pulumi.RunError as refused:  # in plain words, as Pulumi prints it: without where in the program
        console.print(str(refused), markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    results = judge(resources, stack, previewed)
    console.print(_table(stack, results))
    for line in _remarks(results):
        console.print(line, soft_wrap=True)
    for path in write(CACHE / "policy", stack, results, len(resources)):
        console.print(f"file://{path}")
    raise typer.Exit(exit_code(results))


def analyzed(resource: Registered) -> AnalyzedResource:
    """Return a resource for the policy pack: without its code, which no rule reads, and with an ARN."""
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


def seen_in_a_preview(program: Program) -> list[Resource]:
    """Return the resources of a preview of an environment that is not there yet, as rules see them."""
    return [
        Resource(each.type, each.urn, {**dict.fromkeys(_GIVEN, UNKNOWN), **_known_or_not(each.inputs)}, each.sources)
        for each in program.resources
    ]


def _known_or_not(inputs: Mapping[str, Any]) -> dict[str, Value]:
    def told(value: Any) -> Any:
        if isinstance(value, pulumi.output.Unknown):
            return UNKNOWN
        if isinstance(value, Mapping):
            return {key: told(inside) for key, inside in value.items()}
        return [told(inside) for inside in value] if isinstance(value, list) else value

    return {name: plain(told(value)) for name, value in inputs.items() if not isinstance(value, pulumi.Archive)}


def judge(resources: Sequence[Resource], stack: str = "", previewed: Sequence[Resource] = ()) -> list[Result]:
    """Run every rule of the pack, on what a preview knows and again on all values."""
    return [_result(area, rule, resources, stack, previewed) for area, rules in BY_AREA.items() for rule in rules]


def _result(
    area: str,
    rule: ResourceRule | StackRule,
    resources: Sequence[Resource],
    stack: str,
    previewed: Sequence[Resource],
) -> Result:
    told = undecided.judge(rule, resources)
    return Result(
        area,
        rule,
        tuple(Violated(each.urn, each.message) for each in told.findings),
        undecided.judge(rule, previewed).undecided,
        told.undecided,
        change_of(rule, stack),
    )


def exit_code(results: Sequence[Result]) -> int:
    """Return 1 if a mandatory rule is violated; an advisory one is shown and lets it go on."""
    return int(any(result.violations and result.level is Level.MANDATORY for result in results))


def write(directory: Path, stack: str, results: Sequence[Result], resources: int) -> list[Path]:
    """Write the report as HTML, for a reviewer, as SARIF, for a code scanner, and as JUnit, for CI."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {
        directory / f"{stack}.html": policy_formats.html(stack, results, resources),
        directory / f"{stack}.sarif": policy_formats.sarif(stack, results),
        directory / f"{stack}.junit.xml": policy_formats.junit(stack, results),
    }
    for path, text in texts.items():
        path.write_text(text)
    return list(texts)


def _remarks(results: Sequence[Result]) -> Iterator[str]:
    """Yield what the table has no room for: each violation, what is loosened and why, what is left to the update."""
    for result in results:
        for each in result.violations:
            yield f"[red]{result.rule.name}[/] {escape(each.urn)}"
            yield f"  {escape(each.message)}"
            yield f"  {escape(result.rule.fix)}"
        if result.change:
            yield f"[yellow]{result.rule.name}[/] {escape(policy_formats.changed(result.change))}"
        if result.unknown:
            yield f"[yellow]{result.rule.name}[/] not decided: {escape(_values(result.unknown))}"
    waiting = [result for result in results if result.undecided]
    if waiting:
        yield f"{len(waiting)} rules lack values in a first preview, and run again when AWS has given them:"
    for result in waiting:
        yield f"  {result.rule.name}: {escape(_values(result.undecided))}"


def _values(values: Sequence[Undecided]) -> str:
    """Return what is not known by its kind, with how often: `functionName of EventSourceMapping (8)`."""
    kinds = Counter(f"{each.path} of {each.urn.split('::')[2].rpartition(':')[2]}" for each in values)
    return ", ".join(f"{kind} ({count})" for kind, count in kinds.items())


def _table(stack: str, results: Sequence[Result]) -> Table:
    table = Table(title=f"Policies, {stack}")
    for column in ("rule", "severity", "level", "violations", "undecided in a preview"):
        table.add_column(column, justify="left" if column in ("rule", "severity", "level") else "right")
    for result in results:
        colour = _COLOURS[result.rule.severity] if result.violations else "green"
        count = str(len(result.violations)) if result.violations else "none"
        level = (
            f"[yellow]{result.level}, {'loosened' if result.change.loosens else 'tightened'}[/]"
            if result.change
            else result.level
        )
        waiting = str(len(result.undecided)) if result.undecided else ""
        table.add_row(result.rule.name, result.rule.severity, level, f"[{colour}]{count}[/]", waiting)
    return table


if __name__ == "__main__":
    typer.run(main)
