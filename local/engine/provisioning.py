"""Creates one resource: finds its provisioner, runs it, and makes sure that it used every property that was set."""

from collections.abc import Mapping
from dataclasses import replace
from keyword import iskeyword
from typing import Any

from local.engine.aws import Aws
from local.engine.errors import ResourceError
from local.engine.inputs import Inputs
from local.engine.no_local_meaning import NO_LOCAL_MEANING, NOT_MADE_HERE
from local.engine.resources import PROVISIONERS
from local.engine.resources.provisioner import Created, Provisioner

PropertyPath = tuple[str, str]
"""A resource type and the path of one of its properties."""


def provisioner_of(resource_type: str) -> Provisioner:
    """The provisioner of a type; `ResourceError` when there is none, naming where to add it."""
    if resource_type in NOT_MADE_HERE:
        return _nothing
    try:
        return PROVISIONERS[resource_type]
    except KeyError:
        raise ResourceError(
            f"the local engine has no provisioner for type {resource_type}: add one to {_module_of(resource_type)}"
        ) from None


def create(
    resource_type: str, urn: str, values: Mapping[str, Any], default_tags: Mapping[str, str], aws: Aws
) -> tuple[Created, frozenset[PropertyPath]]:
    """Create the resource; also return which of its properties were left out, as `NO_LOCAL_MEANING` allows.

    Raises `ResourceError` when a property was neither used nor is in that table, or what the provisioner raises.
    """
    inputs = Inputs(values, urn, default_tags)
    created = provisioner_of(resource_type)(inputs, aws)
    if resource_type in NOT_MADE_HERE:
        return created, frozenset()
    unused = check_all_used(resource_type, inputs)
    if inputs.all_tags is not None:
        created = replace(created, outputs={**created.outputs, "tagsAll": inputs.all_tags})
    return created, unused


def _nothing(inputs: Inputs, _: Aws) -> Created:
    """Give a resource that is not made here an id alone, so that the program goes on."""
    return Created(inputs.generated_name())


def check_all_used(resource_type: str, inputs: Inputs) -> frozenset[PropertyPath]:
    """The properties that were set and not used, if all of them may be; `ResourceError` otherwise."""
    unused = frozenset(inputs.unread())
    if unexplained := sorted(unused - NO_LOCAL_MEANING.get(resource_type, {}).keys()):
        raise ResourceError(
            f"the local engine ignores {', '.join(unexplained)} of {resource_type}: apply it in "
            f"{_module_of(resource_type)}, or give the reason not to in local/engine/no_local_meaning.py"
        )
    return frozenset((resource_type, path) for path in unused)


def _module_of(resource_type: str) -> str:
    """`aws:kms/key:Key` is created in local/engine/resources/kms.py; `lambda` is not a Python name."""
    if resource_type.startswith("pulumi:providers:"):
        return "local/engine/provider.py"
    module = resource_type.split(":")[1].split("/")[0]
    return f"local/engine/resources/{module}{'_' if iskeyword(module) else ''}.py"
