"""What providers post, verified with their own libraries' signatures."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr
from sendgrid.helpers.eventwebhook import EventWebhook
from twilio.request_validator import RequestValidator

from handlers.adapters.receipts import ForgedError, Sent, sendgrid, ses, twilio
from handlers.adapters.receipts.sendgrid import MAX_AGE, SendGridWebhook
from handlers.adapters.receipts.twilio import TwilioToken, callback_url
from handlers.domain.content.links import Link
from handlers.domain.notifications.outcomes import Event
from tests.unit.handlers.samples import NOW

IDS = {"notification_id": "n-1", "delivery_id": "d-1"}
LINK = Link("n-1", "d-1")
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
WEBHOOK = SendGridWebhook(webhook_public_key=PUBLIC)
TOKEN = TwilioToken(auth_token=SecretStr("t" * 32))
BASE = "https://api.example.com/live"
SECOND = timedelta(seconds=1)


def posted(*events: Mapping[str, Any], age: timedelta = timedelta()) -> Sent:
    """A batch as SendGrid signs it."""
    body, timestamp = json.dumps([{**IDS, **each} for each in events]), str(int((NOW - age).timestamp()))
    signature = base64.b64encode(KEY.sign((timestamp + body).encode(), ec.ECDSA(SHA256()))).decode()
    headers = {
        "x-twilio-email-event-webhook-signature": signature,
        "x-twilio-email-event-webhook-timestamp": timestamp,
    }
    return Sent({}, headers, body, NOW)


def called(**form: str) -> Sent:
    """A status callback as Twilio signs it."""
    url = callback_url(BASE, **IDS)
    signature = RequestValidator(TOKEN.auth_token.get_secret_value()).compute_signature(url, form)
    body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in form.items())
    return Sent({**IDS, "base": BASE}, {"x-twilio-signature": signature}, body, NOW)


def test_what_is_read_here_sendgrids_own_library_verifies_too() -> None:
    sent = posted({"event": "delivered"})
    library = EventWebhook(PUBLIC)
    signature, timestamp = (sent.headers[f"x-twilio-email-event-webhook-{name}"] for name in ("signature", "timestamp"))
    assert library.verify_signature(sent.body, signature, timestamp)
    assert [told.receipt.event for told in sendgrid.read(sent, WEBHOOK)] == [Event.DELIVERED]


@pytest.mark.parametrize(
    ("said", "event"),
    [
        ({"event": "processed"}, Event.ACCEPTED),
        ({"event": "deferred"}, Event.DELAYED),
        ({"event": "bounce", "type": "bounce"}, Event.BOUNCED),
        ({"event": "bounce", "type": "blocked"}, Event.SOFT_BOUNCED),
        ({"event": "dropped"}, Event.REJECTED),
        ({"event": "spamreport"}, Event.COMPLAINED),
        ({"event": "group_unsubscribe"}, Event.UNSUBSCRIBED),
        ({"event": "click", "useragent": "x", "timestamp": 1}, Event.CLICKED),
    ],
)
def test_sendgrids_events(said: dict[str, Any], event: Event) -> None:
    [told] = sendgrid.read(posted({**said, "sg_message_id": "m.1"}), WEBHOOK)
    assert (told.link, told.receipt.event, told.receipt.provider, told.receipt.message_id) == (
        LINK,
        event,
        "sendgrid",
        "m.1",
    )


def test_of_a_batch_what_is_none_of_ours_or_unknown_is_left_out() -> None:
    sent = posted({"event": "group_resubscribe"}, {"event": "delivered", "delivery_id": None}, {"event": "open"})
    [told] = sendgrid.read(sent, WEBHOOK)
    assert told.receipt.event is Event.OPENED


def test_sendgrids_own_word_on_machines_is_taken() -> None:
    [told] = sendgrid.read(posted({"event": "open", "sg_machine_open": True}), WEBHOOK)
    assert told.visit is not None
    assert told.visit.provider_says_machine


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: replace(sent, body=sent.body.replace("d-1", "d-2")),
        lambda sent: replace(sent, headers={**sent.headers, "x-twilio-email-event-webhook-timestamp": "1896091199"}),
        lambda sent: replace(sent, headers={**sent.headers, "x-twilio-email-event-webhook-timestamp": "٣"}),
        lambda sent: replace(sent, headers={**sent.headers, "x-twilio-email-event-webhook-signature": "no base64"}),
        lambda sent: replace(sent, headers={**sent.headers, "x-twilio-email-event-webhook-signature": "bm8="}),
        lambda sent: replace(sent, headers={}),
    ],
)
def test_what_sendgrid_has_not_signed_so_is_refused(change: Any) -> None:
    with pytest.raises(ForgedError):
        list(sendgrid.read(change(posted({"event": "bounce"})), WEBHOOK))


def test_what_sendgrid_signed_too_long_ago_is_refused() -> None:
    assert list(sendgrid.read(posted({"event": "bounce"}, age=MAX_AGE), WEBHOOK))
    for age in (MAX_AGE + SECOND, -MAX_AGE - SECOND):
        with pytest.raises(ForgedError):
            list(sendgrid.read(posted({"event": "bounce"}, age=age), WEBHOOK))


def test_another_key_than_sendgrids_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    public = base64.b64encode(other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    for key in (public, "no key", base64.b64encode(b"no key").decode()):
        with pytest.raises(ForgedError):
            list(sendgrid.read(posted({"event": "bounce"}), SendGridWebhook(webhook_public_key=key)))


@pytest.mark.parametrize(
    ("form", "event"),
    [
        ({"MessageStatus": "sent"}, Event.ACCEPTED),
        ({"MessageStatus": "delivered"}, Event.DELIVERED),
        ({"MessageStatus": "undelivered", "ErrorCode": "30003"}, Event.FAILED),
        ({"MessageStatus": "undelivered", "ErrorCode": "30005"}, Event.BOUNCED),
        ({"MessageStatus": "failed", "ErrorCode": "30008"}, Event.FAILED),
    ],
)
def test_twilios_statuses(form: dict[str, str], event: Event) -> None:
    [told] = twilio.read(called(**form, MessageSid="SM1", To="+442079460123"), TOKEN)
    assert (told.link, told.receipt.event, told.receipt.message_id) == (LINK, event, "SM1")


def test_what_twilio_says_that_nobody_asks_for_is_verified_and_left_out() -> None:
    assert list(twilio.read(called(MessageStatus="queued"), TOKEN)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: replace(sent, body=sent.body.replace("delivered", "failed")),
        lambda sent: replace(sent, query={**sent.query, "delivery_id": "d-2"}),
        lambda sent: replace(sent, query={**sent.query, "base": "https://elsewhere.example"}),
        lambda sent: replace(sent, query={}),
        lambda sent: replace(sent, headers={"x-twilio-signature": ""}),
        lambda sent: replace(sent, headers={}),
    ],
)
def test_what_twilio_has_not_signed_so_is_refused(change: Any) -> None:
    with pytest.raises(ForgedError):
        list(twilio.read(change(called(MessageStatus="delivered")), TOKEN))


def ses_event(kind: str, **said: Any) -> dict[str, Any]:
    tags = {name: [value] for name, value in IDS.items()}
    return {"eventType": kind, "mail": {"messageId": "m-1", "tags": tags}, **said}


@pytest.mark.parametrize(
    ("detail", "event"),
    [
        (ses_event("Delivery"), Event.DELIVERED),
        (ses_event("DeliveryDelay"), Event.DELAYED),
        (ses_event("Bounce", bounce={"bounceType": "Permanent"}), Event.BOUNCED),
        (ses_event("Bounce", bounce={"bounceType": "Transient"}), Event.SOFT_BOUNCED),
        (ses_event("Bounce", bounce={"bounceType": "Undetermined"}), Event.SOFT_BOUNCED),
        (ses_event("Complaint"), Event.COMPLAINED),
        (ses_event("Reject"), Event.REJECTED),
    ],
)
def test_sess_events(detail: dict[str, Any], event: Event) -> None:
    told = ses.read(detail)
    assert told is not None
    assert (told.link, told.receipt.event, told.receipt.message_id) == (LINK, event, "m-1")


def test_what_ses_tells_of_others_mail_is_left_out() -> None:
    assert ses.read({"eventType": "Delivery", "mail": {"messageId": "m-1", "tags": {}}}) is None
    assert ses.read(ses_event("Send")) is None
