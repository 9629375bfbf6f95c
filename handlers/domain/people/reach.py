"""Where a user can be reached, by channel.

What is stored was validated when it was written (`domain.people.contacts`). It is not validated again to be sent to:
should the rules become stricter, the contacts of yesterday must still be reached.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from handlers.domain.channels import ADDRESSED, REGISTRY, Channel, ContactField, sends_to_devices
from handlers.domain.people.devices import device_key

CONTACT_FIELDS: Final[Mapping[Channel, ContactField]] = MappingProxyType(
    {channel: each.contact_field for channel, each in REGISTRY.items()}
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
        return cls(
            endpoints={channel: _ENDPOINTS[field](contact.get(field)) for channel, field in CONTACT_FIELDS.items()},
            locale=contact.get("locale"),
        )


def _identity(channel: str, endpoint: Endpoint) -> Hashable:
    return device_key(endpoint.platform or "", endpoint.address) if sends_to_devices(channel) else endpoint


def _single(address: str | None) -> tuple[Endpoint, ...]:
    return (Endpoint(address),) if address else ()


def _devices(stored: Iterable[Mapping[str, str]] | None) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(each["deviceToken"], each["platform"]) for each in stored or ())


def _externals(stored: Iterable[Mapping[str, Any]] | None) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(each["url"], each["platform"]) for each in stored or () if each["status"] is True)


_ENDPOINTS: Final[Mapping[ContactField, Callable[[Any], tuple[Endpoint, ...]]]] = MappingProxyType(
    {"email": _single, "phone": _single, "device_tokens": _devices, "external_channels": _externals}
)
