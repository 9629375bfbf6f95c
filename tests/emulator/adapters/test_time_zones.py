"""The time zone in a user's contact, in a real table: kept without the rest, and of nobody who is not there."""

from typing import Any

from handlers.adapters.aws.time_zones import ContactTimeZones
from handlers.domain.people.contacts import Contact
from tests.emulator.adapters.registry import PHONES, Meanwhile, Registry


def test_a_time_zone_is_kept_in_one_request_that_names_nothing_else(registry: Registry) -> None:
    registry.contacts.put("ada", Contact.model_validate({"email": "ada@example.com", "device_tokens": [PHONES["1"]]}))
    client: Any = Meanwhile(registry.client)
    zones = ContactTimeZones(registry.names[0], client)
    for zone in ("Asia/Tokyo", "Europe/Vienna"):
        assert zones.keep("ada", zone)
        contact = registry.contacts.get("ada")
        assert contact is not None
        assert contact.document() == {"email": "ada@example.com", "timezone": zone, "device_tokens": [PHONES["1"]]}
    assert client.calls == ["update_item"] * 2


def test_a_contact_that_is_not_there_is_not_made(registry: Registry) -> None:
    assert not ContactTimeZones(registry.names[0], registry.client).keep("ada", "Asia/Tokyo")
    assert registry.contacts.get("ada") is None
