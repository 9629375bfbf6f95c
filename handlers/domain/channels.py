"""The registry of channels, which are the notification types: one rule, queue and worker each.

A new channel is its line here and its provider (`handlers/domain/providers/registry.py`). Whatever knows channels by
name derives it from here. The Pulumi program reads it as well, so it is data alone and imports nothing that has to be
installed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

Channel = Literal["push", "sms", "email", "chat"]
"""A channel's name. mypy wants them written out; a test holds that each is registered below."""

CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)

ContactField = Literal["email", "phone", "device_tokens", "external_channels"]
"""The fields of a contact that can be sent to."""


@dataclass(frozen=True, slots=True)
class RegisteredChannel:
    """A channel.

    `title` is what recipients call it. It sends to the `contact_field` of a user's contact. `fields` are those of a
    content that it sends, each with what it is, for docs/templates.md; there is always a `body`.
    """

    title: str
    contact_field: ContactField
    fields: Mapping[str, str]
    is_html: bool = False
    """Whether the body is HTML. Then it needs a subject, and has a plain part for those who read no HTML."""
    max_characters: int | None = None
    """How long the body may be, in units of UTF-16, whichever provider sends it."""
    in_segments: bool = False
    """Whether the body goes in parts, each of which is paid for."""


_TEXT_ALONE: Final = MappingProxyType({"body": "the text"})

REGISTRY: Final[Mapping[Channel, RegisteredChannel]] = MappingProxyType(
    {
        "push": RegisteredChannel("push", "device_tokens", {"subject": "the title", "body": "the text"}),
        # Both providers say "characters" and count what takes two places in UTF-16 as two:
        # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, https://www.twilio.com/docs/api/errors/21617
        "sms": RegisteredChannel("SMS", "phone", _TEXT_ALONE, max_characters=1600, in_segments=True),
        "email": RegisteredChannel(
            "email",
            "email",
            {
                "subject": "needed",
                "body": "HTML: values are escaped",
                "text": "the plain part, for who reads no HTML; made from the HTML when there is none",
            },
            is_html=True,
        ),
        "chat": RegisteredChannel("chat", "external_channels", _TEXT_ALONE),
    }
)

ADDRESSED: Final[tuple[Channel, ...]] = tuple(
    name for name, each in REGISTRY.items() if each.contact_field in ("email", "phone")
)
"""The channels that send to an address: a mailbox or a number, which people may share, leave and take over."""


def sharing_address(channel: str) -> tuple[str, ...]:
    """Return the channels that send to the same address of a user as this one does, itself among them."""
    fields = {str(name): REGISTRY[name].contact_field for name in ADDRESSED}
    return tuple(name for name, field in fields.items() if field == fields.get(channel))


def is_told_dead(channel: str) -> bool:
    """Say whether a provider may call the channel's endpoints dead when it is to send there: of mail that bounces, a
    receipt tells later.
    """
    return any(name == channel and each.contact_field != "email" for name, each in REGISTRY.items())


def may_be_suppressed(channel: str) -> bool:
    """Say whether the channel's endpoints may be suppressed: all but devices, which are removed from their contacts."""
    return not sends_to_devices(channel)


def sends_to_devices(channel: str) -> bool:
    """Say whether the channel's endpoints are devices, whose tokens may die."""
    return any(name == channel and each.contact_field == "device_tokens" for name, each in REGISTRY.items())
