"""The rules of the pack, and what turns each into a policy of Pulumi's SDK. Importing it starts nothing."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies import rules
from policies.environments import change_of, level_of
from policies.rule import LazyResource, Resource, ResourceRule, Rule, StackRule
from policies.undecided import Judgement, judge
from policies.values import properties

NAME = "carillon"


def _written() -> Iterator[tuple[str, tuple[ResourceRule | StackRule, ...]]]:
    """Yield each module of `policies/rules` by what it says it is about, with its rules in the order written there."""
    for found in sorted(pkgutil.iter_modules(rules.__path__), key=lambda module: module.name):
        module = importlib.import_module(f"{rules.__name__}.{found.name}")
        area = (module.__doc__ or found.name).splitlines()[0].rstrip(".")
        yield area, tuple(each for each in vars(module).values() if isinstance(each, ResourceRule | StackRule))


BY_AREA: dict[str, tuple[ResourceRule | StackRule, ...]] = dict(_written())
"""The rules of each area, named by the first line of its module."""

ALL_RULES: tuple[ResourceRule | StackRule, ...] = tuple(rule for rules in BY_AREA.values() for rule in rules)
"""A rule is in the pack by being written in a module of `policies/rules`: no list could lack it."""


def policies_for(environment: str) -> list[Policy]:
    """Return the SDK's policies, each as strict as the environment has it; an empty name changes nothing."""
    return [policy(rule, environment) for rule in ALL_RULES]


def policy(rule: ResourceRule | StackRule, environment: str = "") -> Policy:
    """Return the SDK's policy for a rule."""
    return _resource_policy(rule, environment) if isinstance(rule, ResourceRule) else _stack_policy(rule, environment)


def _resource_policy(rule: ResourceRule, environment: str) -> Policy:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        resource = LazyResource(args.resource_type, args.urn, lambda: properties(args.props))
        _tell(rule, environment, judge(rule, [resource]), args, report_violation)

    return ResourceValidationPolicy(validate=validate, **_facts(rule, environment))


def _stack_policy(rule: StackRule, environment: str) -> Policy:
    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        _tell(rule, environment, judge(rule, [_resource(each) for each in args.resources]), args, report_violation)

    return StackValidationPolicy(validate=validate, **_facts(rule, environment))


def _facts(rule: Rule, environment: str) -> dict[str, Any]:
    return {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": EnforcementLevel(level_of(rule, environment)),
        "remediation_steps": rule.fix,
        "url": rule.reference.url,
    }


def _tell(
    rule: Rule,
    environment: str,
    judgement: Judgement,
    args: ResourceValidationArgs | StackValidationArgs,
    report_violation: ReportViolation,
) -> None:
    """Report what is wrong. What is not decided is told as the protocol has it: the rule does not apply yet."""
    change = change_of(rule, environment)
    here = f" In {environment} this is {change.level}: {change.reason}" if change else ""
    for finding in judgement.findings:
        report_violation(f"{finding.message}. {rule.fix}{here}", finding.urn)
    if judgement.undecided:
        args.not_applicable(judgement.reason)


def _resource(resource: PolicyResource) -> Resource:
    sources = {name: [source.urn for source in found] for name, found in resource.property_dependencies.items()}
    return LazyResource(resource.resource_type, resource.urn, lambda: properties(resource.props), sources)
