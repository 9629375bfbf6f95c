"""What S3's answers say of a version of a template: that it is gone for good, or that it cannot be read now."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from handlers.adapters.aws.templates import S3TemplateVersions
from handlers.domain.content.templates import TemplateGoneError

KEY, VERSION = "templates/receipt/email/de.j2", "v-2"


class Bucket:
    """A client that gets the answers it is given, one after the other."""

    def __init__(self) -> None:
        client = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="s")
        self.store, self.stub = S3TemplateVersions("b", client), Stubber(client)

    def refuses_to_read(self, code: str, status: int) -> None:
        wanted = {"Bucket": "b", "Key": KEY, "VersionId": VERSION}
        self.stub.add_client_error("get_object", code, http_status_code=status, expected_params=wanted)

    def lists(self, *versions: tuple[str, str], **page: Any) -> None:
        found = [{"Key": key, "VersionId": version} for key, version in versions]
        self.stub.add_response("list_object_versions", {"Versions": found, **page})


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    given = Bucket()
    with given.stub:
        yield given
        given.stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status"),
    [("NoSuchKey", 404), ("NoSuchVersion", 404), ("MethodNotAllowed", 405), ("AccessDenied", 403)],
)
def test_a_version_that_is_not_listed_is_gone(code: str, status: int, bucket: Bucket) -> None:
    bucket.refuses_to_read(code, status)
    bucket.lists((KEY, "v-1"), (f"{KEY}2", VERSION))
    with pytest.raises(TemplateGoneError):
        bucket.store.load(KEY, VERSION)


def test_a_version_that_is_listed_and_may_not_be_read_is_tried_again(bucket: Bucket) -> None:
    bucket.refuses_to_read("AccessDenied", 403)
    bucket.lists((KEY, "v-3"), IsTruncated=True, NextKeyMarker=KEY, NextVersionIdMarker="v-3")
    bucket.lists((KEY, VERSION))
    with pytest.raises(ClientError, match="AccessDenied"):
        bucket.store.load(KEY, VERSION)


def test_what_cannot_be_listed_either_is_tried_again(bucket: Bucket) -> None:
    bucket.refuses_to_read("AccessDenied", 403)
    bucket.stub.add_client_error("list_object_versions", "AccessDenied", http_status_code=403)
    with pytest.raises(ClientError):
        bucket.store.load(KEY, VERSION)


@pytest.mark.parametrize(
    ("code", "status"), [("SlowDown", 503), ("InternalError", 500), ("KMS.DisabledException", 400)]
)
def test_a_service_that_does_not_serve_says_nothing_of_the_version(code: str, status: int, bucket: Bucket) -> None:
    bucket.refuses_to_read(code, status)
    with pytest.raises(ClientError, match=code):
        bucket.store.load(KEY, VERSION)
