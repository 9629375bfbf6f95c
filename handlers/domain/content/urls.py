"""Urls in messages: which can be followed, and how they are encoded.

They are read by pydantic's parser, as the urls of contacts are; it is the browsers' own (https://url.spec.whatwg.org).
"""

import re
from typing import Final
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_core import Url

from handlers.domain.content.budget import RefusedError

MAX_URL_CHARACTERS: Final = 2048
"""Of a url, before and after it is encoded."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_FOLLOWED: Final = frozenset({"http", "https"})
_UNSAFE: Final = frozenset({"about", "blob", "data", "file", "filesystem", "javascript", "vbscript", "view-source"})
"""What runs a script, or shows what the message itself has brought."""

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_AUTHORITY: Final = re.compile(r"[A-Za-z]+://[^/?#]")
_ENCODED: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
"""All that a url may consist of (RFC 3986 2)."""

_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SIGNS: Final = "-._~:/?#[]@!$&'()*+,;=%"


def encoded(url: object, function: str) -> str | None:
    """Return an http or https url as it is sent, or None for what leads elsewhere and stands as it is.

    What stands as it is: nothing (None, an empty text), `#top`, and other schemes (`mailto:`, `tel:`, an app's own).
    Raises `RefusedError`, with the reason, for what is no url and for what must not be in a message; the `function`
    that was asked is named in it.
    """
    if url is None or url == "":
        return None
    if not isinstance(url, str):
        raise RefusedError(f"{function} is given what is no text")
    text = str(url).strip(" ")
    if _CONTROLS.search(text):
        raise RefusedError(f"{function} is given a url with a line break or another control character")
    if text.startswith("#") or text == "":
        return None
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise RefusedError(f"{function} is given what is no url: it does not begin with https:// or another scheme")
    if scheme[1].lower() in _UNSAFE:
        raise RefusedError(f"{function} is given a url of {scheme[1].lower()}:, which no message may lead to")
    if scheme[1].lower() not in _FOLLOWED:
        return None
    return _encoded(text, function)


def linkable(url: object, function: str) -> str:
    """Return what a link of a message leads to, encoded: an http url, `mailto:` and its like, `#top`, or nothing.

    Raises what `encoded` raises.
    """
    return encoded(url, function) or quote(str(url or "").strip(" "), safe=_SIGNS)


def _encoded(text: str, function: str) -> str:
    if len(text) > MAX_URL_CHARACTERS:
        raise RefusedError(f"{function} is given a url of more than {MAX_URL_CHARACTERS} characters")
    if not _AUTHORITY.match(text):
        raise RefusedError(f"{function} is given what is no url: there is no host after https://")
    before_query = re.split(r"[?#]", text, maxsplit=1)[0]
    if "\\" in before_query:  # browsers read it as a slash, and others do not
        raise RefusedError(f"{function} is given what is no url: there is a backslash in it")
    try:
        parsed = str(Url(_STRAY_PERCENT.sub("%25", text)))
    except ValidationError:
        raise RefusedError(f"{function} is given what is no url: its host or port is not valid") from None
    # What is encoded already is sent as it was written: the parser would add a slash to a bare host.
    url = text if _ENCODED.fullmatch(text) else quote(parsed, safe=_SIGNS)
    if len(url) > MAX_URL_CHARACTERS:
        raise RefusedError(f"{function} is given a url of more than {MAX_URL_CHARACTERS} characters once encoded")
    return url
