"""The one rule of what is the same address: planning, opting out and whatever counts by address all ask it here.

It imports nothing of what checks an address, so that workers and the sweeper have it too.
"""

import re
from hashlib import sha256
from typing import Final

_KEY: Final = "address§"
_URL: Final = "https://"

ADDRESS_KEY_FORM: Final = rf"{_KEY}[0-9a-f]{{64}}"
"""What an address's key matches, and no user's id does."""


def canonical(address: str) -> str:
    """Return the one spelling of a mailbox, a number or a url that was validated (`domain.people.addresses`, `.urls`).

    It is to compare by, never to send to. Letter case tells no two mailboxes apart: of the domain never (RFC 1035
    2.3.3), and of the part before it at no provider of today, though it might (RFC 5321 2.4). The domain is in IDNA's
    form already, and a number in E.164. A url is case-sensitive behind its host, whose spelling is one already
    (`domain.urls`), so it stays as it is.
    """
    return address if address.startswith(_URL) else address.lower()


def address_key(address: str) -> str:
    """Return the key under which an address is kept: a digest, so that the key alone does not show the address.

    No user id is like it: these are of ASCII.
    """
    return f"{_KEY}{sha256(canonical(address).encode()).hexdigest()}"


def is_address_key(key: str) -> bool:
    """Say whether it is an address's, and not a user's id."""
    return re.fullmatch(ADDRESS_KEY_FORM, key) is not None
