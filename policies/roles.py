"""What a function's role may do, put together from the resources of a stack."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from policies.documents import Statement, of_an_identity
from policies.rule import Resource
from policies.values import UNKNOWN, at, is_unknown_inside

_ROLE = "aws:iam/role:Role"
_ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


def policies_of(function: Resource, resources: Sequence[Resource]) -> list[Resource] | None:
    """Return the role of a function and its policies, or None where a preview cannot tell."""
    arn = at(function.properties, "role")
    roles = [each for each in resources if each.type == _ROLE and at(each.properties, "arn") == arn]
    if arn is UNKNOWN or not roles:
        return None
    names = [at(role.properties, key) for role in roles for key in ("name", "id")]
    policies = [each for each in resources if each.type == _ROLE_POLICY and at(each.properties, "role") in names]
    known = UNKNOWN not in names and not any(is_unknown_inside(each.properties.get("policy")) for each in policies)
    unplaced = any(each.type == _ROLE_POLICY and at(each.properties, "role") is UNKNOWN for each in resources)
    return [*roles, *policies] if known and not unplaced else None


def lacking(holders: Sequence[Resource], actions: Sequence[str], arn: str) -> list[str]:
    """Return those of the actions that none of the policies allows on the resource."""
    stated = [each for holder in holders for each in of_an_identity(holder) if each.allows]
    return [action for action in actions if not any(allows(each, action, arn) for each in stated)]


def allows(statement: Statement, action: str, arn: str) -> bool:
    """Tell whether a statement is on this action and resource; IAM's wildcards are those of file names."""
    named = any(fnmatchcase(action.lower(), each.lower()) for each in statement.actions)
    return named and any(isinstance(each, str) and fnmatchcase(arn, each) for each in statement.resources)
