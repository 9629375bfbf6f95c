"""The bucket that holds the templates, every version of them: a delivery pins the version it was accepted with."""

from dataclasses import dataclass

import pulumi

from stacks.data.buckets import private_bucket
from stacks.naming import Naming

TEMPLATES = "templates/*"
"""The object keys that functions may touch."""

# A delivery needs the version that was current when it was accepted: for as long as a `send_at` may be ahead, 366 days,
# and for as long after as it may have to be tried again.
_SUPERSEDED_DAYS = 400
_UNFINISHED_UPLOAD_DAYS = 7
_LIFECYCLE = (
    {
        "id": "superseded-versions",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrent_version_expiration": {"noncurrent_days": _SUPERSEDED_DAYS},
        "abort_incomplete_multipart_upload": {"days_after_initiation": _UNFINISHED_UPLOAD_DAYS},
    },
)


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
        bucket = private_bucket(
            self,
            args.naming.template_bucket,
            args.naming.bucket_arn,
            args.key_arn,
            _LIFECYCLE,
            protect=args.protect,
        )
        self.bucket_name = bucket.bucket
        self.register_outputs({"bucket_name": self.bucket_name})
