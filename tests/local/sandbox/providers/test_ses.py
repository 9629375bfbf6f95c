"""What SES does not take and the emulator does."""

import base64
import json
from typing import Any

import pytest

from local.sandbox.providers.aws import AwsRequest
from local.sandbox.providers.ses import Ses

IN_40_MB = 30 * 1024 * 1024
"""In base64, three bytes are four."""


def asked(content: dict[str, Any]) -> AwsRequest:
    return AwsRequest("POST", "/v2/email/outbound-emails", json.dumps({"Content": content}).encode())


def simple(size: int) -> dict[str, Any]:
    return {"Simple": {"Subject": {"Data": "s"}, "Body": {"Html": {"Data": "x" * (size - 3)}, "Text": {"Data": "xxx"}}}}


def raw(size: int) -> dict[str, Any]:
    return {"Raw": {"Data": base64.b64encode(b"x" * size).decode()}}


@pytest.mark.parametrize("make", [simple, raw])
def test_a_mail_of_more_than_40_mb_in_base64_is_refused(make: Any) -> None:
    assert Ses().refusal(asked(make(IN_40_MB))) is None
    refused = Ses().refusal(asked(make(IN_40_MB + 1)))
    assert refused is not None
    assert (refused.status_code, refused.headers["x-amzn-ErrorType"]) == (400, "BadRequestException")


def test_a_subject_and_a_text_of_nothing_are_taken() -> None:
    assert Ses().refusal(asked({"Simple": {"Subject": {"Data": ""}, "Body": {"Text": {"Data": ""}}}})) is None
