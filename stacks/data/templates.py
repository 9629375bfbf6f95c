"""The bucket that holds the templates, every version of them: a delivery pins the version it was accepted with."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.naming import Naming
from stacks.security.iam import document, tls_only

TEMPLATES = "templates/*"
"""The object keys that functions may touch."""

# A delivery needs the version that was current when it was accepted: for as long as a `send_at` may be ahead, 366 days,
# and for as long after as it may have to be tried again.
_SUPERSEDED_DAYS = 400
_UNFINISHED_UPLOAD_DAYS = 7


@dataclass(frozen=True)
class TemplateBucketArgs:
    """Where the bucket is, and the key that encrypts it."""

    naming: Naming
    key_arn: pulumi.Output[str]
    protect: bool


class TemplateBucket(pulumi.ComponentResource):
    """A versioned bucket, encrypted with one's own key, reached over TLS alone, and never public."""

    bucket_name: pulumi.Output[str]

    def __init__(self, name: str, args: TemplateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:TemplateBucket", name, {}, opts)
        bucket = aws.s3.Bucket(
            "bucket",
            bucket=args.naming.template_bucket,
            # What protects nothing must not stand in the way of `pulumi destroy` either.
            force_destroy=not args.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self._close_to_the_public(bucket)
        self._encrypt(bucket, args.key_arn)
        self._keep_versions(bucket)
        aws.s3.BucketPolicy(
            "policy",
            bucket=bucket.id,
            policy=document(tls_only("s3:*", args.naming.bucket_arn, f"{args.naming.bucket_arn}/*")),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.bucket_name = bucket.bucket
        self.register_outputs({"bucket_name": self.bucket_name})

    def _close_to_the_public(self, bucket: aws.s3.Bucket) -> None:
        aws.s3.BucketPublicAccessBlock(
            "public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.s3.BucketOwnershipControls(
            "ownership",
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _encrypt(self, bucket: aws.s3.Bucket, key_arn: pulumi.Output[str]) -> None:
        aws.s3.BucketServerSideEncryptionConfiguration(
            "encryption",
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
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _keep_versions(self, bucket: aws.s3.Bucket) -> None:
        versioning = aws.s3.BucketVersioning(
            "versioning",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.s3.BucketLifecycleConfiguration(
            "lifecycle",
            bucket=bucket.id,
            rules=[
                {
                    "id": "superseded-versions",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": _SUPERSEDED_DAYS},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": _UNFINISHED_UPLOAD_DAYS},
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
