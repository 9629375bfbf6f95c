"""What a deployment did, or a preview would do, to each resource."""

from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What happens to a resource, in the Pulumi CLI's words."""

    CREATE = "create"
    SAME = "same"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """What happens to one resource; of an update, `changed` names the properties that differ."""

    urn: str
    type: str
    operation: Operation
    changed: tuple[str, ...] = ()


def name_of(urn: str) -> str:
    """The name the program gave the resource."""
    return urn.rpartition("::")[2]
