import json

import pytest

from local.engine.aws import Aws
from local.engine.resources.provisioner import Created
from tests.engine.resources.creation import DEFAULT_TAGS, create

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Everything",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}


@pytest.fixture
def key(aws: Aws) -> Created:
    return create(
        aws,
        "aws:kms/key:Key",
        description="described",
        enableKeyRotation=True,
        deletionWindowInDays=7,
        policy=json.dumps(POLICY),
    )


def test_a_key_has_its_description_policy_and_tags_and_rotates(aws: Aws, key: Created) -> None:
    metadata = aws.kms.describe_key(KeyId=key.id)["KeyMetadata"]
    assert (metadata["Description"], metadata["Arn"]) == ("described", key.outputs["arn"])
    assert aws.kms.get_key_rotation_status(KeyId=key.id)["KeyRotationEnabled"]
    assert json.loads(aws.kms.get_key_policy(KeyId=key.id)["Policy"]) == POLICY
    tags = aws.kms.list_resource_tags(KeyId=key.id)["Tags"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in tags} == DEFAULT_TAGS


def test_a_key_without_rotation_does_not_rotate(aws: Aws) -> None:
    key = create(aws, "aws:kms/key:Key", enableKeyRotation=False)
    assert not aws.kms.get_key_rotation_status(KeyId=key.id)["KeyRotationEnabled"]


def test_an_alias_stands_for_its_key(aws: Aws, key: Created) -> None:
    alias = create(aws, "aws:kms/alias:Alias", name="alias/tested", targetKeyId=key.id)
    assert aws.kms.describe_key(KeyId="alias/tested")["KeyMetadata"]["KeyId"] == key.id
    assert alias.outputs["arn"] == "arn:aws:kms:eu-central-1:123456789012:alias/tested"
    assert alias.outputs["targetKeyArn"] == key.outputs["arn"]
