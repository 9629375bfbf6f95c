"""AWS IAM: roles and their inline policies."""

from collections.abc import Mapping
from typing import Final

from local.engine.aws import Aws
from local.engine.inputs import Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list


def role(inputs: Inputs, aws: Aws) -> Created:
    """A role."""
    name = inputs.name()
    settings = inputs.pick(description="Description", path="Path", maxSessionDuration="MaxSessionDuration")
    created = aws.iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=inputs.required("assumeRolePolicy"),
        Tags=tag_list(inputs.tags()),
        **settings,
    )["Role"]
    return Created(name, {"name": name, "arn": created["Arn"], "uniqueId": created["RoleId"]})


def role_policy(inputs: Inputs, aws: Aws) -> Created:
    """A policy that is part of its role."""
    name, owner = inputs.name(), inputs.required("role")
    aws.iam.put_role_policy(RoleName=owner, PolicyName=name, PolicyDocument=inputs.required("policy"))
    return Created(f"{owner}:{name}", {"name": name})


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:iam/role:Role": role,
    "aws:iam/rolePolicy:RolePolicy": role_policy,
}
