"""AWS KMS: keys, aliases, key policies."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import Aws
from local.engine.inputs import Inputs
from local.engine.resources.provisioner import Created, Provisioner


def key(inputs: Inputs, aws: Aws) -> Created:
    """A customer-managed key."""
    tags: list[Any] = [{"TagKey": name, "TagValue": value} for name, value in inputs.tags().items()]
    settings = inputs.pick(
        description="Description",
        policy="Policy",
        keyUsage="KeyUsage",
        customerMasterKeySpec="KeySpec",
        multiRegion="MultiRegion",
    )
    metadata = aws.kms.create_key(Tags=tags, **settings)["KeyMetadata"]
    key_id = metadata["KeyId"]
    if inputs.get("enableKeyRotation", False):
        aws.kms.enable_key_rotation(KeyId=key_id, **inputs.pick(rotationPeriodInDays="RotationPeriodInDays"))
    return Created(key_id, {"arn": metadata["Arn"], "keyId": key_id})


def alias(inputs: Inputs, aws: Aws) -> Created:
    """A name for a key."""
    name, target = inputs.name(), inputs.required("targetKeyId")
    aws.kms.create_alias(AliasName=name, TargetKeyId=target)
    metadata = aws.kms.describe_key(KeyId=target)["KeyMetadata"]
    outputs = {"name": name, "arn": aws.arn("kms", name), "targetKeyArn": metadata["Arn"]}
    return Created(name, outputs)


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:kms/key:Key": key,
    "aws:kms/alias:Alias": alias,
}
