"""The policy report as files: HTML for a reviewer, SARIF 2.1.0 for a code scanner."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from policies.rule import Level, ResourceRule, Severity, StackRule

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


def html(stack: str, results: Sequence[Result], resources: int) -> str:
    """Return one page that needs nothing else, with every rule and what it found."""
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    areas = [(area, list(found)) for area, found in groupby(results, lambda result: result.area)]
    violated = [result for result in results if result.violations]
    return environment.get_template("policies.html").render(
        stack=stack, areas=areas, results=results, violated=violated, resources=resources
    )


def sarif(stack: str, results: Sequence[Result]) -> str:
    """Return a SARIF log: every rule of the pack, and a result for each violation, placed at the resource's URN."""
    driver = {"name": "carillon-policies", "rules": [_rule(result) for result in results]}
    found = [_violation(index, result, each) for index, result in enumerate(results) for each in result.violations]
    run = {"tool": {"driver": driver}, "automationDetails": {"id": f"policies/{stack}/"}, "results": found}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


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
        "level": _LEVELS[result.rule.level],
        "message": {"text": violated.message},
        "locations": [
            {
                # A resource has no line; a scanner that shows files alone shows the program.
                "physicalLocation": {"artifactLocation": {"uri": "__main__.py"}},
                "logicalLocations": [{"fullyQualifiedName": violated.urn, "kind": "resource"}],
            }
        ],
    }
