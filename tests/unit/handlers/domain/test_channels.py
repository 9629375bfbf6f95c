"""The registry of channels: that each is registered, and what is derived for one that shares an address."""

from types import MappingProxyType

import pytest

from handlers.domain import channels
from handlers.domain.channels import ADDRESSED, CHANNELS, REGISTRY, RegisteredChannel, sends_to_devices, sharing_address
from handlers.domain.people.choices import Choices
from handlers.domain.people.settings import UserSettings


def test_every_channel_that_has_a_name_is_registered_in_this_order() -> None:
    assert tuple(REGISTRY) == CHANNELS
    assert all("body" in each.fields for each in REGISTRY.values())


def test_what_is_sent_to_an_address_and_what_to_a_device_follows_from_the_field_of_the_contact() -> None:
    assert {"sms", "email"} <= set(ADDRESSED)
    assert not {"push", "chat"} & set(ADDRESSED)
    assert [sends_to_devices(name) for name in ("push", "sms", "email", "chat")] == [True, False, False, False]
    assert all(name in sharing_address(name) for name in ADDRESSED)
    assert sharing_address("push") == sharing_address("") == ()


def test_channels_that_send_to_one_number_have_one_record_of_what_is_refused_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    voice = RegisteredChannel("phone call", "phone", {"body": "what is said"})
    monkeypatch.setattr(channels, "REGISTRY", MappingProxyType({**REGISTRY, "voice": voice}))
    monkeypatch.setattr(channels, "ADDRESSED", (*ADDRESSED, "voice"))
    nothing = UserSettings()
    before = Choices(nothing, {"sms": nothing, "voice": nothing})
    after = before.without("news", "voice").without("news", "sms")
    assert after.addresses["sms"] == after.addresses["voice"]
    assert after.addresses["sms"].categories == {"news": {"voice": False, "sms": False}}
    assert not after.settings.allow("news", "voice")
