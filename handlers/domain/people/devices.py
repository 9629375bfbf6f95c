"""Devices: the installed apps that a push reaches, each of them in one contact at most.

It is that of the user who registered it last: a phone whose owner has signed out, and somebody else in, must not show
the first one's messages. `handlers.adapters.aws.devices` keeps it so.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from handlers.domain.model import Form, Model

MAX_DEVICES: Final = 33
"""In one contact. It is written in one transaction with all that this means to its devices, and DynamoDB takes 100
items in one: the contact; for each device that goes, whose it was; for each that comes, whose it is, and the contact
that it comes from. So all of them can be replaced at once, by devices of as many others.
"""

Platform = Literal["apns", "fcm"]
PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)

_DEVICE_TOKENS: Final[Mapping[Platform, tuple[re.Pattern[str], str]]] = MappingProxyType(
    {
        # Today 32 bytes in hexadecimal; Apple calls their length variable, and other kinds of push have longer ones:
        # https://developer.apple.com/documentation/uikit/uiapplicationdelegate/application(_:didregisterforremotenotificationswithdevicetoken:)
        "apns": (re.compile(r"([0-9A-Fa-f]{2}){32,100}"), "must be an APNs device token: 64 to 200 hexadecimal digits"),
        # Google says nothing of their form. Those seen have 119 to 200 characters; what is shorter was cut off, or is
        # another platform's. The characters are those of any bearer token (RFC 9110 11.2) and the colon in today's.
        "fcm": (
            re.compile(r"[A-Za-z0-9:._~+/=-]{100,4096}"),
            "must be an FCM registration token: 100 characters or more",
        ),
    }
)


DeviceToken = Annotated[str, Form(r"[!-~]{1,4096}", "must be a device's token, percent-encoded (a + as %2B)")]
"""The token of a device of whichever platform, in a path or query."""


class Device(Model):
    """One installed app of the user, as `{"deviceToken", "platform"}`."""

    platform: Platform
    device_token: Annotated[str, Field(alias="deviceToken")]

    @field_validator("device_token")
    @classmethod
    def _has_the_form_of_its_platform(cls, token: str, info: ValidationInfo) -> str:
        platform = info.data.get("platform")  # not there when it was refused itself
        if platform is not None:
            form, message = _DEVICE_TOKENS[platform]
            if not form.fullmatch(token):
                raise PydanticCustomError("device_token", message)
        return token

    @property
    def key(self) -> str:
        """What tells it from other devices."""
        return device_key(self.platform, self.device_token)


def device_key(platform: str, token: str) -> str:
    """Return what tells a device from others. An APNs token, being hexadecimal, may be written in either case.

    A digest, since an FCM token may be longer than the 2,048 bytes of a key in DynamoDB.
    """
    spelling = token.lower() if platform == "apns" else token
    return sha256(f"{platform}#{spelling}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Moves:
    """What a change of a contact's devices means to those who have them; devices by key."""

    coming: Mapping[str, str | None]
    """Devices that become the user's, and who has each of them now: somebody else, nobody, or already the user."""
    going: frozenset[str]
    """Devices that the user no longer has."""

    @property
    def former_owners(self) -> frozenset[str]:
        """Those who have one of the coming devices now; may name the user."""
        return frozenset(owner for owner in self.coming.values() if owner is not None)


def moves(user_id: str, before: AbstractSet[str], after: AbstractSet[str], owners: Mapping[str, str | None]) -> Moves:
    """Return what it means that a contact has these devices after and had those before; `owners` are those known of.

    A device that stays moves only if it is known to be somebody else's. What is already the user's without being in
    the contact comes all the same, so that nobody can take it between now and the write without being noticed.
    """
    coming = (key for key in after if key not in before or owners.get(key, user_id) != user_id)
    return Moves({key: owners.get(key) for key in coming}, frozenset(before - after))
