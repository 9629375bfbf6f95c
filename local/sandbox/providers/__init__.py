"""The providers of the sandbox: one file each, one line each here."""

from local.sandbox.providers.apns import Apns
from local.sandbox.providers.aws import AwsProvider
from local.sandbox.providers.discord import Discord
from local.sandbox.providers.fcm import Fcm
from local.sandbox.providers.google_oauth import GoogleOauth
from local.sandbox.providers.http import HttpProvider
from local.sandbox.providers.sendgrid import SendGrid
from local.sandbox.providers.ses import Ses
from local.sandbox.providers.slack import Slack
from local.sandbox.providers.sns import Sns
from local.sandbox.providers.sns_push import SnsPush
from local.sandbox.providers.teams import Teams
from local.sandbox.providers.twilio import Twilio
from local.sandbox.providers.webhook import Webhook

AWS_PROVIDERS: tuple[type[AwsProvider], ...] = (
    Ses,
    Sns,
    SnsPush,
)
"""AWS services whose calls pass through."""

HTTP_PROVIDERS: tuple[type[HttpProvider], ...] = (
    Apns,
    Discord,
    Fcm,
    GoogleOauth,
    SendGrid,
    Slack,
    Teams,
    Twilio,
    Webhook,  # the last: it answers for every host that is nobody else's
)
"""Third parties that the sandbox itself plays."""

NAMES = frozenset(each.name for each in AWS_PROVIDERS) | frozenset(each.name for each in HTTP_PROVIDERS)
"""Every provider that can be told to fail."""
