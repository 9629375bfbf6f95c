"""The registry of providers. A new one is its line here and its adapter in `handlers/adapters/providers`.

From a line follow the order in which a worker asks, the content of its zip, the secrets of an environment, the external
channels that a contact may have, and what an operator can switch.

The Pulumi program reads it as well. So it is data alone, and imports nothing that has to be installed.
"""

from dataclasses import dataclass
from typing import Final

from handlers.domain.channels import Channel


@dataclass(frozen=True, slots=True)
class Registered:
    """A provider of a channel.

    With `credentials` it is off until the secret of its name has a value. One without needs none: it goes by the
    worker's role, or the url of each message is its own credential.

    A chat provider sends to the external channels whose platform has its name. Their urls must be at one of `hosts`; a
    leading dot stands for any subdomain. Without hosts, any public host will do. An error names the hosts' `owner`.
    """

    channel: Channel
    name: str
    credentials: bool = False
    hosts: tuple[str, ...] = ()
    owner: str = "the public internet"

    @property
    def module(self) -> str:
        """Its file in `handlers/adapters/providers`: its name, with the underscores that Python wants."""
        return self.name.replace("-", "_")


# https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and GovSlack's
_SLACK: Final = ("hooks.slack.com", "hooks.slack-gov.com")
# Workflows (two generations), connectors, and the same in Microsoft's clouds for the US government and China:
# https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
_TEAMS: Final = (
    ".logic.azure.com",
    ".logic.azure.us",
    ".logic.azure.cn",
    ".api.powerplatform.com",
    ".powerplatform.microsoft.us",
    ".webhook.office.com",
    "outlook.office.com",
)
# https://discord.com/developers/docs/resources/webhook; the test clients and the former domain
_DISCORD: Final = ("discord.com", "ptb.discord.com", "canary.discord.com", "discordapp.com")

PROVIDERS: Final = (
    Registered("email", "ses"),
    Registered("email", "sendgrid", credentials=True),
    Registered("sms", "sns"),
    Registered("sms", "twilio", credentials=True),
    Registered("push", "apns", credentials=True),
    Registered("push", "fcm", credentials=True),
    Registered("push", "sns-push", credentials=True),
    Registered("chat", "slack", hosts=_SLACK, owner="Slack"),
    Registered("chat", "teams", hosts=_TEAMS, owner="Microsoft Teams"),
    Registered("chat", "discord", hosts=_DISCORD, owner="Discord"),
    Registered("chat", "webhook", credentials=True),
)
"""Those of a channel in the order in which they are asked, until an operator gives another."""


def of_channel(channel: str) -> tuple[Registered, ...]:
    """Return the providers of a channel, in that order; none for what is no channel."""
    return tuple(each for each in PROVIDERS if each.channel == channel)
