"""What is shown of an address is enough to recognise it, and too little to send to."""

import phonenumbers
import pytest

from handlers.domain.people.masking import masked

TOKEN = "0a" * 32


@pytest.mark.parametrize(
    ("address", "platform", "shown"),
    [
        ("ada.lovelace@example.com", None, "a…@example.com"),
        ("a@example.com", None, "a…@example.com"),
        ('"a@b"@example.com', None, '"…@example.com'),
        ("+4917012346789", None, "+49…6789"),
        ("+12025550123", None, "+1…0123"),
        ("+35312345678", None, "+353…5678"),
        ("+29012345", None, "+290…5"),
        ("+2901234", None, "+290…"),
        ("https://hooks.slack.com/services/T0/B0/secret", "slack", "hooks.slack.com/…"),
        ("https://example.com:8443/in?sig=secret#x", "webhook", "example.com/…"),
        ("https://discord.com/api/webhooks/1/a@b", None, "discord.com/…"),
        (TOKEN, "apns", None),
        (f"+{TOKEN}@https://x", "fcm", None),
    ],
    ids=[
        "mailbox",
        "mailbox of one letter",
        "quoted mailbox",
        "german",
        "american",
        "irish",
        "short",
        "shortest",
        "slack",
        "webhook",
        "url of an unknown platform",
        "apns",
        "fcm",
    ],
)
def test_what_is_shown_of_an_address(address: str, platform: str | None, shown: str | None) -> None:
    assert masked(address, platform) == shown


def test_the_country_code_of_a_number_is_shown_whole_whichever_it_is() -> None:
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        assert masked(f"+{code}55512346789") == f"+{code}…6789"


def test_a_long_domain_is_shown_by_its_end() -> None:
    host = ".".join(["label" * 8] * 6)
    for shown in (masked(f"a@{host}"), masked(f"https://{host}/x", "webhook")):
        assert shown is not None
        assert len(shown) < 70
        assert host[-64:] in shown
