"""Templates in a versioned S3 bucket: a JSON document of sources at `templates/<name>/<channel>/<locale>.j2`."""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError
from pydantic import ValidationError

from handlers.domain.channels import Channel
from handlers.domain.content import templates
from handlers.domain.content.rendering import Content, Fault, TemplateError
from handlers.domain.content.templates import StoredTemplate, TemplateGoneError
from handlers.domain.people.locales import fallbacks

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_CACHED_VERSIONS = 128

_MAY_BE_GONE: Final = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "AccessDenied"})
"""What S3 answers of a version that there is not: the third of a delete marker, the last to who may not list the bucket
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html), but also to who may not read what there is.
"""


class S3TemplateStore:
    """Which languages a template has is listed each time; what a version of it says never changes and is remembered.

    Listing, and not trying one key after the other: S3 answers 403 for a key that does not exist to whoever may not
    list the bucket (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html), so a missing template would
    look like a missing permission. A listing is strongly consistent: a template is in use as soon as it is stored.
    """

    def __init__(self, bucket: str, client: "S3Client") -> None:
        self._bucket = bucket
        self._client = client
        self._current = lru_cache(_CACHED_VERSIONS)(self._read_current)
        self.load = lru_cache(_CACHED_VERSIONS)(self._read_version)
        """`load(key, version_id)` returns that version's content (`s3:GetObjectVersion`); cached.

        Raises `TemplateGoneError` when it is stored no longer, which it is asked for besides (`s3:ListBucketVersions`).
        """

    def resolve(self, name: str, channel: Channel, locale: str | None) -> StoredTemplate | None:
        """Return the template in the language nearest to the locale: `es-MX`, else `es-419`, else `es`, else `default`.

        Calls `s3:ListBucket` with a prefix under `templates/`, then `s3:GetObject` unless that version is remembered.
        """
        stored = self._etags(name, channel)
        nearest = next((candidate for candidate in fallbacks(locale) if candidate in stored), None)
        return None if nearest is None else self._current(name, channel, nearest, stored[nearest])

    def get(self, name: str, channel: Channel, locale: str) -> StoredTemplate | None:
        """Return the template in exactly this language; calls what `resolve` calls."""
        etag = self._etags(name, channel).get(locale)
        return None if etag is None else self._current(name, channel, locale, etag)

    def put(self, name: str, channel: Channel, locale: str, content: Content) -> tuple[StoredTemplate, bool]:
        """Store a new version (`s3:ListBucket`, `s3:PutObject`); return it, and whether the language is new."""
        is_new = locale not in self._etags(name, channel)
        key = templates.key(name, channel, locale)
        answer = self._client.put_object(
            Bucket=self._bucket, Key=key, Body=content.model_dump_json().encode(), ContentType="application/json"
        )
        return StoredTemplate(name, channel, locale, key, answer["VersionId"], content), is_new

    def _etags(self, name: str, channel: Channel) -> dict[str, str]:
        """Return the languages in which the template is stored, each with the ETag of its current version.

        One page is a thousand keys, and there are fewer languages.
        """
        folder = templates.folder(name, channel)
        listing = self._client.list_objects_v2(Bucket=self._bucket, Prefix=folder)
        return {
            each["Key"].removeprefix(folder).removesuffix(templates.SUFFIX): each["ETag"]
            for each in listing.get("Contents", [])
        }

    def _read_current(self, name: str, channel: Channel, locale: str, etag: str) -> StoredTemplate:  # noqa: ARG002
        """Read the current version; `etag` is there to be part of the cache's key."""
        key = templates.key(name, channel, locale)
        answer = self._client.get_object(Bucket=self._bucket, Key=key)
        return StoredTemplate(name, channel, locale, key, answer["VersionId"], _content(key, answer))

    def _read_version(self, key: str, version_id: str) -> Content:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, VersionId=version_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MAY_BE_GONE or self._has_version(key, version_id):
                raise
            raise TemplateGoneError from None
        return _content(key, answer)

    def _has_version(self, key: str, version_id: str) -> bool:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
        stored = ((each["Key"], each["VersionId"]) for page in pages for each in page.get("Versions", ()))
        return (key, version_id) in stored


def _content(key: str, answer: "GetObjectOutputTypeDef") -> Content:
    try:
        return Content.model_validate_json(answer["Body"].read())
    except ValidationError:
        raise TemplateError(Fault("template", f"what is stored at {key} is not a template")) from None
