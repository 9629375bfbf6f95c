"""What the providers know their customer by: made anew at each start, in the shape of the platform's secrets.

Nothing here opens anything outside this machine. The very same values are put into Secrets Manager by
`local.platform`, as an operator puts real ones there.
"""

import base64
import secrets
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import BaseModel, ConfigDict, Field

_PROJECT = "carillon-sandbox"


class _Secret(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class SendGridKey(_Secret):
    """An API key with the scope `mail.send`, and what its event webhook is verified with."""

    api_key: str
    webhook_public_key: str


class SigningKey(_Secret):
    """What a provider signs with, and no customer has."""

    private_key: str


class TwilioAccount(_Secret):
    """An account, its token, and the number it bought."""

    account_sid: str
    auth_token: str
    sender: str = Field(alias="from")


class GoogleServiceAccount(_Secret):
    """The key file that Google's console gives out for a service account of a Firebase project."""

    type: str = "service_account"
    project_id: str
    private_key_id: str
    private_key: str
    client_email: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105  an address, not a token


class ApnsKey(_Secret):
    """A signing key of a developer team, and the app that is notified."""

    team_id: str
    key_id: str
    private_key: str
    topic: str


class WebhookSecret(_Secret):
    """What generic webhooks are signed with, as Standard Webhooks writes it."""

    secret: str


class Credentials(_Secret):
    """The secret of every provider that wants one, by the provider's name."""

    sendgrid: SendGridKey
    twilio: TwilioAccount
    fcm: GoogleServiceAccount
    apns: ApnsKey
    webhook: WebhookSecret
    sendgrid_events: SigningKey
    """SendGrid's own, which no customer has."""

    @classmethod
    def generate(cls) -> Self:
        """Return fresh ones, each in its provider's own form."""
        events = ec.generate_private_key(ec.SECP256R1())
        public = events.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(
            sendgrid=SendGridKey(
                api_key=f"SG.{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}",
                webhook_public_key=base64.b64encode(public).decode(),
            ),
            sendgrid_events=SigningKey(private_key=_pem(events)),
            twilio=TwilioAccount(
                account_sid=f"AC{secrets.token_hex(16)}", auth_token=secrets.token_hex(16), sender="+15017122661"
            ),
            fcm=GoogleServiceAccount(
                project_id=_PROJECT,
                private_key_id=secrets.token_hex(20),
                private_key=_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
                client_email=f"sender@{_PROJECT}.iam.gserviceaccount.com",
            ),
            apns=ApnsKey(
                team_id=_apple_id(),
                key_id=_apple_id(),
                private_key=_pem(ec.generate_private_key(ec.SECP256R1())),
                topic="com.example.carillon",
            ),
            webhook=WebhookSecret(secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()),
        )

    def secret_strings(self) -> dict[str, str]:
        """Return each provider's secret as Secrets Manager holds it: one JSON document; no provider's own key."""
        names = type(self).model_fields.keys() - {"sendgrid_events"}
        return {name: getattr(self, name).model_dump_json(by_alias=True) for name in names}


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _apple_id() -> str:
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(10))
