"""Templates in a real bucket: the nearest language is found, a new version used at once, an old one never changed."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.aws.template_index import DynamoTemplateIndex
from handlers.adapters.aws.templates import S3TemplateStore, S3TemplateVersions
from handlers.domain.content.rendering import Content, TemplateError
from handlers.domain.content.templates import StoredTemplate, TemplateGoneError
from tests.unit.handlers.memory import Clock
from tests.unit.handlers.samples import NOW

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
def table(new_table: Callable[[str, str], str]) -> str:
    return new_table("templates", "folder")


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


MakeStore = Callable[..., S3TemplateStore]


@pytest.fixture
def another(aws: Callable[[str], Any], s3: "S3Client", bucket: str, table: str, clock: Clock) -> MakeStore:
    """Makes a store of another function; by a client of its own for S3 or DynamoDB, if it is given."""

    def make(s3: Any = s3, dynamodb: Any = None) -> S3TemplateStore:
        return S3TemplateStore(bucket, s3, DynamoTemplateIndex(table, dynamodb or aws("dynamodb"), clock))

    return make


@pytest.fixture
def store(another: MakeStore) -> S3TemplateStore:
    return another()


@pytest.fixture
def versions(s3: "S3Client", bucket: str) -> S3TemplateVersions:
    return S3TemplateVersions(bucket, s3)


def resolved(store: S3TemplateStore, name: str, channel: Any, locale: str | None) -> StoredTemplate | None:
    return store.resolve(name, channel, locale, store.languages(name, channel))


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
    found = [body(resolved(store, "receipt", "email", locale)) for locale in wanted]
    assert found == ["zh-CN", "zh", "zh", "default", "default"]


def test_without_a_default_other_languages_find_nothing(store: S3TemplateStore) -> None:
    store.put("receipt", "email", "zh", content("zh"))
    assert resolved(store, "receipt", "email", "en") is None


def test_other_names_and_channels_are_other_templates(store: S3TemplateStore) -> None:
    store.put("receipt", "email", "default", content("b"))
    assert resolved(store, "receipt", "sms", None) is None
    assert resolved(store, "receip", "email", None) is None
    assert resolved(store, "receipt2", "email", None) is None


def test_only_exactly_the_language_asked_for_is_got(store: S3TemplateStore) -> None:
    stored, _ = store.put("receipt", "email", "zh", content("zh"))
    assert store.get("receipt", "email", "zh") == stored
    assert store.get("receipt", "email", "zh-CN") is None


def test_only_the_first_version_in_a_language_is_new(store: S3TemplateStore) -> None:
    versions = [store.put("receipt", "email", "zh", content(text)) for text in ("1", "2")]
    assert [is_new for _, is_new in versions] == [True, False]
    assert len({stored.version_id for stored, _ in versions}) == 2
    assert store.put("receipt", "email", "en", content("1"))[1]


def test_a_new_version_is_used_at_once_also_by_others(store: S3TemplateStore, another: MakeStore) -> None:
    other = another()
    for text in ("1", "2"):
        stored, _ = store.put("receipt", "email", "default", content(text))
        assert resolved(other, "receipt", "email", "en") == stored


def test_a_version_says_the_same_for_ever(store: S3TemplateStore, versions: S3TemplateVersions) -> None:
    first, _ = store.put("receipt", "email", "default", content("1"))
    store.put("receipt", "email", "default", content("2"))
    assert versions.load(first.key, first.version_id) == content("1")


def test_what_is_known_is_not_read_again_and_nothing_is_listed(
    store: S3TemplateStore, versions: S3TemplateVersions, calls: Counter[str]
) -> None:
    stored, _ = store.put("receipt", "email", "default", content("1"))
    calls.clear()
    for _ in range(3):
        resolved(store, "receipt", "email", "en")
        versions.load(stored.key, stored.version_id)
    assert calls == {"GetObject": 2}


def test_a_template_that_is_older_than_the_index_is_listed_once(
    another: MakeStore, s3: "S3Client", bucket: str, calls: Counter[str]
) -> None:
    s3.put_object(Bucket=bucket, Key="templates/receipt/email/de.j2", Body=content("old").model_dump_json().encode())
    calls.clear()
    assert [body(resolved(another(), "receipt", "email", "de")) for _ in range(3)] == ["old"] * 3
    assert calls == {"ListObjectsV2": 1, "GetObject": 3}


def test_of_a_name_that_nobody_has_stored_nothing_is_kept(store: S3TemplateStore, calls: Counter[str]) -> None:
    assert [store.languages("made-up", "email") for _ in range(2)] == [{}, {}]
    assert calls == {"ListObjectsV2": 2}


def test_a_template_deleted_by_hand_is_not_there_once_nobody_remembers_it(
    store: S3TemplateStore, versions: S3TemplateVersions, another: MakeStore, s3: "S3Client", bucket: str
) -> None:
    stored, _ = store.put("receipt", "email", "zh", content("1"))
    store.put("receipt", "email", "default", content("other"))
    s3.delete_object(Bucket=bucket, Key=stored.key)
    assert body(resolved(another(), "receipt", "email", "zh")) == "other"
    assert body(resolved(store, "receipt", "email", "zh")) == "other"
    assert versions.load(stored.key, stored.version_id) == content("1")


# -- who stores at the same time, and who dies ------------------------------------------------------------------------


class KilledError(BaseException):
    """The process is gone: no `except Exception` sees it."""


class Interrupted:
    """Clients of one function, in which something happens just before its nth write; it dies there if that raises."""

    def __init__(self, s3: Any, dynamodb: Any, nth: int, happen: Callable[[], object]) -> None:
        self._writes, self._nth, self._happen = 0, nth, happen
        self.s3, self.dynamodb = self._seen(s3), self._seen(dynamodb)

    def _seen(self, client: Any) -> Any:
        def call(name: str) -> Any:
            operation = getattr(client, name)
            return self._counting(operation) if name in ("put_object", "update_item") else operation

        return type("Seen", (), {"__getattr__": lambda _, name: call(name)})()

    def _counting(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def write(**arguments: Any) -> Any:
            self._writes += 1
            if self._writes - 1 == self._nth:
                self._happen()
            return operation(**arguments)

        return write


WRITES = 3
"""Of a PUT: the item, the object, the item."""


@pytest.mark.parametrize("locale", ["de", "fr"])
@pytest.mark.parametrize("nth", range(WRITES))
def test_of_two_who_store_at_once_both_are_in_use_once_they_are_answered(
    nth: int, locale: str, another: MakeStore, aws: Callable[[str], Any], s3: "S3Client", bucket: str
) -> None:
    """The other one comes whole between two writes of the first, in the same language or another."""
    other, seen = another(), []

    def come_between() -> None:
        stored, _ = other.put("receipt", "email", locale, content("other"))
        seen.append(resolved(another(), "receipt", "email", locale) == stored)

    clients = Interrupted(s3, aws("dynamodb"), nth, come_between)
    another(clients.s3, clients.dynamodb).put("receipt", "email", "de", content("first"))
    # S3 is what is right: its latest version, whoever has written it.
    latest = Content.model_validate_json(
        s3.get_object(Bucket=bucket, Key="templates/receipt/email/de.j2")["Body"].read()
    )
    for _ in range(2):  # at first listed, then known
        reader = another()
        assert body(resolved(reader, "receipt", "email", "de")) == latest.body
        assert body(resolved(reader, "receipt", "email", locale)) == (latest.body if locale == "de" else "other")
    assert seen == [True]


@pytest.mark.parametrize("nth", range(1, WRITES))
def test_a_put_that_dies_costs_a_listing_each_time_until_it_is_certainly_dead(
    nth: int,
    store: S3TemplateStore,
    another: MakeStore,
    aws: Callable[[str], Any],
    s3: "S3Client",
    clock: Clock,
    calls: Counter[str],
) -> None:
    def die() -> None:
        raise KilledError

    store.put("receipt", "email", "de", content("before"))
    clients = Interrupted(s3, aws("dynamodb"), nth, die)
    with pytest.raises(KilledError):
        another(clients.s3, clients.dynamodb).put("receipt", "email", "de", content("after"))
    stored = ["before", "after"][nth - 1]
    for later, listings in ((timedelta(), 2), (timedelta(minutes=6), 1)):
        clock.advance(later)
        calls.clear()
        assert [body(resolved(another(), "receipt", "email", "de")) for _ in range(2)] == [stored] * 2
        assert calls["ListObjectsV2"] == listings


def test_what_somebody_else_put_there_is_named_and_not_sent(
    store: S3TemplateStore, s3: "S3Client", bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="templates/receipt/email/default.j2", Body=b"Hello {{ name }}")
    with pytest.raises(TemplateError, match=r"templates/receipt/email/default\.j2 is not a template"):
        resolved(store, "receipt", "email", None)


def test_a_version_that_was_deleted_is_gone_and_others_are_not(
    store: S3TemplateStore, versions: S3TemplateVersions, s3: "S3Client", bucket: str
) -> None:
    first, _ = store.put("receipt", "email", "default", content("1"))
    second, _ = store.put("receipt", "email", "default", content("2"))
    s3.delete_object(Bucket=bucket, Key=first.key, VersionId=first.version_id)
    with pytest.raises(TemplateGoneError):
        versions.load(first.key, first.version_id)
    assert versions.load(second.key, second.version_id) == content("2")


def test_a_key_of_which_nothing_is_left_is_gone(
    store: S3TemplateStore, versions: S3TemplateVersions, s3: "S3Client", bucket: str
) -> None:
    stored, _ = store.put("receipt", "email", "default", content("1"))
    longer, _ = store.put("receipt", "email", "default-a", content("1"))
    s3.delete_object(Bucket=bucket, Key=stored.key, VersionId=stored.version_id)
    with pytest.raises(TemplateGoneError):
        versions.load(stored.key, stored.version_id)
    assert versions.load(longer.key, longer.version_id) == content("1")


def test_a_delete_marker_is_nothing_to_read(
    store: S3TemplateStore, versions: S3TemplateVersions, s3: "S3Client", bucket: str
) -> None:
    stored, _ = store.put("receipt", "email", "default", content("1"))
    marker = s3.delete_object(Bucket=bucket, Key=stored.key)["VersionId"]
    with pytest.raises(TemplateGoneError):
        versions.load(stored.key, marker)
