"""What providers tell later of the messages they took, each in its own way and signed with what it alone has.

On demand (`POST /api/receipts`), and by the address, as SES's mailbox simulator does it: mail to `bounce@…` comes back,
`complaint@…` calls it spam, `success@…` says that it was delivered; a label may follow (`bounce+42@…`).
https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator
"""

import asyncio
import base64
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import boto3
import httpx
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from local.engine.emulator import Emulator
from local.sandbox.credentials import Credentials
from local.sandbox.messages import Message, rfc3339

_BY_MAILBOX: Final = {"bounce": "bounced", "complaint": "complained", "success": "delivered"}
_SENDGRID: Final[Mapping[str, Mapping[str, Any]]] = {
    "delivered": {"event": "delivered", "response": "250 OK"},
    "delayed": {"event": "deferred", "response": "400 try again later", "attempt": "5"},
    "bounced": {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user"},
    "soft_bounced": {"event": "bounce", "type": "blocked", "status": "4.7.1", "reason": "451 4.7.1 greylisted"},
    "rejected": {"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"},
    "failed": {"event": "dropped", "reason": "Invalid", "status": "5.0.0"},
    "complained": {"event": "spamreport"},
    "opened": {"event": "open", "useragent": "Thunderbird", "sg_machine_open": False},
    "clicked": {"event": "click", "useragent": "Thunderbird", "url": "https://example.com/"},
    "unsubscribed": {"event": "unsubscribe"},
}
_TWILIO: Final[Mapping[str, Mapping[str, str]]] = {
    "delivered": {"MessageStatus": "delivered"},
    "bounced": {"MessageStatus": "undelivered", "ErrorCode": "30005"},
    "soft_bounced": {"MessageStatus": "undelivered", "ErrorCode": "30003"},
    "failed": {"MessageStatus": "failed", "ErrorCode": "30008"},
    "rejected": {"MessageStatus": "undelivered", "ErrorCode": "30007"},
}
_SES: Final[Mapping[str, tuple[str, str, Mapping[str, Any]]]] = {
    "delivered": ("Email Delivered", "Delivery", {"delivery": {"smtpResponse": "250 2.6.0 Message received"}}),
    "delayed": ("Email Delivery Delayed", "DeliveryDelay", {"deliveryDelay": {"delayType": "MailboxFull"}}),
    "bounced": ("Email Bounced", "Bounce", {"bounce": {"bounceType": "Permanent", "bounceSubType": "General"}}),
    "soft_bounced": ("Email Bounced", "Bounce", {"bounce": {"bounceType": "Transient", "bounceSubType": "General"}}),
    "complained": ("Email Complaint Received", "Complaint", {"complaint": {"complaintFeedbackType": "abuse"}}),
    "rejected": ("Email Rejected", "Reject", {"reject": {"reason": "Bad content"}}),
}


class NoSuchReceiptError(Exception):
    """A provider that tells no such thing, or tells it nowhere as nobody has said where."""


class Receipts:
    """Tells what became of messages. `webhooks` are the urls that the customer has given a provider."""

    def __init__(self, emulator: Emulator, credentials: Credentials) -> None:
        self._emulator, self._credentials = emulator, credentials
        self.webhooks: dict[str, str] = {}
        self._tasks: set[asyncio.Task[int]] = set()
        self._tells: Mapping[str, Callable[[Message, str], Awaitable[int]]] = {
            "sendgrid": self._sendgrid,
            "ses": self._ses,
            "twilio": self._twilio,
        }

    async def tell(self, message: Message, event: str) -> int:
        """Tell an event of a message, and return how that was answered (HTTP). Raises `NoSuchReceiptError`."""
        tells = self._tells.get(message.provider)
        if tells is None:
            raise NoSuchReceiptError(f"{message.provider} tells nothing of its messages")
        return await tells(message, event)

    def follow(self, message: Message) -> None:
        """Tell what the address of a new message asks for, if anything, as soon as can be."""
        event = _BY_MAILBOX.get(message.to.partition("@")[0].partition("+")[0].lower()) if "@" in message.to else None
        if event is not None and message.provider in self._tells and message.delivery_id:
            task = asyncio.get_running_loop().create_task(self.tell(message, event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _sendgrid(self, message: Message, event: str) -> int:
        url = self.webhooks.get("sendgrid")
        if url is None:
            raise NoSuchReceiptError("sendgrid was told no url to post events to")
        told = dict(message.details)
        posted = {
            "email": message.to,
            "timestamp": int(time.time()),
            "sg_event_id": secrets.token_urlsafe(16),
            "sg_message_id": f"{told.get('Message id', '')}.recvd-7d4c5c8b9-x2v5k-1-6612A9F5-1D.0",
            **{name: told[f"Argument {name}"] for name in ("notification_id", "delivery_id", "category")},
            **_of(_SENDGRID, event, message),
        }
        body, timestamp = f"{json.dumps([posted])}\r\n", str(int(time.time()))
        signature = self._events_key.sign((timestamp + body).encode(), ECDSA(SHA256()))
        headers = {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }
        return await _post(url, body, headers)

    async def _twilio(self, message: Message, event: str) -> int:
        told, account = dict(message.details), self._credentials.twilio
        url = told.get("StatusCallback")
        if url is None:
            raise NoSuchReceiptError("twilio was told no StatusCallback for this message")
        form = {
            "AccountSid": account.account_sid,
            "ApiVersion": "2010-04-01",
            "From": told.get("From", ""),
            "MessageSid": told["Message SID"],
            "SmsSid": told["Message SID"],
            "To": message.to,
            **_of(_TWILIO, event, message),
        }
        signed = url + "".join(f"{name}{value}" for name, value in sorted(form.items()))
        signature = base64.b64encode(hmac.digest(account.auth_token.encode(), signed.encode(), "sha1")).decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        return await _post(url, urlencode(form), headers)

    async def _ses(self, message: Message, event: str) -> int:
        told, now = dict(message.details), rfc3339(datetime.now(UTC))
        detail_type, kind, said = _of(_SES, event, message)
        names = ("notification_id", "delivery_id", "category")
        mail = {
            "timestamp": now,
            "source": told.get("From"),
            "messageId": told.get("Message id"),
            "destination": [message.to],
            "tags": {
                "ses:configuration-set": [told.get("Configuration set")],
                **{name: [told[f"Tag {name}"]] for name in names if f"Tag {name}" in told},
            },
        }
        event_of_rules = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": detail_type,
            "source": "aws.ses",
            "account": self._emulator.account_id,
            "time": now,
            "region": self._emulator.region,
            "resources": [],
            "detail": {"eventType": kind, "mail": mail, **said},
        }
        return await asyncio.to_thread(self._hand_on, json.dumps(event_of_rules))

    def _hand_on(self, event: str) -> int:
        """Hand an event on as EventBridge does, by the rules of the default bus: it takes none of `aws.ses` from us."""
        events, functions, answered = self._client("events"), self._client("lambda"), 404
        for rule in events.list_rules()["Rules"]:
            pattern = rule.get("EventPattern")
            if pattern is None or not events.test_event_pattern(EventPattern=pattern, Event=event)["Result"]:
                continue
            for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                taken = functions.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=event.encode())
                answered = int(taken["StatusCode"])
        return answered

    def _client(self, service: Any) -> Any:
        emulator = self._emulator
        return boto3.client(
            service,
            endpoint_url=emulator.endpoint_url,
            region_name=emulator.region,
            aws_access_key_id=emulator.access_key_id,
            aws_secret_access_key=emulator.secret_access_key,
        )

    @cached_property
    def _events_key(self) -> EllipticCurvePrivateKey:
        key = load_pem_private_key(self._credentials.sendgrid_events.private_key.encode(), None)
        assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101 - made in `credentials`
        return key


def _of(events: Mapping[str, Any], event: str, message: Message) -> Any:
    if event not in events:
        raise NoSuchReceiptError(f"{message.provider} tells no event {event}; it tells {', '.join(events)}")
    return events[event]


async def _post(url: str, body: str, headers: Mapping[str, str]) -> int:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.post(url, content=body, headers=headers)
    return answer.status_code
