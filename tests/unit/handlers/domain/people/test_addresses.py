"""Addresses are accepted only if they can be sent to, and no refusal repeats one."""

import pytest
from pydantic import TypeAdapter, ValidationError

from handlers.domain.people.addresses import EmailAddress, PhoneNumber

email: TypeAdapter[str] = TypeAdapter(EmailAddress)
phone: TypeAdapter[str] = TypeAdapter(PhoneNumber)


def messages(adapter: TypeAdapter[str], value: str) -> str:
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(value)
    return " ".join(error["msg"] for error in refused.value.errors())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Lovelace+tag@EXAMPLE.COM", "Ada.Lovelace+tag@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@mail.test", "ada@mail.test"),
    ],
)
def test_an_address_is_kept_as_ses_takes_it(given: str, kept: str) -> None:
    assert email.validate_python(given) == kept


@pytest.mark.parametrize(
    "refused",
    [
        "",
        "ada",
        "ada@",
        "ada@localhost",
        "ada@@example.com",
        "ada@example..com",
        "Ada <ada@example.com>",
        "ada@example.com\r\nBcc: eve@example.com",
        " ada@example.com",
        "ada@[127.0.0.1]",
        "ada@" + "a." * 125 + "com",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(refused: str) -> None:
    assert messages(email, refused) == "must be an e-mail address such as ada@example.com"


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        ("ädä@example.com", "has a letter before the @ that is not ASCII, which cannot be sent to"),
        ("用户@例子.example", "has a letter before the @ that is not ASCII, which cannot be sent to"),
        ("a" * 65 + "@example.com", "has more than 64 characters before the @"),
    ],
)
def test_a_mailbox_that_the_standards_know_and_nobody_sends_to_has_a_reason_of_its_own(refused: str, why: str) -> None:
    assert messages(email, refused) == why


@pytest.mark.parametrize(
    "number", ["+442079460123", "+15551234567", "+4915112345678", "+8613800138000", "+390612345678", "+80012345678"]
)
def test_a_number_is_kept_as_it_is(number: str) -> None:
    assert phone.validate_python(number) == number


@pytest.mark.parametrize(
    "refused",
    [
        "+",
        "+44 20 7946 0123",
        "+44(0)2079460123",
        "+4402079460123",
        "+15551234",
        "+1234567890",
        "+999123456789",
        "+442079460123;ext=5",
        "+١٢٠٢٥٥٥٠١٢٣",
        "+44207946012\n",
        "+" + "1" * 300,
    ],
)
def test_what_is_no_number_is_refused_without_repeating_it(refused: str) -> None:
    assert messages(phone, refused) == "must be an E.164 phone number such as +442079460123"


@pytest.mark.parametrize("refused", ["", "442079460123", "020 7946 0123", "00442079460123", "tel:+442079460123"])
def test_a_number_without_its_country_is_told_so(refused: str) -> None:
    assert "must begin with + and the code of the country" in messages(phone, refused)
