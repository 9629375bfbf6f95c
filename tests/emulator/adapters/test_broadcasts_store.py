"""Broadcasts, claims, tags and files behind their real protocols: what dies in between, and who comes at once."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from handlers.adapters.aws import clients
from handlers.adapters.aws.audience_files import S3AudienceFiles
from handlers.adapters.aws.broadcasts import DynamoBroadcasts, DynamoClaims
from handlers.adapters.aws.tags import DynamoTagIndex, DynamoTagWriter
from handlers.domain.broadcasts.broadcast import Broadcast, Progress, State
from handlers.domain.broadcasts.lines import AudienceGoneError
from handlers.domain.broadcasts.requests import BroadcastRequest
from handlers.domain.content.values import Number
from tests.unit.handlers.memory import Clock
from tests.unit.handlers.samples import CONTENT, NOW

Aws = Callable[[str], Any]


def with_range(aws: Aws, what: str, key: str, range_key: str) -> str:
    """An empty table with two keys."""
    name, keys = f"{what}-{uuid.uuid4().hex[:8]}", {key: "HASH", range_key: "RANGE"}
    aws("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": each, "KeyType": kind} for each, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture(scope="module")
def table(aws: Aws) -> str:
    return with_range(aws, "broadcasts", "broadcast_id", "item")


@pytest.fixture
def store(aws: Aws, table: str) -> DynamoBroadcasts:
    return DynamoBroadcasts(table, aws("dynamodb"), KEPT)


def broadcast(**fields: Any) -> Broadcast:
    body = {"category": "news", "content": CONTENT, "audience": {"upload": "csv"}, **fields}
    return Broadcast(
        broadcast_id=str(uuid.uuid4()),
        app_key="demo",
        app_categories=("*",),
        app_channels=("*",),
        fingerprint="f",
        dry_run=False,
        created_at=NOW,
        request=BroadcastRequest.model_validate(body),
    )


NEW = Progress(status=State.AWAITING_UPLOAD)
KEPT = timedelta(days=400)


def test_a_broadcast_is_read_as_it_was_asked_for_each_number_as_it_was_written(
    store: DynamoBroadcasts, aws: Aws, table: str
) -> None:
    asked = broadcast(data={"price": Number("10.00"), "name": "all"})
    assert store.create(asked, NEW) == asked
    found = DynamoBroadcasts(table, aws("dynamodb"), KEPT).find(asked.broadcast_id)
    assert found == asked
    assert found is not None
    assert str(found.request.data["price"]) == "10.00"
    assert store.find(str(uuid.uuid4())) is None


def test_who_creates_it_again_changes_nothing(store: DynamoBroadcasts) -> None:
    asked = broadcast()
    store.create(asked, NEW)
    store.change(asked.broadcast_id, lambda seen: seen.started("v1", 10, NOW))
    other = asked.model_copy(update={"fingerprint": "g"})
    assert store.create(other, NEW).fingerprint == "f"
    assert store.progress(asked.broadcast_id).status is State.RUNNING


def test_it_is_forgotten_when_its_deliveries_are_however_often_it_moves(
    store: DynamoBroadcasts, aws: Aws, table: str
) -> None:
    asked = broadcast()
    store.create(asked, NEW)
    store.change(asked.broadcast_id, lambda seen: seen.started("v1", 10, NOW))
    items = aws("dynamodb").query(
        TableName=table,
        KeyConditionExpression="broadcast_id = :id",
        ExpressionAttributeValues={":id": {"S": asked.broadcast_id}},
    )["Items"]
    assert [int(each["expiration"]["N"]) for each in items] == [int((NOW + KEPT).timestamp())] * 2


def test_of_many_who_move_it_at_once_none_is_lost(store: DynamoBroadcasts) -> None:
    asked = broadcast()
    store.create(asked, NEW)

    def more(_: int) -> bool:
        return store.change(asked.broadcast_id, lambda seen: seen.model_copy(update={"line": seen.line + 1}))[1]

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(more, range(8)))
    assert store.progress(asked.broadcast_id).line == 8


def test_a_recipient_is_the_first_pages_for_ever_and_that_page_may_come_again(aws: Aws, table: str) -> None:
    claims, one = DynamoClaims(table, aws("dynamodb")), str(uuid.uuid4())
    keys = [f"email#{number}" for number in range(130)]
    assert claims.hold(one, 0, keys, NOW) == set()
    assert claims.hold(one, 0, keys, NOW) == set()
    assert claims.hold(one, 1, [*keys[100:], "email#new"], NOW) == set(keys[100:])
    assert claims.hold(str(uuid.uuid4()), 1, keys, NOW) == set()


def test_who_has_a_tag_is_found_in_pages_and_who_has_it_no_longer_is_not(
    aws: Aws, new_table: Callable[[str, str], str]
) -> None:
    tags, contacts, clock = with_range(aws, "tags", "tag", "user_id"), new_table("contacts", "user_id"), Clock(NOW)
    writer, dynamodb = DynamoTagWriter(tags, aws("dynamodb"), clock), aws("dynamodb")
    index = DynamoTagIndex(tags, contacts, dynamodb, clock)
    for number in range(5):
        writer.tag(f"u{number}", ["spring", "other"])
        if number != 2:  # whose contact was never written, or has the tag no longer
            has = {"L": [{"S": "spring" if number != 3 else "autumn"}]}
            dynamodb.put_item(TableName=contacts, Item={"user_id": {"S": f"u{number}"}, "tags": has})
    first, after = index.page("spring", None, 3)
    assert (first, after) == (["u0", "u1"], "u2")
    assert index.page("spring", after, 3) == (["u4"], None)

    def noted() -> int:
        asked = {"KeyConditionExpression": "tag = :t", "ExpressionAttributeValues": {":t": {"S": "spring"}}}
        count: int = dynamodb.query(TableName=tags, **asked)["Count"]
        return count

    assert noted() == 5, "a contact may be about to be written"
    clock.advance(timedelta(hours=2))
    writer.tag("u3", ["spring"])  # who is about to have it again
    index.page("spring", None, 10)
    assert noted() == 4


def test_who_is_erased_is_named_by_no_tag_and_all_others_are(aws: Aws) -> None:
    tags, dynamodb = with_range(aws, "tags", "tag", "user_id"), aws("dynamodb")
    writer = DynamoTagWriter(tags, dynamodb, Clock(NOW))
    many = [f"tag{number}" for number in range(27)]
    for user in ("ada", "bob"):
        writer.tag(user, many)
    writer.untag("ada", [*many, "never had"])
    left = dynamodb.scan(TableName=tags)["Items"]
    assert sorted((each["user_id"]["S"], each["tag"]["S"]) for each in left) == sorted(("bob", tag) for tag in many)


@pytest.fixture
def files(aws: Aws) -> S3AudienceFiles:
    s3, name = aws("s3"), f"audiences-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return S3AudienceFiles(name, s3, 900)


def put(files: S3AudienceFiles, asked: Broadcast, content: bytes) -> tuple[str, int]:
    httpx.put(files.upload_url(asked), content=content).raise_for_status()
    uploaded = files.uploaded(asked)
    assert uploaded is not None
    return uploaded


def test_the_answer_has_a_url_to_put_the_file_to_for_some_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DEFAULT_REGION": "eu-central-1", "ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "no"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    asked = broadcast()
    url = urlsplit(S3AudienceFiles("audiences", clients.audience_files(), 900).upload_url(asked))
    assert (url.scheme, url.hostname) == ("https", "audiences.s3.eu-central-1.amazonaws.com")
    assert url.path == f"/audiences/{asked.broadcast_id}"
    signed = parse_qs(url.query)
    assert (signed["X-Amz-Expires"], signed["X-Amz-Algorithm"]) == (["900"], ["AWS4-HMAC-SHA256"])
    assert signed["X-Amz-SignedHeaders"] == ["host"], "who uploads need send nothing but the file"


def test_a_file_is_read_by_parts_to_its_end(files: S3AudienceFiles) -> None:
    asked = broadcast()
    assert files.uploaded(asked) is None
    version, size = put(files, asked, b"email\nada@example.com\n")
    assert size == 22
    assert [files.read(asked, version, offset, 10) for offset in (0, 10, 20, 22, 30)] == [
        b"email\nada@",
        b"example.co",
        b"m\n",
        b"",
        b"",
    ]


def test_a_file_that_is_put_there_later_changes_nothing(files: S3AudienceFiles) -> None:
    asked = broadcast()
    version, _ = put(files, asked, b"first")
    assert put(files, asked, b"second")[0] != version
    assert files.read(asked, version, 0, 10) == b"first"


def test_a_file_that_is_erased_is_told_as_gone(files: S3AudienceFiles, aws: Aws) -> None:
    asked = broadcast()
    version, _ = put(files, asked, b"first")
    aws("s3").delete_object(Bucket=files._bucket, Key=f"audiences/{asked.broadcast_id}", VersionId=version)
    with pytest.raises(AudienceGoneError):
        files.read(asked, version, 0, 10)
