"""Creates one resource as the engine does, holding every name against the provider's own SDK."""

import importlib
import warnings
from typing import Any

from pulumi import _types

from local.engine.aws import Aws
from local.engine.provisioning import create as provision
from local.engine.resources.provisioner import Created

DEFAULT_TAGS = {"team": "tests"}


def create(aws: Aws, resource_type: str, **properties: Any) -> Created:
    """Create it with DEFAULT_TAGS; its properties and outputs, in camelCase, must be ones that the SDK's class has."""
    urn = f"urn:pulumi:test::small::{resource_type}::logical"
    created, _ = provision(resource_type, urn, properties, DEFAULT_TAGS, aws)
    unheard_of = (properties.keys() | created.outputs.keys()) - _properties(resource_type)
    assert not unheard_of, f"{resource_type} has no {unheard_of}"
    return created


def _properties(resource_type: str) -> set[str]:
    """`aws:lambda/alias:Alias` is `pulumi_aws.lambda_.Alias`."""
    path, class_name = resource_type.removeprefix("aws:").split(":")
    service = path.split("/")[0]
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # the SDK's, about classes of its own
        module = importlib.import_module(f"pulumi_aws.{'lambda_' if service == 'lambda' else service}")
        return set(_types.resource_pulumi_to_py_names(getattr(module, class_name)))
