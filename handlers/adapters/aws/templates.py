"""Templates in a versioned S3 bucket: a JSON document of sources at `templates/<name>/<channel>/<locale>.j2`."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError
from pydantic import ValidationError

from handlers.adapters.aws.single_flight import single_flight
from handlers.adapters.aws.template_index import DynamoTemplateIndex, Entry
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
    """A version never changes, so it is cached. The languages are read from the index, or listed from S3.

    Listed, and not tried one key after the other: S3 answers 403 for a key that does not exist to whoever may not list
    the bucket (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html), so a missing template would look
    like a missing permission. A listing is strongly consistent, and so is the index: a template is in use as soon as it
    is stored.
    """

    def __init__(self, bucket: str, client: "S3Client", index: DynamoTemplateIndex) -> None:
        self._bucket = bucket
        self._client = client
        self._index = index
        self._current = lru_cache(_CACHED_VERSIONS)(self._read_current)

    def languages(self, name: str, channel: Channel) -> Mapping[str, str]:
        """Return the languages in which the template is stored, each with the ETag of its current version.

        As the index has them (`dynamodb:GetItem`). If it has none, they are listed (`s3:ListBucket` with a prefix under
        `templates/`), and kept there (`dynamodb:UpdateItem`): those of a template that is older than the index too.
        """
        folder = templates.folder(name, channel)
        known = self._index.find(folder)
        return known.languages if known.languages is not None else self._kept(folder, known)

    def resolve(
        self, name: str, channel: Channel, locale: str | None, languages: Mapping[str, str]
    ) -> StoredTemplate | None:
        """Return the template in the language nearest to the locale: `es-MX`, else `es-419`, else `es`, else `default`.

        Calls `s3:GetObject`, unless that version is remembered.
        """
        return self._first(name, channel, fallbacks(locale), languages)

    def get(self, name: str, channel: Channel, locale: str) -> StoredTemplate | None:
        """Return the template in exactly this language; calls what `languages` and `resolve` call."""
        return self._first(name, channel, (locale,), self.languages(name, channel))

    def put(self, name: str, channel: Channel, locale: str, content: Content) -> tuple[StoredTemplate, bool]:
        """Store a new version; return it, and whether the language is new.

        Calls `s3:PutObject`, after `dynamodb:UpdateItem` and `s3:ListBucket` and before `dynamodb:UpdateItem`.
        """
        folder, key = templates.folder(name, channel), templates.key(name, channel, locale)
        writing = self._index.begin(folder)
        languages = self._listed(folder)
        answer = self._client.put_object(
            Bucket=self._bucket, Key=key, Body=content.model_dump_json().encode(), ContentType="application/json"
        )
        self._index.end(writing, {**languages, locale: answer["ETag"]})
        return StoredTemplate(name, channel, locale, key, answer["VersionId"], content), locale not in languages

    def _first(
        self, name: str, channel: Channel, wanted: Sequence[str], languages: Mapping[str, str]
    ) -> StoredTemplate | None:
        """Return the template in the first of the languages wanted that there is.

        If S3 has it no longer, somebody has deleted it by hand, and the languages are listed anew.
        """
        nearest = next((candidate for candidate in wanted if candidate in languages), None)
        if nearest is None:
            return None
        try:
            return self._current(name, channel, nearest, languages[nearest])
        except self._client.exceptions.NoSuchKey:
            folder = templates.folder(name, channel)
            listed = self._kept(folder, self._index.find(folder))
            if nearest in listed:
                raise
            return self._first(name, channel, wanted, listed)

    def _kept(self, folder: str, seen: Entry) -> Mapping[str, str]:
        """List the languages, keep them in the index, and return them."""
        listed = self._listed(folder)
        self._index.keep(folder, listed, seen)
        return listed

    def _listed(self, folder: str) -> dict[str, str]:
        """Return the languages as S3 has them. One page is a thousand keys, and there are fewer languages."""
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


class S3TemplateVersions:
    """What a version says, to who knows which."""

    def __init__(self, bucket: str, client: "S3Client") -> None:
        self._bucket = bucket
        self._client = client
        self.load = single_flight(lru_cache(_CACHED_VERSIONS)(self._read_version))
        """`load(key, version_id)` returns that version's content (`s3:GetObjectVersion`); cached.

        Raises `TemplateGoneError` when it is stored no longer, which it is asked for besides (`s3:ListBucketVersions`).
        """

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
