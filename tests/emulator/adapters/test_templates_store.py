"""Templates in a real bucket: the nearest language is found, a new version used at once, an old one never changed."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.aws.templates import S3TemplateStore
from handlers.domain.content.rendering import Content, TemplateError
from handlers.domain.content.templates import StoredTemplate, TemplateGoneError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def content(body: str) -> Content:
    return Content(subject="s", body=body)


def body(template: StoredTemplate | None) -> str | None:
    return None if template is None else template.content.body


@pytest.fixture(scope="module")
def s3(aws: Callable[[str], Any]) -> "S3Client":
    client: S3Client = aws("s3")
    return client


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    """An empty, versioned bucket."""
    name = f"templates-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})  # type: ignore[typeddict-item]
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def store(s3: "S3Client", bucket: str) -> S3TemplateStore:
    return S3TemplateStore(bucket, s3)


@pytest.fixture
def calls(s3: "S3Client") -> Iterator[Counter[str]]:
    """How often each operation was called on S3."""
    counted: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        counted[model.name] += 1

    s3.meta.events.register("before-call.s3", count, unique_id="count")
    yield counted
    s3.meta.events.unregister("before-call.s3", unique_id="count")


def test_the_nearest_language_is_found(store: S3TemplateStore) -> None:
    for locale in ("default", "zh", "zh-CN"):
        store.put("receipt", "email", locale, content(locale))
    wanted = ("zh-CN", "zh-TW", "zh", "fr-CA", None)
    found = [body(store.resolve("receipt", "email", locale)) for locale in wanted]
    assert found == ["zh-CN", "zh", "zh", "default", "default"]


def test_without_a_default_other_languages_find_nothing(store: S3TemplateStore) -> None:
    store.put("receipt", "email", "zh", content("zh"))
    assert store.resolve("receipt", "email", "en") is None


def test_other_names_and_channels_are_other_templates(store: S3TemplateStore) -> None:
    store.put("receipt", "email", "default", content("b"))
    assert store.resolve("receipt", "sms", None) is None
    assert store.resolve("receip", "email", None) is None
    assert store.resolve("receipt2", "email", None) is None


def test_only_exactly_the_language_asked_for_is_got(store: S3TemplateStore) -> None:
    stored, _ = store.put("receipt", "email", "zh", content("zh"))
    assert store.get("receipt", "email", "zh") == stored
    assert store.get("receipt", "email", "zh-CN") is None


def test_only_the_first_version_in_a_language_is_new(store: S3TemplateStore) -> None:
    versions = [store.put("receipt", "email", "zh", content(text)) for text in ("1", "2")]
    assert [is_new for _, is_new in versions] == [True, False]
    assert len({stored.version_id for stored, _ in versions}) == 2
    assert store.put("receipt", "email", "en", content("1"))[1]


def test_a_new_version_is_used_at_once_also_by_others(store: S3TemplateStore, s3: "S3Client", bucket: str) -> None:
    other = S3TemplateStore(bucket, s3)
    for text in ("1", "2"):
        stored, _ = store.put("receipt", "email", "default", content(text))
        assert other.resolve("receipt", "email", "en") == stored


def test_a_version_says_the_same_for_ever(store: S3TemplateStore) -> None:
    first, _ = store.put("receipt", "email", "default", content("1"))
    store.put("receipt", "email", "default", content("2"))
    assert store.load(first.key, first.version_id) == content("1")


def test_what_is_known_is_not_read_again(store: S3TemplateStore, calls: Counter[str]) -> None:
    stored, _ = store.put("receipt", "email", "default", content("1"))
    calls.clear()
    for _ in range(3):
        store.resolve("receipt", "email", "en")
        store.load(stored.key, stored.version_id)
    assert calls == {"ListObjectsV2": 3, "GetObject": 2}


def test_a_template_deleted_by_hand_is_not_there(store: S3TemplateStore, s3: "S3Client", bucket: str) -> None:
    stored, _ = store.put("receipt", "email", "default", content("1"))
    s3.delete_object(Bucket=bucket, Key=stored.key)
    assert store.resolve("receipt", "email", None) is None
    assert store.load(stored.key, stored.version_id) == content("1")


def test_what_somebody_else_put_there_is_named_and_not_sent(
    store: S3TemplateStore, s3: "S3Client", bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="templates/receipt/email/default.j2", Body=b"Hello {{ name }}")
    with pytest.raises(TemplateError, match=r"templates/receipt/email/default\.j2 is not a template"):
        store.resolve("receipt", "email", None)


def test_a_version_that_was_deleted_is_gone_and_others_are_not(
    store: S3TemplateStore, s3: "S3Client", bucket: str
) -> None:
    first, _ = store.put("receipt", "email", "default", content("1"))
    second, _ = store.put("receipt", "email", "default", content("2"))
    s3.delete_object(Bucket=bucket, Key=first.key, VersionId=first.version_id)
    with pytest.raises(TemplateGoneError):
        store.load(first.key, first.version_id)
    assert store.load(second.key, second.version_id) == content("2")


def test_a_key_of_which_nothing_is_left_is_gone(store: S3TemplateStore, s3: "S3Client", bucket: str) -> None:
    stored, _ = store.put("receipt", "email", "default", content("1"))
    longer, _ = store.put("receipt", "email", "default-a", content("1"))
    s3.delete_object(Bucket=bucket, Key=stored.key, VersionId=stored.version_id)
    with pytest.raises(TemplateGoneError):
        store.load(stored.key, stored.version_id)
    assert store.load(longer.key, longer.version_id) == content("1")


def test_a_delete_marker_is_nothing_to_read(store: S3TemplateStore, s3: "S3Client", bucket: str) -> None:
    stored, _ = store.put("receipt", "email", "default", content("1"))
    marker = s3.delete_object(Bucket=bucket, Key=stored.key)["VersionId"]
    with pytest.raises(TemplateGoneError):
        store.load(stored.key, marker)
