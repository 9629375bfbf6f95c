"""Where a user can be reached, by channel.

What is stored was validated when it was written (`domain.people.contacts`). It is not validated again to be sent to:
should the rules become stricter, the contacts of yesterday must still be reached.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.domain.channels import Channel


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address on a channel: an e-mail address, an E.164 number, a device token or a url.

    `platform` says whose token or url it is (`apns`, `slack`); e-mail addresses and numbers have none.
    """

    address: str
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """All the endpoints of one user, and their language."""

    endpoints: Mapping[Channel, tuple[Endpoint, ...]]
    locale: str | None = None

    def on(self, channel: Channel) -> tuple[Endpoint, ...]:
        """Return the endpoints on a channel: all devices for push, all external channels that are on for chat."""
        return self.endpoints.get(channel, ())

    @classmethod
    def of_contact(cls, contact: Mapping[str, Any]) -> "Reach":
        """Return the reach of a stored contact, a document as the API has it."""
        devices, externals = contact.get("device_tokens") or (), contact.get("external_channels") or ()
        return cls(
            endpoints={
                "email": _single(contact.get("email")),
                "sms": _single(contact.get("phone")),
                "push": tuple(Endpoint(device["deviceToken"], device["platform"]) for device in devices),
                "chat": tuple(Endpoint(each["url"], each["platform"]) for each in externals if each["status"] is True),
            },
            locale=contact.get("locale"),
        )


def _single(address: str | None) -> tuple[Endpoint, ...]:
    return (Endpoint(address),) if address else ()
