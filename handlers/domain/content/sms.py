"""How many segments a text takes, each of which is paid for (3GPP TS 23.038 and 23.040).

A text of the GSM alphabet alone has 160 characters in a message, or 153 in each of several; any other text is sent as
UTF-16, which has 70 units, or 67. What takes two places, a character of the extension table or a surrogate pair, is not
divided between two parts.
"""

from typing import Final

# https://www.etsi.org/deliver/etsi_ts/123000_123099/123038/17.00.00_60/ts_123038v170000p.pdf, 6.2.1 and 6.2.1.1
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")


MAX_SEGMENTS: Final = 10
"""In how many parts a text may go where the configuration does not say."""


def segments(text: str) -> int:
    """Return the number of parts; an empty text is sent in one."""
    if set(text) <= _BASIC | _EXTENSION:
        return _parts([2 if character in _EXTENSION else 1 for character in text], alone=160, joined=153)
    return _parts([2 if ord(character) > 0xFFFF else 1 for character in text], alone=70, joined=67)


def _parts(sizes: list[int], *, alone: int, joined: int) -> int:
    if sum(sizes) <= alone:
        return 1
    parts, room = 1, joined
    for size in sizes:
        if size > room:
            parts, room = parts + 1, joined
        room -= size
    return parts
