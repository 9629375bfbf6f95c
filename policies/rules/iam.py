"""What policies may allow."""

from collections.abc import Iterator

from policies.rule import UNKNOWN_UNTIL_THE_UPDATE, Level, Reference, Resource, ResourceRule
from policies.values import Value, at, items, walk

# These grant one action each, without a policy document.
_PERMISSION_TYPES = frozenset(
    {
        "aws:cloudwatch/eventPermission:EventPermission",
        "aws:lambda/layerVersionPermission:LayerVersionPermission",
        "aws:lambda/permission:Permission",
    }
)


def wildcard_actions(resource: Resource) -> Iterator[str]:
    """Find what a resource allows by a wildcard, in any policy document among its properties.

    Documents are found by their shape, as JSON text or as a map, so that no kind of policy is missed: those of roles,
    and those of queues, buckets, keys, secrets, topics and buses.
    """
    for path, value in walk(resource.properties):
        if isinstance(value, dict) and "Statement" in value:
            for number, statement in enumerate(items(value["Statement"])):
                name = at(statement, "Sid") or number
                yield from (f"{path}, statement {name}: {wrong}" for wrong in _too_wide(statement))
    if resource.type in _PERMISSION_TYPES and _has_wildcard(at(resource.properties, "action")):
        yield f"action: allows {at(resource.properties, 'action')}"


def _too_wide(statement: Value) -> Iterator[str]:
    # A Deny may be as wide as it likes; what is not known to be an Allow is seen again when it is known.
    if at(statement, "Effect") != "Allow":
        return
    if at(statement, "NotAction") is not None:
        yield "NotAction allows every action that it does not name"
    for action in items(at(statement, "Action")):
        if _has_wildcard(action):
            yield f"allows {action}"


def _has_wildcard(action: Value) -> bool:
    return isinstance(action, str) and ("*" in action or "?" in action)


NO_WILDCARD_ACTIONS = ResourceRule(
    name="iam-no-wildcard-actions",
    summary="No policy allows actions by a wildcard (`*`, `service:*`, `service:Get*`) or by NotAction.",
    unknowns=UNKNOWN_UNTIL_THE_UPDATE,
    why="A wildcard grants what nobody reviewed, and what AWS adds to the service later. Whoever takes over a function "
    "can do all of it.",
    fix="Name each action that the code calls. In the policy of a KMS key, name the administrative actions as well.",
    level=Level.MANDATORY,
    reference=Reference(
        "Security Hub IAM.21, IAM.1",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-21",
    ),
    check=wildcard_actions,
)
