"""One right call of each third party, as its documentation shows it."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
from standardwebhooks import Webhook

from local.sandbox.credentials import ApnsKey
from tests.local.support import Sandbox

DEVICE = "ab" * 32
REGISTRATION = "fcm-token:" + "x" * 140
SLACK = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
TEAMS = (
    "https://prod-12.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=secret"
)
DISCORD = "https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz-0123456789"
WEBHOOK = "https://example.org/hooks/carillon"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
TOKEN_URI = "https://oauth2.googleapis.com/token"
CARD = {
    "type": "message",
    "attachments": [
        {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": {
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [{"type": "TextBlock", "text": "Hello", "wrap": True}],
            },
        }
    ],
}
MAIL = {
    "personalizations": [{"to": [{"email": "ada@example.com"}]}],
    "from": {"email": "no-reply@example.com", "name": "Carillon"},
    "subject": "A subject",
    "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
}


def provider_token(sandbox: Sandbox, *, key: str | None = None, **claims: Any) -> str:
    """What APNs is shown."""
    return signed_by(sandbox.credentials.apns, key=key, **claims)


def signed_by(apns: ApnsKey, *, key: str | None = None, **claims: Any) -> str:
    """A provider token of this team's."""
    told = {"iss": apns.team_id, "iat": int(time.time()), **claims}
    return jwt.encode(told, key or apns.private_key, algorithm="ES256", headers={"kid": apns.key_id})


def apns(sandbox: Sandbox, *, device: str = DEVICE, content: bytes | None = None, **more: Any) -> httpx.Response:
    headers = {
        "authorization": f"bearer {provider_token(sandbox)}",
        "apns-topic": sandbox.credentials.apns.topic,
        "apns-push-type": "alert",
        **more.pop("headers", {}),
    }
    payload = content if content is not None else b'{"aps": {"alert": {"title": "A title", "body": "Hello"}}}'
    url = f"https://api.push.apple.com/3/device/{device}"
    return sandbox.post(url, http2=more.pop("http2", True), content=payload, headers=headers, **more)


def assertion(sandbox: Sandbox, *, key: str | None = None, **claims: Any) -> str:
    """What Google's token endpoint is shown."""
    account, now = sandbox.credentials.fcm, int(time.time())
    told = {"iss": account.client_email, "aud": TOKEN_URI, "scope": SCOPE, "iat": now, "exp": now + 3600, **claims}
    return jwt.encode(told, key or account.private_key, algorithm="RS256", headers={"kid": account.private_key_id})


def google_oauth(sandbox: Sandbox, *, signed: str | None = None, **more: Any) -> httpx.Response:
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    form = {"grant_type": grant, "assertion": signed or assertion(sandbox)}
    return sandbox.post(TOKEN_URI, data=form, **more)


def fcm(sandbox: Sandbox, *, token: str | None = None, message: Any = None, **more: Any) -> httpx.Response:
    token = token or google_oauth(sandbox).json()["access_token"]
    url = f"https://fcm.googleapis.com/v1/projects/{sandbox.credentials.fcm.project_id}/messages:send"
    sent = message or {"token": REGISTRATION, "notification": {"title": "A title", "body": "Hello"}}
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return sandbox.post(url, json={"message": sent}, headers=headers, **more)


def twilio(sandbox: Sandbox, *, password: str | None = None, form: Any = None, **more: Any) -> httpx.Response:
    account = sandbox.credentials.twilio
    url = f"https://api.twilio.com/2010-04-01/Accounts/{account.account_sid}/Messages.json"
    sent = {"To": "+14155552671", "From": account.sender, "Body": "Hello", **(form or {})}
    return sandbox.post(url, data=sent, auth=(account.account_sid, password or account.auth_token), **more)


def sendgrid(sandbox: Sandbox, *, key: str | None = None, mail: Any = None, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key or sandbox.credentials.sendgrid.api_key}", **more.pop("headers", {})}
    return sandbox.post("https://api.sendgrid.com/v3/mail/send", json=mail or MAIL, headers=headers, **more)


def slack(sandbox: Sandbox, *, url: str = SLACK, message: Any = None, **more: Any) -> httpx.Response:
    return sandbox.post(url, json=message if message is not None else {"text": "Hello"}, **more)


def teams(sandbox: Sandbox, *, url: str = TEAMS, message: Any = None, **more: Any) -> httpx.Response:
    return sandbox.post(url, json=message or CARD, **more)


def discord(sandbox: Sandbox, *, url: str = DISCORD, message: Any = None, **more: Any) -> httpx.Response:
    return sandbox.post(url, json=message if message is not None else {"content": "Hello"}, **more)


def webhook(sandbox: Sandbox, *, secret: str | None = None, at: datetime | None = None, **more: Any) -> httpx.Response:
    at, body = at or datetime.now(UTC), json.dumps({"type": "message", "data": {"body": "Hello"}})
    signature = Webhook(secret or sandbox.credentials.webhook.secret).sign("message-1", at, body)
    signed = {
        "webhook-id": "message-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    return sandbox.post(WEBHOOK, content=body, headers={**signed, **more.pop("headers", {})}, **more)


CALLS: dict[str, Callable[..., httpx.Response]] = {
    "apns": apns,
    "discord": discord,
    "fcm": fcm,
    "google-oauth": google_oauth,
    "sendgrid": sendgrid,
    "slack": slack,
    "teams": teams,
    "twilio": twilio,
    "webhook": webhook,
}
