"""SES calls through the sandbox, made by the SDK that the worker uses."""

import uuid
from contextlib import nullcontext
from email.message import EmailMessage

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.local.support import SENDER, Sandbox, mail, role_session


def page_of(sandbox: Sandbox, subject: str) -> str:
    """The inbox page with the details of the one message that has this subject, which must be the newest."""
    assert sandbox.messages()[-1]["subject"] == subject
    return httpx.get(sandbox.url, params={"view": "details"}).text


def test_a_signed_call_is_accepted_by_the_emulator_and_answered_with_its_answer(sandbox: Sandbox) -> None:
    worker = sandbox.ses(role_session(sandbox.account, "ses:SendEmail"))
    answer = worker.send_email(**mail("<p>x</p>", "signed", str(uuid.uuid4()), str(uuid.uuid4())))
    assert answer["MessageId"] in httpx.get(f"{sandbox.account.endpoint_url}/_ministack/ses/messages").text
    assert sandbox.messages()[-1]["subject"] == "signed"


def test_a_role_that_may_not_send_is_refused_and_nothing_is_kept(sandbox: Sandbox) -> None:
    before = sandbox.messages()
    with pytest.raises(ClientError) as refused:
        sandbox.ses(role_session(sandbox.account, "ses:GetAccount")).send_email(**mail("<p>x</p>", "denied", "n", "d"))
    assert refused.value.response["Error"]["Code"].startswith("AccessDenied")
    assert sandbox.messages() == before


def test_the_inbox_keeps_the_whole_message(sandbox: Sandbox) -> None:
    arguments = mail("<p>Grüße, <b>Ada</b></p>", "Ein Betreff", "notification-1", "delivery-1")
    arguments["Content"]["Simple"]["Body"]["Text"] = {"Data": "Grüße, Ada"}
    arguments["Content"]["Simple"]["Headers"] = [{"Name": "List-Unsubscribe", "Value": "<https://example.com/u/1>"}]
    arguments["ReplyToAddresses"] = ["help@example.com"]
    arguments["ConfigurationSetName"] = "carillon-local"
    sandbox.client("sesv2").create_configuration_set(ConfigurationSetName="carillon-local")
    sandbox.ses().send_email(**arguments)

    message = sandbox.message_of("delivery-1")
    assert message is not None
    assert message["channel"] == "email"
    assert message["provider"] == "ses"
    assert message["to"] == "ada@example.com"
    assert message["subject"] == "Ein Betreff"
    assert message["body"] == "<p>Grüße, <b>Ada</b></p>"
    page = page_of(sandbox, "Ein Betreff")
    for told in (
        "no-reply@example.com",
        "List-Unsubscribe",
        "https://example.com/u/1",
        "help@example.com",
        "notification-1",
    ):
        assert told in page
    assert "Grüße, Ada" in httpx.get(sandbox.url, params={"view": "text"}).text


def test_a_raw_message_is_taken_apart(sandbox: Sandbox) -> None:
    mime = EmailMessage()
    mime["Subject"], mime["From"], mime["To"] = "Räw", SENDER, "ada@example.com"
    mime["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mime.set_content("plain part")
    mime.add_alternative("<p>html part</p>", subtype="html")
    destination = {"ToAddresses": ["ada@example.com"]}
    sandbox.ses().send_email(
        FromEmailAddress=SENDER, Destination=destination, Content={"Raw": {"Data": mime.as_bytes()}}
    )
    message = sandbox.messages()[-1]
    assert (message["subject"], message["body"].strip()) == ("Räw", "<p>html part</p>")
    assert message["delivery_id"] is None
    assert "List-Unsubscribe=One-Click" in page_of(sandbox, "Räw")


@pytest.mark.parametrize(("identity", "allowed"), [("example.com", True), ("elsewhere.example", False)])
def test_a_role_may_send_from_the_identity_it_was_granted_and_from_no_other(
    sandbox: Sandbox, identity: str, allowed: bool
) -> None:
    arn = f"arn:aws:ses:{sandbox.account.region}:{sandbox.account.account_id}:identity/{identity}"
    worker = sandbox.ses(role_session(sandbox.account, "ses:SendEmail", arn))
    with nullcontext() if allowed else pytest.raises(ClientError, match="AccessDenied"):
        worker.send_email(**mail("<p>x</p>", "granted", "n", "d"))


def test_a_wrong_signature_is_refused_by_the_emulator_and_nothing_is_kept(sandbox: Sandbox) -> None:
    before = sandbox.messages()
    true = role_session(sandbox.account, "ses:SendEmail").get_credentials()
    assert true is not None
    forged = boto3.Session(true.access_key, "not the secret", true.token, region_name=sandbox.account.region)
    with pytest.raises(ClientError) as refused:
        sandbox.ses(forged).send_email(**mail("<p>x</p>", "forged", "n", "d"))
    assert "ignature" in refused.value.response["Error"]["Code"]
    assert sandbox.messages() == before


def test_a_sender_that_ses_does_not_know_is_refused_and_nothing_is_kept(sandbox: Sandbox) -> None:
    before = sandbox.messages()
    arguments = {**mail("<p>x</p>", "unknown sender", "n", "d"), "FromEmailAddress": "x@elsewhere.example"}
    ses = sandbox.ses()
    with pytest.raises(ses.exceptions.MessageRejected):
        ses.send_email(**arguments)
    assert sandbox.messages() == before


def test_calls_that_send_nothing_pass_through_too(sandbox: Sandbox) -> None:
    assert sandbox.ses().get_email_identity(EmailIdentity="example.com")["VerifiedForSendingStatus"]


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("outage", 503, "ServiceUnavailable"),
        ("throttle", 429, "TooManyRequestsException"),
        ("reject", 400, "MessageRejected"),
    ],
)
def test_a_fault_is_an_error_of_ses_to_the_sdk(sandbox: Sandbox, mode: str, status: int, code: str) -> None:
    before = sandbox.messages()
    with sandbox.fault(mode), pytest.raises(ClientError) as failed:
        sandbox.send("<p>x</p>")
    assert failed.value.response["Error"]["Code"] == code
    assert failed.value.response["Error"]["Message"]
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert sandbox.messages() == before
    assert sandbox.message_of(sandbox.send("<p>works again</p>"))


def test_throttling_and_rejection_are_modelled_exceptions_of_the_sdk(sandbox: Sandbox) -> None:
    ses = sandbox.ses()
    for mode, expected in (("throttle", "TooManyRequestsException"), ("reject", "MessageRejected")):
        with sandbox.fault(mode), pytest.raises(getattr(ses.exceptions, expected)):
            ses.send_email(**mail("<p>x</p>", "fails", "n", "d"))


def test_a_timeout_is_no_answer_at_all(sandbox: Sandbox) -> None:
    before = sandbox.messages()
    with sandbox.fault("timeout"), pytest.raises(ReadTimeoutError):
        sandbox.send("<p>x</p>", read_timeout=0.3)
    assert sandbox.messages() == before


def test_a_fault_at_a_rate_fails_exactly_that_share_of_the_calls(sandbox: Sandbox) -> None:
    failed = 0
    with sandbox.fault("throttle", rate=0.25):
        for _ in range(8):
            try:
                sandbox.send("<p>x</p>")
            except ClientError:
                failed += 1
    assert failed == 2


def test_a_timeout_of_an_aws_service_may_have_taken_the_message_too(sandbox: Sandbox) -> None:
    impatient = boto3.client(
        "sesv2",
        endpoint_url=sandbox.url,
        region_name=sandbox.account.region,
        aws_access_key_id=sandbox.account.access_key_id,
        aws_secret_access_key=sandbox.account.secret_access_key,
        config=Config(read_timeout=0.5, retries={"total_max_attempts": 1}),
    )
    delivery_id = str(uuid.uuid4())
    with sandbox.fault("timeout", accepts=True), pytest.raises(ReadTimeoutError):
        impatient.send_email(**mail("<p>x</p>", "taken", "n", delivery_id))
    assert sandbox.message_of(delivery_id) is not None
