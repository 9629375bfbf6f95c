"""An address as it may be shown: enough to recognise whose it is, too little to send to.

It imports nothing of what checks an address, so that whoever reads the log has it.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from handlers.domain.people.devices import PLATFORMS

_HIDDEN: Final = "…"
_HIDDEN_DIGITS: Final = 4
"""So many digits of a number are hidden at least, and its country's code and up to four last ones are shown."""
_LONGEST_DOMAIN: Final = 64
"""Of a longer domain only the end is shown, since an answer about 8,500 deliveries has a largest size."""

# The country codes of one digit and of two; all others have three. https://www.itu.int/pub/T-SP-E.164D
_COUNTRY_CODE: Final = re.compile(r"\+(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})")


def masked(address: str, platform: str | None = None) -> str | None:
    """Return `a…@example.com`, `+49…6789` or `hooks.slack.com/…`; None for a device's token, which tells nothing.

    `platform` is that of a device or an external channel; e-mail addresses and numbers have none. Of a url, which is an
    external channel's, the host alone is shown, as the rest of it is a secret.
    """
    if platform in PLATFORMS:
        return None
    if platform is not None or "://" in address:
        return f"{_domain(urlsplit(address).hostname or '')}/{_HIDDEN}"
    return _mailbox(address) if "@" in address else _number(address)


def _mailbox(address: str) -> str:
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}{_HIDDEN}@{_domain(domain)}"


def _domain(name: str) -> str:
    return name if len(name) <= _LONGEST_DOMAIN else f"{_HIDDEN}{name[-_LONGEST_DOMAIN:]}"


def _number(number: str) -> str:
    code = _COUNTRY_CODE.match(number)
    shown = code.group() if code else ""
    last = min(4, max(0, len(number) - len(shown) - _HIDDEN_DIGITS))
    return f"{shown}{_HIDDEN}{number[len(number) - last :]}"
