import json

import pytest

from local.engine.aws import Aws
from tests.engine.resources.creation import DEFAULT_TAGS, create


@pytest.fixture
def bucket(aws: Aws, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("_", "-")[:63].strip("-")
    return create(aws, "aws:s3/bucket:Bucket", bucket=name, forceDestroy=True).id


def test_a_bucket_is_in_its_region_and_tagged(aws: Aws, bucket: str) -> None:
    assert aws.s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-central-1"
    tags = aws.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == DEFAULT_TAGS


def test_public_access_is_refused_as_asked(aws: Aws, bucket: str) -> None:
    asked = {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": False,
    }
    create(aws, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket=bucket, **asked)
    assert aws.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": False,
    }


def test_objects_are_owned_by_the_bucket(aws: Aws, bucket: str) -> None:
    rule = {"objectOwnership": "BucketOwnerEnforced"}
    create(aws, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", bucket=bucket, rule=rule)
    controls = aws.s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_objects_are_encrypted_with_the_key_asked_for(aws: Aws, bucket: str) -> None:
    key = create(aws, "aws:kms/key:Key").outputs["arn"]
    create(
        aws,
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        bucket=bucket,
        rules=[
            {
                "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key},
                "bucketKeyEnabled": True,
            }
        ],
    )
    aws.s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    head = aws.s3.head_object(Bucket=bucket, Key="k")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    [rule] = aws.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BucketKeyEnabled"]


def test_overwritten_objects_are_kept_for_as_long_as_asked(aws: Aws, bucket: str) -> None:
    enabled = {"status": "Enabled"}
    create(aws, "aws:s3/bucketVersioning:BucketVersioning", bucket=bucket, versioningConfiguration=enabled)
    create(
        aws,
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        bucket=bucket,
        rules=[
            {
                "id": "superseded",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrentVersionExpiration": {"noncurrentDays": 90},
                "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
            }
        ],
    )
    assert aws.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    [rule] = aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (rule["ID"], rule["Status"], rule["Filter"]) == ("superseded", "Enabled", {"Prefix": ""})
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7


def test_a_bucket_has_the_policy_it_was_given(aws: Aws, bucket: str) -> None:
    refusal = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [refusal]}
    create(aws, "aws:s3/bucketPolicy:BucketPolicy", bucket=bucket, policy=json.dumps(policy))
    assert json.loads(aws.s3.get_bucket_policy(Bucket=bucket)["Policy"]) == policy
