"""Policy documents among a resource's properties: their statements, and who is meant by one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policies.rule import Resource
from policies.values import UNKNOWN, Value, at, is_unknown_inside, items, parsed

# Documents of these say what their owner may do; all others say who may use the resource that they are attached to.
_OF_AN_IDENTITY = frozenset(
    {
        "aws:iam/groupPolicy:GroupPolicy",
        "aws:iam/policy:Policy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/userPolicy:UserPolicy",
    }
)


# How what holds a policy document is called: `policy`, `assumeRolePolicy`, `inlinePolicies`. A queue's is none.
_OF_A_POLICY = re.compile(r"(?<!redrive)(?<!redriveAllow)polic(y|ies)", re.IGNORECASE)
_NO_BOUND = re.compile(r"IfExists$|^(ForAllValues:)|Not|^Null$", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document. `where` says which, for a message: `policy, statement Sid`."""

    where: str
    value: Value

    @property
    def allows(self) -> bool:
        """Whether it is known to be an Allow: what is not known is seen again when it is."""
        return at(self.value, "Effect") == "Allow"

    @property
    def actions(self) -> list[str]:
        """The actions that are known."""
        return [each for each in items(at(self.value, "Action")) if isinstance(each, str)]

    @property
    def resources(self) -> list[Value]:
        """The resources, some of which may not be known."""
        return items(at(self.value, "Resource"))

    @property
    def services(self) -> list[str]:
        """The services that it speaks of as principals."""
        return [each for each in items(at(self.value, "Principal", "Service")) if isinstance(each, str)]

    @property
    def is_for_everybody(self) -> bool:
        """Whether its principal is anybody at all."""
        principal = at(self.value, "Principal")
        return principal == "*" or "*" in items(at(principal, "AWS") if isinstance(principal, dict) else None)

    def conditions(self) -> dict[str, Value]:
        """Return the condition keys, in lower case as AWS compares them, with their values, whatever the operator."""
        stated = at(self.value, "Condition")
        if not isinstance(stated, dict):
            return {}
        return {
            key.lower(): value
            for operands in stated.values()
            if isinstance(operands, dict)
            for key, value in operands.items()
        }

    def bounds(self) -> frozenset[str]:
        """Return the condition keys that must be sent, and be equal to something, for it to hold.

        An operator with `IfExists` holds without the key, `Null` asks for its absence and `…Not…` lets all others in.
        """
        stated = at(self.value, "Condition")
        return frozenset(
            key.lower()
            for operator, operands in (stated.items() if isinstance(stated, dict) else ())
            if isinstance(operands, dict) and not _NO_BOUND.search(operator)
            for key, value in operands.items()
            if items(value) and "*" not in items(value)
        )

    @property
    def has_unknown_conditions(self) -> bool:
        """Whether a preview cannot tell yet under which conditions it holds."""
        return is_unknown_inside(at(self.value, "Condition"))


def statements(resource: Resource) -> Iterator[Statement]:
    """Yield the statements of every policy document of a resource, found by its shape, as JSON text or as a map.

    So no kind of policy is missed: those of roles, and those of queues, buckets, keys, secrets, topics and buses.
    """
    for path, value in _documents(resource.properties):
        if "Statement" in value:
            for number, statement in enumerate(items(value["Statement"])):
                yield Statement(f"{path}, statement {at(statement, 'Sid') or number}", statement)


def _documents(value: Value, path: str = "") -> Iterator[tuple[str, dict[str, Value]]]:
    """Yield each map inside, JSON texts opened, with its path.

    What is not known counts as looked at only where its name says that it is a policy: a role's ARN will never be one.
    """
    value = parsed(value)
    if isinstance(value, dict):
        yield path, value
        for key, inside in dict.items(value):
            here = f"{path}.{key}" if path else str(key)
            if inside is not UNKNOWN:
                yield from _documents(inside, here)
            elif _OF_A_POLICY.search(here):
                at(value, key)
    elif isinstance(value, list):
        for number, inside in enumerate(list.__iter__(value)):
            yield from _documents(inside, f"{path}.{number}" if path else str(number))


def of_an_identity(resource: Resource) -> Iterator[Statement]:
    """Yield the statements that say what a role, user or group may do."""
    if resource.type in _OF_AN_IDENTITY:
        yield from statements(resource)
    elif resource.type == "aws:iam/role:Role":
        yield from (each for each in statements(resource) if not each.where.startswith("assumeRolePolicy"))


def of_trust(resource: Resource) -> Iterator[Statement]:
    """Yield the statements that say who may act as a role."""
    if resource.type == "aws:iam/role:Role":
        yield from (each for each in statements(resource) if each.where.startswith("assumeRolePolicy"))


def of_a_resource(resource: Resource) -> Iterator[Statement]:
    """Yield the statements that say who may use the resource that they are attached to."""
    if resource.type not in _OF_AN_IDENTITY and resource.type != "aws:iam/role:Role":
        yield from statements(resource)
