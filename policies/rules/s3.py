"""How buckets are kept."""

from collections.abc import Iterator, Sequence

from policies.documents import statements
from policies.rule import Finding, Resource, ResourceRule, Severity, StackRule, aws, security_hub
from policies.transport import refuses_cleartext
from policies.values import UNKNOWN, at, is_on, is_own_key, items

_BUCKET = "aws:s3/bucket:Bucket"
_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
# What each bucket must have beside it, and what to call it in a message.
_BESIDE = {
    _BLOCK: "block of public access",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "encryption",
    "aws:s3/bucketVersioning:BucketVersioning": "versioning",
}


def open_to_the_public(resource: Resource) -> Iterator[str]:
    """Find a block of public access that leaves a way open."""
    if resource.type == _BLOCK:
        yield from (f"{name}: not blocked" for name in _BLOCKS if not is_on(at(resource.properties, name)))


def cleartext(resource: Resource) -> Iterator[str]:
    """Find a bucket's policy that answers without TLS."""
    if resource.type == "aws:s3/bucketPolicy:BucketPolicy" and not refuses_cleartext(statements(resource), resource):
        yield "policy: requests without TLS are not refused"


def not_encrypted(resource: Resource) -> Iterator[str]:
    """Find a bucket under a key of AWS's own."""
    if resource.type.endswith(":BucketServerSideEncryptionConfiguration"):
        for rule in items(at(resource.properties, "rules")):
            if rule is not UNKNOWN and not is_own_key(at(rule, "applyServerSideEncryptionByDefault", "kmsMasterKeyId")):
                yield "rules: the bucket is not encrypted with a key of ours"


def without_versions(resource: Resource) -> Iterator[str]:
    """Find a bucket in which what is overwritten is gone."""
    if resource.type == "aws:s3/bucketVersioning:BucketVersioning" and at(
        resource.properties, "versioningConfiguration", "status"
    ) not in ("Enabled", UNKNOWN):
        yield "versioningConfiguration.status: what is overwritten is gone"


def bare(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Find a bucket that lacks one of the resources that keep it safe."""
    for bucket in resources:
        if bucket.type != _BUCKET:
            continue
        for kind, what in _BESIDE.items():
            if not any(each.type == kind and _is_of(each, bucket) for each in resources):
                yield Finding(bucket.urn, f"the bucket has no {what}")


def _is_of(resource: Resource, bucket: Resource) -> bool:
    named, names = at(resource.properties, "bucket"), [at(bucket.properties, name) for name in ("bucket", "id")]
    return bucket.urn in resource.depends.get("bucket", ()) or named in names or UNKNOWN in (named, *names)


NOT_PUBLIC = ResourceRule(
    name="s3-not-public",
    summary="Every way for a bucket to become public is blocked.",
    severity=Severity.CRITICAL,
    why="One policy too wide, and the templates are the internet's.",
    fix=f"Set {', '.join(_BLOCKS)}.",
    reference=security_hub("S3.8"),
    check=open_to_the_public,
)
TLS_ONLY = ResourceRule(
    name="s3-tls-only",
    summary="A bucket's policy refuses what does not come by TLS.",
    severity=Severity.MEDIUM,
    why="What travels in clear can be read and changed on its way.",
    fix="Add a Deny for everybody under the condition that aws:SecureTransport is false.",
    reference=security_hub("S3.5"),
    check=cleartext,
)
ENCRYPTED = ResourceRule(
    name="s3-encrypted",
    summary="Buckets are encrypted with a customer-managed KMS key.",
    severity=Severity.MEDIUM,
    why="Who may read what is in them is ours to decide, and to withdraw.",
    fix="Set kmsMasterKeyId in the bucket's encryption configuration, with a bucket key.",
    reference=security_hub("S3.17"),
    check=not_encrypted,
)
VERSIONS = ResourceRule(
    name="s3-versioning",
    summary="Buckets keep what was overwritten.",
    severity=Severity.MEDIUM,
    why="An accepted delivery is sent with the template's version of that moment.",
    fix="Set versioningConfiguration.status to Enabled.",
    reference=security_hub("S3.14"),
    check=without_versions,
)
COMPLETE = StackRule(
    name="s3-bucket-complete",
    summary="Every bucket has its block of public access, policy, encryption and versioning.",
    severity=Severity.HIGH,
    why="They are resources of their own: a bucket without them passes every other rule.",
    fix="Make it by the component that makes all of them.",
    reference=aws("S3 security best practices", "AmazonS3/latest/userguide/security-best-practices.html"),
    check=bare,
)
