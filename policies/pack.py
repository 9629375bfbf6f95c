"""The rules of the pack, and what turns each into a policy of Pulumi's SDK. Importing it starts nothing."""

import importlib
import pkgutil
from collections.abc import Iterator

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
from policies.rule import Resource, ResourceRule, Rule, StackRule
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


def policy(rule: ResourceRule | StackRule) -> Policy:
    """Return the SDK's policy for a rule."""
    return _resource_policy(rule) if isinstance(rule, ResourceRule) else _stack_policy(rule)


def _resource_policy(rule: ResourceRule) -> Policy:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        for message in rule.check(Resource(args.resource_type, args.urn, properties(args.props), depends={})):
            report_violation(_explained(message, rule), args.urn)

    return ResourceValidationPolicy(
        name=rule.name,
        description=rule.description,
        enforcement_level=EnforcementLevel(rule.level),
        remediation_steps=rule.fix,
        url=rule.reference.url,
        validate=validate,
    )


def _stack_policy(rule: StackRule) -> Policy:
    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        for finding in rule.check([_resource(resource) for resource in args.resources]):
            report_violation(_explained(finding.message, rule), finding.urn)

    return StackValidationPolicy(
        name=rule.name,
        description=rule.description,
        enforcement_level=EnforcementLevel(rule.level),
        remediation_steps=rule.fix,
        url=rule.reference.url,
        validate=validate,
    )


def _resource(resource: PolicyResource) -> Resource:
    sources = {name: [source.urn for source in found] for name, found in resource.property_dependencies.items()}
    return Resource(resource.resource_type, resource.urn, properties(resource.props), sources)


def _explained(message: str, rule: Rule) -> str:
    return f"{message}. {rule.fix}"


ALL_POLICIES: list[Policy] = [policy(rule) for rule in ALL_RULES]
