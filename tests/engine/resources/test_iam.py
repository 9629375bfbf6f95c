import json

from local.engine.aws import Aws
from tests.engine.resources.creation import DEFAULT_TAGS, create

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "events:PutEvents", "Resource": "arn:aws:events:::bus"}],
}


def test_a_role_has_its_trust_and_its_inline_policy(aws: Aws) -> None:
    role = create(aws, "aws:iam/role:Role", name="worker", description="works", assumeRolePolicy=json.dumps(TRUST))
    policy = create(aws, "aws:iam/rolePolicy:RolePolicy", name="permissions", role=role.id, policy=json.dumps(POLICY))
    made = aws.iam.get_role(RoleName="worker")["Role"]
    assert (made["Arn"], made["Description"]) == (role.outputs["arn"], "works")
    assert made["AssumeRolePolicyDocument"] == TRUST
    assert {tag["Key"]: tag["Value"] for tag in made["Tags"]} == DEFAULT_TAGS
    assert policy.id == "worker:permissions"
    assert aws.iam.get_role_policy(RoleName="worker", PolicyName="permissions")["PolicyDocument"] == POLICY
