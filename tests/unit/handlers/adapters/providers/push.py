"""A push message, and the keys that the tests of push providers sign with."""

from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from handlers.domain.content.messages import Message
from handlers.domain.content.rendering import RenderedContent
from handlers.domain.notifications.deliveries import Priority
from handlers.domain.people.reach import Endpoint

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
APNS_TOKEN = "0123456789abcdef" * 4
FCM_TOKEN = "dQw4w9WgXcQ:APA91b" + "x-Y_" * 35
DELIVERY_ID = "6f8d5c1e-2f0b-5a7e-9b51-3c6d9b0f4a11"


def push(
    platform: str = "apns",
    *,
    subject: str | None = "Grüße",
    body: str = "Ada 🎉",
    priority: Priority = Priority.NORMAL,
    expires_at: datetime | None = None,
) -> Message:
    return Message(
        endpoint=Endpoint({"apns": APNS_TOKEN, "fcm": FCM_TOKEN}[platform], platform),
        content=RenderedContent(subject=subject, body=body),
        notification_id="n-1",
        delivery_id=DELIVERY_ID,
        category="payment",
        priority=priority,
        expires_at=expires_at,
    )


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
