"""What every provisioner is: a function that creates one resource from its properties."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.engine.aws import Aws
from local.engine.inputs import Inputs


@dataclass(frozen=True)
class Created:
    """A resource's id and computed properties, as the real provider gives them; its inputs are not repeated."""

    id: str
    outputs: Mapping[str, Any] = field(default_factory=dict)


Provisioner = Callable[[Inputs, Aws], Created]
"""Creates a resource; raises `ResourceError`, or what botocore raises, when it cannot."""


def tag_list(tags: Mapping[str, str]) -> list[Any]:
    """Tags in the form most services take; each has a type of its own for it, hence Any."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
