"""Which services may send to a queue or a topic, and for which of their resources."""

from collections.abc import Iterator

from policies.documents import statements
from policies.rule import Resource
from policies.values import is_unknown_inside


def unbounded(resource: Resource, action: str) -> Iterator[str]:
    """Find a service that may send for more than named resources of its own."""
    for statement in statements(resource):
        sends = statement.allows and statement.services and action in statement.actions
        if sends and not statement.has_unknown_conditions and "aws:sourcearn" not in statement.bounds():
            yield f"{statement.where}: {', '.join(statement.services)} may send for any of its resources"


def may_send(resource: Resource, service: str, action: str) -> Iterator[str | None]:
    """Yield the ARNs for which a policy lets a service send, with their wildcards; None for any, or not known yet."""
    if is_unknown_inside(resource.properties.get("policy")):
        yield None
        return
    for statement in statements(resource):
        if statement.allows and service in statement.services and action in statement.actions:
            sources = statement.conditions().get("aws:sourcearn")
            if sources is None:
                yield None
            for each in sources if isinstance(sources, list) else [sources]:
                yield each if isinstance(each, str) else None
