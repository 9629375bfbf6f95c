"""The bucket for the files of broadcasts' audiences: written by producers, read by the fan-out alone, erased soon."""

from dataclasses import dataclass

import pulumi

from stacks.data.buckets import private_bucket
from stacks.naming import Naming
from stacks.security.iam import EVERYONE, Condition, Statement

AUDIENCES = "audiences/*"
"""The object keys that functions may touch."""

_KEPT_DAYS = 14  # handlers.domain.broadcasts.broadcast.FILE_KEPT
_LIFECYCLE = (
    {
        "id": "audiences",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": _KEPT_DAYS},
        # What an expiration leaves behind, and a file that another was put over.
        "noncurrent_version_expiration": {"noncurrent_days": 1},
        "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
    },
)


@dataclass(frozen=True)
class AudienceBucketArgs:
    """Where the bucket is, the key that encrypts it, and the role of the one who may read what is in it."""

    naming: Naming
    key_arn: pulumi.Output[str]
    reader_arn: str
    protect: bool


class AudienceBucket(pulumi.ComponentResource):
    """A private bucket of which not even an administrator reads a file: its policy refuses all but one role."""

    bucket_name: pulumi.Output[str]

    def __init__(self, name: str, args: AudienceBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:AudienceBucket", name, {}, opts)
        arn = args.naming.audience_bucket_arn
        refuse = Statement(
            "RefuseOtherReaders",
            ("s3:GetObject", "s3:GetObjectVersion"),
            (f"{arn}/*",),
            (Condition("ArnNotEquals", "aws:PrincipalArn", (args.reader_arn,)),),
            principal=EVERYONE,
            effect="Deny",
            reason="it refuses: every file, to everybody but the fan-out",
        )
        bucket = private_bucket(
            self,
            args.naming.audience_bucket,
            arn,
            args.key_arn,
            _LIFECYCLE,
            refuse,
            protect=args.protect,
            prefix="audience-",
        )
        self.bucket_name = bucket.bucket
        self.register_outputs({"bucket_name": self.bucket_name})
