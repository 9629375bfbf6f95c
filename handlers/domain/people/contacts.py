"""How a user can be reached: the contact as producers write it and as it is stored, field for field."""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    GetPydanticSchema,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import literal_schema

from handlers.domain.model import Model, is_absent
from handlers.domain.people.addresses import MAX_URL_LENGTH, EmailAddress, PhoneNumber, safe_url
from handlers.domain.people.devices import MAX_DEVICES, Device
from handlers.domain.people.locales import Locale
from handlers.domain.people.time_zones import Timezone
from handlers.domain.people.user_ids import UserId as UserId
from handlers.domain.providers.registry import of_channel
from handlers.domain.urls import may_be_public

MAX_EXTERNAL_CHANNELS: Final = 50
MAX_TAGS: Final = 50


# -- external channels -------------------------------------------------------------------------------------------------

_SENDERS: Final = MappingProxyType({each.name: each for each in of_channel("chat")})

# As a Literal, but with members that come from the registry.
ExternalPlatform = Annotated[str, GetPydanticSchema(lambda _type, _handler: literal_schema(list(_SENDERS)))]
"""The name of the chat provider that owns the url."""


def _is_at(host: str, hosts: Collection[str]) -> bool:
    if not hosts:
        return may_be_public(host)
    return any(host.endswith(name) if name.startswith(".") else host == name for name in hosts)


class StoredChannel(Model):
    """One channel of a third-party app, as `{"platform", "url", "status"}`; it is sent to while `status` is true."""

    # Its url was checked by the rules of when it was written. It is checked again when it is called.
    platform: ExternalPlatform
    url: Annotated[str, StringConstraints(max_length=MAX_URL_LENGTH)]
    status: StrictBool


class ExternalChannel(StoredChannel):
    """One channel of a third-party app, as producers write it."""

    # The url is kept as it was read (`handlers.domain.urls`), so that what is called is what was checked.
    @field_validator("url")
    @classmethod
    def _is_safe_to_call(cls, value: str, info: ValidationInfo) -> str:
        url = safe_url(value)
        sender = _SENDERS.get(info.data.get("platform", ""))  # none when the platform was refused itself
        if sender is not None and not _is_at(url.host or "", sender.hosts):
            raise PydanticCustomError("url", "must be at a host of {owner}", {"owner": sender.owner})
        return str(url)


# -- the contact -------------------------------------------------------------------------------------------------------

T = TypeVar("T")


def _distinct(identity: Callable[[T], Hashable]) -> AfterValidator:
    """Refuse a list that names the same thing twice: its user would be sent the same message twice."""

    def check(items: tuple[T, ...]) -> tuple[T, ...]:
        if len({identity(item) for item in items}) < len(items):
            raise PydanticCustomError("duplicate", "must not hold the same thing twice")
        return items

    return AfterValidator(check)


def _device_identity(device: Device) -> Hashable:
    return device.key


def _channel_identity(channel: StoredChannel) -> Hashable:
    return channel.url


def _tag_identity(tag: str) -> Hashable:
    return tag


Devices = Annotated[tuple[Device, ...], Field(max_length=MAX_DEVICES), _distinct(_device_identity)]
ExternalChannels = Annotated[
    tuple[ExternalChannel, ...], Field(max_length=MAX_EXTERNAL_CHANNELS), _distinct(_channel_identity)
]
StoredChannels = Annotated[
    tuple[StoredChannel, ...], Field(max_length=MAX_EXTERNAL_CHANNELS), _distinct(_channel_identity)
]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS), _distinct(_tag_identity)]


class StoredContact(Model):
    """All that is known of a user; every field may be absent, and is then not written either."""

    email: EmailAddress | None = Field(default=None, exclude_if=is_absent)
    phone: PhoneNumber | None = Field(default=None, exclude_if=is_absent)
    locale: Locale | None = Field(default=None, exclude_if=is_absent)
    timezone: Timezone | None = Field(default=None, exclude_if=is_absent)
    device_tokens: Devices | None = Field(default=None, exclude_if=is_absent)
    external_channels: StoredChannels | None = Field(default=None, exclude_if=is_absent)
    tags: Tags | None = Field(default=None, exclude_if=is_absent)

    def document(self) -> dict[str, Any]:
        """Return the contact as JSON has it."""
        return self.model_dump(mode="json", by_alias=True)


class Contact(StoredContact):
    """A contact as producers write it, by the rules of today."""

    external_channels: ExternalChannels | None = Field(default=None, exclude_if=is_absent)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a patch makes of a contact: fields that get a value, fields that go."""

    assigned: Mapping[str, Any]
    removed: frozenset[str]


def changes(patch: Contact) -> Changes:
    """Return what a JSON Merge Patch (RFC 7396) in the form of a contact changes: null removes, absence leaves alone.

    No field of a contact is an object, and a merge patch replaces everything else whole, so it never needs to be merged
    with what is stored: applying it can be one write.
    """
    return Changes(
        assigned=patch.document(),
        removed=frozenset(field for field in patch.model_fields_set if getattr(patch, field) is None),
    )
