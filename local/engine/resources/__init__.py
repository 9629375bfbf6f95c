"""How each type of resource is created on the emulator: one module per AWS service, one function per type."""

from collections.abc import Mapping
from typing import Final

from local.engine.resources import (
    apigateway,
    budgets,
    cloudwatch,
    dynamodb,
    iam,
    kms,
    lambda_,
    s3,
    scheduler,
    secretsmanager,
    sesv2,
    sns,
    sqs,
)
from local.engine.resources.provisioner import Provisioner

_MODULES = (
    apigateway,
    budgets,
    cloudwatch,
    dynamodb,
    iam,
    kms,
    lambda_,
    s3,
    scheduler,
    secretsmanager,
    sesv2,
    sns,
    sqs,
)

PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    resource_type: provisioner for module in _MODULES for resource_type, provisioner in module.PROVISIONERS.items()
}
"""Every type this engine knows."""
