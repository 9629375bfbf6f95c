"""What every bucket is: versioned, encrypted with one's own key, reached over TLS alone, and never public."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from stacks.security.iam import Statement, document, tls_only


def private_bucket(
    parent: pulumi.Resource,
    name: str,
    arn: str,
    key_arn: pulumi.Output[str],
    lifecycle: Sequence[Mapping[str, Any]],
    *statements: Statement,
    protect: bool,
    prefix: str = "",
) -> aws.s3.Bucket:
    """Make a bucket and all that keeps it safe; `statements` go into its policy. `prefix` is that of the names here."""
    child = pulumi.ResourceOptions(parent=parent)
    bucket = aws.s3.Bucket(
        f"{prefix}bucket",
        bucket=name,
        # What protects nothing must not stand in the way of `pulumi destroy` either.
        force_destroy=not protect,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect),
    )
    _close_to_the_public(bucket, prefix, child)
    _encrypt(bucket, key_arn, prefix, child)
    _keep_versions(bucket, lifecycle, prefix, parent)
    aws.s3.BucketPolicy(
        f"{prefix}policy",
        bucket=bucket.id,
        policy=document(tls_only("s3:*", arn, f"{arn}/*"), *statements),
        opts=child,
    )
    return bucket


def _close_to_the_public(bucket: aws.s3.Bucket, prefix: str, child: pulumi.ResourceOptions) -> None:
    aws.s3.BucketPublicAccessBlock(
        f"{prefix}public-access",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    aws.s3.BucketOwnershipControls(
        f"{prefix}ownership",
        bucket=bucket.id,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=child,
    )


def _encrypt(bucket: aws.s3.Bucket, key_arn: pulumi.Output[str], prefix: str, child: pulumi.ResourceOptions) -> None:
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{prefix}encryption",
        bucket=bucket.id,
        rules=[
            {
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": key_arn,
                },
                "bucket_key_enabled": True,
            }
        ],
        opts=child,
    )


def _keep_versions(
    bucket: aws.s3.Bucket, rules: Sequence[Mapping[str, Any]], prefix: str, parent: pulumi.Resource
) -> None:
    versioning = aws.s3.BucketVersioning(
        f"{prefix}versioning",
        bucket=bucket.id,
        versioning_configuration={"status": "Enabled"},
        opts=pulumi.ResourceOptions(parent=parent),
    )
    aws.s3.BucketLifecycleConfiguration(
        f"{prefix}lifecycle",
        bucket=bucket.id,
        rules=list(rules),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[versioning]),
    )
