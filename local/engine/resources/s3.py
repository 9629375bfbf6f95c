"""Amazon S3: a bucket and what is set on it."""

from collections.abc import Mapping
from typing import Any, Final

from local.engine.aws import Aws
from local.engine.inputs import Block, Inputs
from local.engine.resources.provisioner import Created, Provisioner, tag_list


def bucket(inputs: Inputs, aws: Aws) -> Created:
    """A bucket in the provider's region."""
    name = inputs.required("bucket")
    location: Any = {"LocationConstraint": aws.region}
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html: us-east-1 is the one that must not be named
    elsewhere = {} if aws.region == "us-east-1" else {"CreateBucketConfiguration": location}
    aws.s3.create_bucket(Bucket=name, **elsewhere)
    if tags := inputs.tags():
        aws.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(tags)})
    return Created(
        name,
        {
            "arn": f"arn:aws:s3:::{name}",
            "region": aws.region,
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{name}.s3.{aws.region}.amazonaws.com",
        },
    )


def public_access_block(inputs: Inputs, aws: Aws) -> Created:
    """What of public access is refused."""
    name = inputs.required("bucket")
    refused: Any = inputs.pick(
        blockPublicAcls="BlockPublicAcls",
        blockPublicPolicy="BlockPublicPolicy",
        ignorePublicAcls="IgnorePublicAcls",
        restrictPublicBuckets="RestrictPublicBuckets",
    )
    aws.s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=refused)
    return Created(name)


def ownership_controls(inputs: Inputs, aws: Aws) -> Created:
    """Who owns what others write."""
    name = inputs.required("bucket")
    rule = inputs.block("rule")
    rules: Any = [rule.pick(objectOwnership="ObjectOwnership")] if rule else []
    aws.s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": rules})
    return Created(name)


def encryption(inputs: Inputs, aws: Aws) -> Created:
    """How objects are encrypted that come without a wish of their own."""
    name = inputs.required("bucket")
    rules: Any = [_encryption_rule(block) for block in inputs.blocks("rules")]
    aws.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    return Created(name)


def _encryption_rule(block: Block) -> dict[str, Any]:
    default = block.block("applyServerSideEncryptionByDefault")
    rule = block.pick(bucketKeyEnabled="BucketKeyEnabled")
    if default:
        rule["ApplyServerSideEncryptionByDefault"] = default.pick(
            sseAlgorithm="SSEAlgorithm", kmsMasterKeyId="KMSMasterKeyID"
        )
    return rule


def versioning(inputs: Inputs, aws: Aws) -> Created:
    """Whether what is overwritten is kept."""
    name = inputs.required("bucket")
    configuration = inputs.block("versioningConfiguration")
    settings: Any = configuration.pick(status="Status") if configuration else {}
    aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=settings)
    return Created(name)


def lifecycle(inputs: Inputs, aws: Aws) -> Created:
    """When what is no longer needed goes."""
    name = inputs.required("bucket")
    rules: Any = [_lifecycle_rule(block) for block in inputs.blocks("rules")]
    aws.s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    return Created(name)


def _lifecycle_rule(block: Block) -> dict[str, Any]:
    rule = block.pick(id="ID", status="Status")
    if scope := block.block("filter"):
        rule["Filter"] = scope.pick(prefix="Prefix")
    if expiration := block.block("noncurrentVersionExpiration"):
        rule["NoncurrentVersionExpiration"] = expiration.pick(noncurrentDays="NoncurrentDays")
    if kept := block.block("expiration"):
        rule["Expiration"] = kept.pick(days="Days")
    if unfinished := block.block("abortIncompleteMultipartUpload"):
        rule["AbortIncompleteMultipartUpload"] = unfinished.pick(daysAfterInitiation="DaysAfterInitiation")
    return rule


def policy(inputs: Inputs, aws: Aws) -> Created:
    """The bucket's own policy."""
    name = inputs.required("bucket")
    aws.s3.put_bucket_policy(Bucket=name, Policy=inputs.required("policy"))
    return Created(name)


PROVISIONERS: Final[Mapping[str, Provisioner]] = {
    "aws:s3/bucket:Bucket": bucket,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": public_access_block,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ownership_controls,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": encryption,
    "aws:s3/bucketVersioning:BucketVersioning": versioning,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": lifecycle,
    "aws:s3/bucketPolicy:BucketPolicy": policy,
}
