"""AWS Secrets Manager: secrets without their values."""

from collections.abc import Mapping
from typing import Final

from local.engine.aws import Aws
from local.engine.inputs import Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list


def secret(inputs: Inputs, aws: Aws) -> Created:
    """A secret that has no value yet."""
    name = inputs.name()
    settings = inputs.pick(description="Description", kmsKeyId="KmsKeyId")
    arn = aws.secretsmanager.create_secret(Name=name, Tags=tag_list(inputs.tags()), **settings)["ARN"]
    return Created(arn, {"name": name, "arn": arn})


PROVISIONERS: Final[Mapping[str, Provisioner]] = {"aws:secretsmanager/secret:Secret": secret}
