"""Where a user can be reached, by channel.

What is stored was validated when it was written (`domain.people.contacts`). It is not validated again to be sent to:
should the rules become stricter, the contacts of yesterday must still be reached.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from handlers.domain.channels import Channel
from handlers.domain.people.devices import device_key
from handlers.domain.people.same_address import ADDRESSED

CONTACT_FIELDS: Final[Mapping[Channel, str]] = MappingProxyType(
    {"email": "email", "sms": "phone", "push": "device_tokens", "chat": "external_channels"}
)
"""The field of a contact that each channel sends to."""


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

    endpoints: Mapping[str, tuple[Endpoint, ...]]
    locale: str | None = None

    def on(self, channel: str) -> tuple[Endpoint, ...]:
        """Return the endpoints on a channel: all devices for push, all external channels that are on for chat."""
        return self.endpoints.get(channel, ())

    @property
    def addresses(self) -> Mapping[str, str]:
        """The mailbox and the number, by their channels; without those that there are not."""
        return {channel: self.on(channel)[0].address for channel in ADDRESSED if self.on(channel)}

    def has(self, channel: str, endpoint: Endpoint) -> bool:
        """Say whether it is one of the endpoints; a device is the same however its token is written."""
        return _identity(channel, endpoint) in {_identity(channel, each) for each in self.on(channel)}

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


def _identity(channel: str, endpoint: Endpoint) -> Hashable:
    return device_key(endpoint.platform or "", endpoint.address) if channel == "push" else endpoint


def _single(address: str | None) -> tuple[Endpoint, ...]:
    return (Endpoint(address),) if address else ()
