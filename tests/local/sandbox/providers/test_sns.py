"""SNS calls through the sandbox, made by the SDK that the workers use."""

import json
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.local.support import Sandbox, role_session

PHONE = "+14155552671"


def ids(delivery_id: str) -> dict[str, Any]:
    told = {"notification_id": "n-1", "delivery_id": delivery_id}
    return {name: {"DataType": "String", "StringValue": value} for name, value in told.items()}


@pytest.fixture(scope="module")
def endpoints(sandbox: Sandbox) -> dict[str, str]:
    """Of an Apple and an Android device, made through the sandbox."""
    sns = sandbox.sns()
    made = {}
    for platform in ("APNS", "GCM"):
        app = sns.create_platform_application(Name="test", Platform=platform, Attributes={"PlatformCredential": "x"})
        arn = app["PlatformApplicationArn"]
        made[platform] = sns.create_platform_endpoint(PlatformApplicationArn=arn, Token=f"token-{platform}")[
            "EndpointArn"
        ]
    return made


def test_a_text_message_is_kept_and_sent_by_the_emulator(sandbox: Sandbox) -> None:
    worker = sandbox.sns(role_session(sandbox.account, "sns:Publish"))
    sender = {"AWS.SNS.SMS.SenderID": {"DataType": "String", "StringValue": "Carillon"}}
    answer = worker.publish(PhoneNumber=PHONE, Message="Grüße", MessageAttributes={**ids("sms-1"), **sender})
    assert answer["MessageId"] in httpx.get(f"{sandbox.account.endpoint_url}/_ministack/sns/sms-messages").text
    kept = sandbox.last()
    assert (kept["channel"], kept["provider"], kept["to"], kept["body"], kept["delivery_id"]) == (
        "sms",
        "sns",
        PHONE,
        "Grüße",
        "sms-1",
    )
    assert "Carillon" in httpx.get(sandbox.url, params={"view": "details"}).text


def test_a_role_that_may_not_publish_is_refused_and_nothing_is_kept(sandbox: Sandbox) -> None:
    before = sandbox.messages()
    worker = sandbox.sns(role_session(sandbox.account, "sns:ListTopics"))
    with pytest.raises(ClientError) as refused:
        worker.publish(PhoneNumber=PHONE, Message="x")
    assert "Auth" in refused.value.response["Error"]["Code"] or "Denied" in refused.value.response["Error"]["Code"]
    assert sandbox.messages() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * 1601, "Invalid parameter: Message too long"),
        ("😀" * 801, "Invalid parameter: Message too long"),
        ("", "Invalid parameter: Empty message"),
    ],
)
def test_a_text_that_sns_does_not_take_is_refused_and_not_kept(sandbox: Sandbox, text: str, said: str) -> None:
    before = sandbox.messages()
    with pytest.raises(ClientError) as refused:
        sandbox.sns().publish(PhoneNumber=PHONE, Message=text)
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("InvalidParameter", said)
    assert sandbox.messages() == before


@pytest.mark.parametrize("text", ["x" * 1600, "ж" * 1600, "😀" * 800, " "])
def test_a_text_that_sns_just_takes_is_kept(sandbox: Sandbox, text: str) -> None:
    sandbox.sns().publish(PhoneNumber=PHONE, Message=text)
    assert sandbox.last()["body"] == text


@pytest.mark.parametrize(
    ("message", "said"),
    [("", "Invalid parameter: Empty message"), ("x" * (256 * 1024 + 1), "Invalid parameter: Message too long")],
)
def test_a_push_that_sns_does_not_take_is_refused(
    sandbox: Sandbox, endpoints: dict[str, str], message: str, said: str
) -> None:
    with pytest.raises(ClientError) as refused:
        sandbox.sns().publish(TargetArn=endpoints["APNS"], Message=message)
    assert refused.value.response["Error"]["Message"] == said


@pytest.mark.parametrize("platform", ["APNS", "GCM"])
def test_a_push_that_its_platform_does_not_take_is_accepted_and_reaches_no_device(
    sandbox: Sandbox, endpoints: dict[str, str], platform: str
) -> None:
    def push(characters: int) -> Any:
        shown = {"title": "A title", "body": "é" * characters}
        payload = (
            {"aps": {"alert": shown}} if platform == "APNS" else {"fcmV1Message": {"message": {"notification": shown}}}
        )
        text = json.dumps({"default": "x", platform: json.dumps(payload, ensure_ascii=False)})
        return sandbox.sns().publish(TargetArn=endpoints[platform], Message=text, MessageStructure="json")["MessageId"]

    before = len(sandbox.messages())
    assert push(2048)
    assert len(sandbox.messages()) == before
    assert push(2000)
    assert len(sandbox.messages()) == before + 1


@pytest.mark.parametrize(
    ("platform", "payload"),
    [
        ("APNS", {"aps": {"alert": {"title": "A title", "body": "Hello"}}}),
        ("GCM", {"fcmV1Message": {"message": {"notification": {"title": "A title", "body": "Hello"}}}}),
        ("GCM", {"notification": {"title": "A title", "body": "Hello"}}),
    ],
)
def test_a_push_is_kept_as_the_device_shows_it(
    sandbox: Sandbox, endpoints: dict[str, str], platform: str, payload: dict[str, Any]
) -> None:
    message = json.dumps({"default": "plain", platform: json.dumps(payload)})
    attributes = ids("push-1")
    sandbox.sns().publish(
        TargetArn=endpoints[platform], Message=message, MessageStructure="json", MessageAttributes=attributes
    )
    kept = sandbox.last()
    assert (kept["channel"], kept["provider"], kept["to"], kept["delivery_id"]) == (
        "push",
        "sns-push",
        f"token-{platform}",
        "push-1",
    )
    assert (kept["subject"], kept["body"]) == ("A title", "Hello")


def test_a_topic_is_none_of_the_inboxs_business(sandbox: Sandbox) -> None:
    before = sandbox.messages()
    topic = sandbox.sns().create_topic(Name="alerts")["TopicArn"]
    with sandbox.fault("outage", provider="sns"), sandbox.fault("outage", provider="sns-push"):
        assert sandbox.sns().publish(TopicArn=topic, Message="x")["MessageId"]
    assert sandbox.messages() == before


FAILURES = [
    ("sns", "outage", 503, "ServiceUnavailable"),
    ("sns", "throttle", 400, "Throttling"),
    ("sns", "reject", 400, "InvalidParameter"),
    ("sns-push", "outage", 503, "ServiceUnavailable"),
    ("sns-push", "throttle", 400, "Throttling"),
    ("sns-push", "reject", 400, "EndpointDisabled"),
]


@pytest.mark.parametrize(("provider", "mode", "status", "code"), FAILURES)
def test_a_fault_is_an_error_of_sns_to_the_sdk(
    sandbox: Sandbox, endpoints: dict[str, str], provider: str, mode: str, status: int, code: str
) -> None:
    to = {"PhoneNumber": PHONE} if provider == "sns" else {"TargetArn": endpoints["APNS"]}
    before = sandbox.messages()
    with sandbox.fault(mode, provider=provider), pytest.raises(ClientError) as failed:
        sandbox.sns().publish(**to, Message="x")
    error = failed.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (status, code)
    assert sandbox.messages() == before


def test_text_messages_and_push_fail_apart(sandbox: Sandbox, endpoints: dict[str, str]) -> None:
    with sandbox.fault("timeout", provider="sns"):
        sandbox.sns().publish(TargetArn=endpoints["APNS"], Message="x")
        with pytest.raises(ReadTimeoutError):
            sandbox.sns(read_timeout=0.5).publish(PhoneNumber=PHONE, Message="x")
