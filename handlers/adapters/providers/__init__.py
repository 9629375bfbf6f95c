"""The providers: a new one is a file beside this one and a line in this registry, in the order in which they are asked.

Those of a channel are imported when they are asked for: a worker's zip has what its own providers depend on, and
nothing of what the other channels' need.
"""

from collections.abc import Callable, Mapping

from handlers.domain.channels import Channel
from handlers.ports import Provider

Registry = Mapping[str, Callable[[], Provider]]
"""How to create each provider of a channel, by its name. Each reads its own settings from the environment."""


def registry(channel: Channel) -> Registry:
    """Return the providers of a channel, in the order in which they are asked until an operator gives another."""
    match channel:
        case "email":
            return _email()
        case "sms":
            return _sms()
        case "push":
            return _push()
        case "chat":
            return _chat()


def create(channel: Channel) -> tuple[Provider, ...]:
    """Create the providers of a channel, in that order."""
    return tuple(make() for make in registry(channel).values())


def _email() -> Registry:
    from handlers.adapters.providers import sendgrid, ses

    return {
        "ses": ses.create,
        "sendgrid": sendgrid.create,
    }


def _sms() -> Registry:
    from handlers.adapters.providers import sns, twilio

    return {
        "sns": sns.create,
        "twilio": twilio.create,
    }


def _push() -> Registry:
    from handlers.adapters.providers import apns, fcm, sns_push

    return {
        "apns": apns.create,
        "fcm": fcm.create,
        "sns-push": sns_push.create,
    }


def _chat() -> Registry:
    from handlers.adapters.providers import discord, slack, teams, webhook

    return {
        "slack": slack.create,
        "teams": teams.create,
        "discord": discord.create,
        "webhook": webhook.create,
    }
