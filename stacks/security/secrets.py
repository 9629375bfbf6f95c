"""Containers of secrets: Pulumi makes them empty, and an operator fills them in place, so no value is in its state."""

import pulumi
import pulumi_aws as aws

_RECOVERY_DAYS = 30


def container(
    resource: str, name: str, description: str, key_arn: pulumi.Output[str], protect: bool, parent: pulumi.Resource
) -> aws.secretsmanager.Secret:
    """Return a secret without a value, recoverable for a month after deletion where the environment is protected."""
    return aws.secretsmanager.Secret(
        resource,
        name=name,
        description=description,
        kms_key_id=key_arn,
        recovery_window_in_days=_RECOVERY_DAYS if protect else 0,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect),
    )
