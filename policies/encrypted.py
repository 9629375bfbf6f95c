"""What is encrypted with which key, put together from the resources of a stack."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from policies.documents import Statement
from policies.rule import Resource
from policies.values import UNKNOWN, Value, at, is_own_key, items

_CONFIGURATION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"


@dataclass(frozen=True)
class Kind:
    """A kind of thing: which service keeps it, which property names its key, and what its users need of the key."""

    service: str
    key: str
    needs: dict[str, tuple[str, ...]]
    """By action on the thing, the actions on its key."""


_READ, _WRITE = ("kms:Decrypt",), ("kms:Decrypt", "kms:GenerateDataKey")
_KINDS = {
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    "aws:sqs/queue:Queue": Kind("sqs", "kmsMasterKeyId", {"sqs:SendMessage": _WRITE, "sqs:ReceiveMessage": _READ}),
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#sns-what-permissions-for-sse
    "aws:sns/topic:Topic": Kind("sns", "kmsMasterKeyId", {"sns:Publish": _WRITE}),
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html#security-encryption-authz
    "aws:secretsmanager/secret:Secret": Kind(
        "secretsmanager",
        "kmsKeyId",
        {"secretsmanager:GetSecretValue": _READ, "secretsmanager:PutSecretValue": _WRITE},
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
    "aws:s3/bucket:Bucket": Kind(
        "s3",
        "",
        {"s3:GetObject": _READ, "s3:GetObjectVersion": _READ, "s3:PutObject": ("kms:GenerateDataKey",)},
    ),
}


@dataclass(frozen=True)
class Thing:
    """Something encrypted that policies speak of."""

    kind: Kind
    name: str
    arn: Value
    key: str

    def is_in(self, statement: Statement) -> bool:
        """Tell whether a statement names it, by its ARN or by the name at the end of one. `*` names nothing."""
        return any(isinstance(each, str) and each != "*" and self._matches(each) for each in statement.resources)

    def _matches(self, pattern: str) -> bool:
        last = pattern.rpartition(":")[2]
        bucket = self.kind.service == "s3" and last.split("/")[0] == self.name
        named = f":{self.kind.service}:" in pattern and self.kind.service != "s3" and fnmatchcase(self.name, last)
        return bucket or named or (isinstance(self.arn, str) and fnmatchcase(self.arn, pattern))


def things(resources: Sequence[Resource]) -> Iterator[Thing]:
    """Yield what is encrypted with a key of ours that is known: AWS's own lets in who may use the thing."""
    for resource in resources:
        if kind := _KINDS.get(resource.type):
            name = at(resource.properties, "bucket" if kind.service == "s3" else "name")
            key = at(resource.properties, kind.key) if kind.key else _key_of(resource, resources)
            if isinstance(name, str) and isinstance(key, str) and is_own_key(key):
                yield Thing(kind, name, at(resource.properties, "arn"), key)


def _key_of(bucket: Resource, resources: Sequence[Resource]) -> Value:
    """Return the key of a bucket, which another resource says."""
    known = (at(bucket.properties, "id"), at(bucket.properties, "bucket"))
    for each in resources:
        if each.type == _CONFIGURATION and at(each.properties, "bucket") in known:
            for rule in items(at(each.properties, "rules")):
                return at(rule, "applyServerSideEncryptionByDefault", "kmsMasterKeyId")
    return None


def lacking_key(stated: Sequence[Statement], thing: Thing) -> list[str]:
    """Return what those who may use a thing need of its key, and may not do through the service that keeps it."""
    needed = {
        need
        for action, needs in thing.kind.needs.items()
        if any(action in each.actions and thing.is_in(each) for each in stated)
        for need in needs
    }
    return sorted(need for need in needed if not any(_grants(each, need, thing) for each in stated))


def _grants(statement: Statement, action: str, thing: Thing) -> bool:
    if action not in statement.actions or not (thing.key in statement.resources or UNKNOWN in statement.resources):
        return False
    through = statement.conditions().get("kms:viaservice")
    return through is None or any(
        each is UNKNOWN or str(each).startswith(f"{thing.kind.service}.") for each in items(through)
    )
