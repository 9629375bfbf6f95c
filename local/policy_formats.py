"""The policy report as files: HTML for a reviewer, SARIF 2.1.0 for a code scanner, JUnit for CI."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from policies.environments import Change
from policies.rule import Level, ResourceRule, Severity, StackRule
from policies.undecided import Undecided

_TEMPLATES = Path(__file__).with_name("templates")
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Level.MANDATORY: "error", Level.ADVISORY: "warning"}
# What code scanners sort by, from 0 to 10: https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}


@dataclass(frozen=True)
class Violated:
    """One thing that a rule holds against a resource."""

    urn: str
    message: str


@dataclass(frozen=True)
class Result:
    """What one rule said of an environment."""

    area: str
    rule: ResourceRule | StackRule
    violations: tuple[Violated, ...]
    undecided: tuple[Undecided, ...] = ()
    """What a preview of an environment that is not there yet leaves to the update."""
    unknown: tuple[Undecided, ...] = ()
    """What was left undecided here as well, with all values known or made up."""
    change: Change | None = None

    @property
    def level(self) -> Level:
        """How strictly the environment keeps to the rule."""
        return self.change.level if self.change else self.rule.level


def html(stack: str, results: Sequence[Result], resources: int) -> str:
    """Return one page that needs nothing else, with every rule and what it found."""
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    areas = [(area, list(found)) for area, found in groupby(results, lambda result: result.area)]
    violated = [result for result in results if result.violations]
    return environment.get_template("policies.html").render(
        stack=stack,
        areas=areas,
        results=results,
        violated=violated,
        resources=resources,
        changed=[result for result in results if result.change],
        undecided=[result for result in results if result.undecided],
        unknown=[result for result in results if result.unknown],
    )


def sarif(stack: str, results: Sequence[Result]) -> str:
    """Return a SARIF log: every rule of the pack, and a result for each violation, placed at the resource's URN.

    What is not decided yet is a result of the kind `open`, which is the standard's word for it.
    """
    driver = {"name": "carillon-policies", "rules": [_rule(result) for result in results]}
    found = [_violation(index, result, each) for index, result in enumerate(results) for each in result.violations]
    found += [_open(index, result, each) for index, result in enumerate(results) for each in _undecided(result)]
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"policies/{stack}/"},
        "invocations": [{"executionSuccessful": True, "ruleConfigurationOverrides": _overrides(results)}],
        "results": found,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def junit(stack: str, results: Sequence[Result]) -> str:
    """Return a JUnit report: a test case for each rule, failed by what is mandatory and violated."""
    failures = sum(1 for result in results if _fails(result))
    suites = Element("testsuites", name=f"policies of {stack}")
    suite = SubElement(suites, "testsuite", name=stack, tests=str(len(results)), failures=str(failures))
    for result in results:
        case = SubElement(suite, "testcase", classname=f"policies.{result.area}", name=result.rule.name)
        said = "\n".join(f"{each.message} [{each.urn}]" for each in result.violations)
        if _fails(result):
            SubElement(case, "failure", message=result.rule.summary).text = f"{said}\n{result.rule.fix}"
        told = [*([said] if said and not _fails(result) else []), *_told(result)]
        if told:
            SubElement(case, "system-out").text = "\n".join(told)
    return tostring(suites, encoding="unicode", xml_declaration=True)


def _fails(result: Result) -> bool:
    return bool(result.violations) and result.level is Level.MANDATORY


def _told(result: Result) -> Iterator[str]:
    """Yield what a reader has to know besides the violations."""
    if result.change:
        yield changed(result.change)
    yield from (f"not decided in a preview: {each.path} of {each.urn}" for each in result.undecided)
    yield from (f"not decided: {each.path} of {each.urn}" for each in result.unknown)


def changed(change: Change) -> str:
    """Say what an environment changes, and why."""
    return f"{'loosened' if change.loosens else 'tightened'} to {change.level}: {change.reason}"


def _undecided(result: Result) -> Iterator[tuple[Undecided, str]]:
    for each in result.undecided:
        yield each, f"A preview does not know {each.path}: the rule runs again when it is known, during the update."
    for each in result.unknown:
        yield each, f"{each.path} is not known."


def _overrides(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [
        {
            "descriptor": {"id": result.rule.name, "index": index},
            "configuration": {
                "level": _LEVELS[result.change.level],
                "properties": {"reason": result.change.reason},
            },
        }
        for index, result in enumerate(results)
        if result.change
    ]


def _rule(result: Result) -> dict[str, Any]:
    rule = result.rule
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.fix},
        "helpUri": rule.reference.url,
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
        "properties": {"security-severity": _SCORES[rule.severity], "tags": ["security", rule.severity.value]},
    }


def _violation(index: int, result: Result, violated: Violated) -> dict[str, Any]:
    return {
        "ruleId": result.rule.name,
        "ruleIndex": index,
        "level": _LEVELS[result.level],
        "message": {"text": violated.message},
        "locations": _places(violated.urn),
        **({"properties": {"reason": result.change.reason}} if result.change else {}),
    }


def _open(index: int, result: Result, undecided: tuple[Undecided, str]) -> dict[str, Any]:
    each, message = undecided
    return {
        "ruleId": result.rule.name,
        "ruleIndex": index,
        "kind": "open",
        "level": "none",  # the standard's, of whatever is no failure
        "message": {"text": message},
        "locations": _places(each.urn),
    }


def _places(urn: str) -> list[dict[str, Any]]:
    return [
        {
            # A resource has no line; a scanner that shows files alone shows the program.
            "physicalLocation": {"artifactLocation": {"uri": "__main__.py"}},
            "logicalLocations": [{"fullyQualifiedName": urn, "kind": "resource"}],
        }
    ]
