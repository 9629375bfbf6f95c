"""The kinds of address a person gives us: e-mail, phone, url; as pydantic types that accept only what can be sent to.

Their refusals never repeat the value: the error's location names the field, and an address does not belong in a log.
"""

from typing import Annotated, Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError, Url

from handlers.domain.urls import UrlError, https_url, may_be_public

_EMAIL_LENGTH = 254  # RFC 5321 4.5.3.1.3 bounds the path at 256 octets, of which two are the angle brackets
MAX_URL_LENGTH: Final = 2048
_MAILBOX_LENGTH = 64  # RFC 5321 4.5.3.1.1


def _email(value: str) -> str:
    """Return the address as SES takes it: 7-bit, its domain lower-case and in punycode.

    SES has no SMTPUTF8, so a local part beyond ASCII could never be sent to, and takes one of 64 characters at most
    (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html). `.test` names are like any other
    (RFC 6761 6.2).
    """
    if not value.rpartition("@")[0].isascii():
        raise PydanticCustomError("mailbox", "has a letter before the @ that is not ASCII, which cannot be sent to")
    if len(value.rpartition("@")[0]) > _MAILBOX_LENGTH:
        raise PydanticCustomError("mailbox", "has more than 64 characters before the @")
    try:
        checked = validate_email(
            value, check_deliverability=False, allow_smtputf8=False, strict=True, test_environment=True
        )
    except EmailNotValidError:
        checked = None
    if checked is None or checked.ascii_email is None or len(checked.ascii_email) > _EMAIL_LENGTH:
        raise PydanticCustomError("email_address", "must be an e-mail address such as ada@example.com")
    return checked.ascii_email


def _phone(value: str) -> str:
    """Return the number unchanged when it is E.164 and of a length its country uses.

    Whether its prefix has been assigned is not asked: numbering plans move faster than the metadata inside a deployed
    function, and a real number must never be refused.
    """
    if not value.startswith("+"):
        raise PydanticCustomError(
            "phone_number", "must begin with + and the code of the country, as in +442079460123 (E.164)"
        )
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        number = None
    if (
        number is None
        or phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != value
        or phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE
    ):
        raise PydanticCustomError("phone_number", "must be an E.164 phone number such as +442079460123")
    return value


EmailAddress = Annotated[
    str,
    AfterValidator(_email),
    Field(json_schema_extra={"format": "email", "maxLength": _EMAIL_LENGTH, "examples": ["ada@example.com"]}),
]
"""An e-mail address, normalised; 254 characters at most."""

PhoneNumber = Annotated[
    str,
    AfterValidator(_phone),
    Field(json_schema_extra={"pattern": r"^\+[1-9]\d{1,14}$", "examples": ["+442079460123"]}),
]
"""A phone number in E.164."""


def safe_url(value: str) -> Url:
    """Return a url that may be called, as it is kept."""
    try:
        return https_url(value)
    except UrlError as error:
        raise PydanticCustomError("url", "must {reason}", {"reason": str(error)}) from None


def _url(value: str) -> str:
    if len(value) > MAX_URL_LENGTH:
        raise PydanticCustomError("url", "must have 2048 characters at most")
    url = safe_url(value)
    if not may_be_public(url.host or ""):
        raise PydanticCustomError("url", "must be at a host of the internet")
    return str(url)


def _suppressible(value: str) -> str:
    """Return a number unchanged, an e-mail address normalised, or a url as contacts have it."""
    if "://" in value:
        return _url(value)
    return _phone(value) if value.startswith("+") else _email(value)


Suppressible = Annotated[
    str,
    AfterValidator(_suppressible),
    Field(
        json_schema_extra={
            "maxLength": MAX_URL_LENGTH,
            "examples": ["ada@example.com", "+442079460123", "https://hooks.example.com/ada"],
        }
    ),
]
"""What may be suppressed: an e-mail address, a phone number in E.164, or the https url of an external channel."""
