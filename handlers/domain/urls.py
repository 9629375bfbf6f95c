"""Urls that other people chose: read here and nowhere else, and only if there is one way to read them.

Two parsers that read one url differently are how a check is passed by: what the first takes for the host, the second
takes for a user's name (`https://evil.example\\@hooks.slack.com/`). So a url is taken only in the plain form that RFC
3986 and the WHATWG's standard (https://url.spec.whatwg.org) read alike, and that form is what is kept and called.
"""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from pydantic import ValidationError
from pydantic_core import Url

_PRINTABLE_ASCII: Final = re.compile(r"[!-~]*")
_SCHEME: Final = re.compile("https://", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?P<port>:[0-9]*)?")
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# A host whose last label is one is an IPv4 address to some: `2130706433`, `0x7f.1`, `127.0.0.08`.
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_PATH_AND_QUERY: Final = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_DOT_SEGMENT: Final = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)

# All of the IPv6 internet is in here (https://www.iana.org/assignments/ipv6-address-space): what is outside is unique
# local, link-local, multicast, or has an IPv4 address within (::ffff:0:0/96, NAT64's 64:ff9b::/96), as 6to4 has inside.
_IPV6_INTERNET: Final = IPv6Network("2000::/3")
_6TO4: Final = IPv6Network("2002::/16")


class UrlError(ValueError):
    """Says what is wrong with a url, after "must": it repeats nothing of it."""


def https_url(text: str) -> Url:
    """Return a url as it is called: https, at a host by name or public address, on port 443, without credentials.

    Raises `UrlError`.
    """
    if not _PRINTABLE_ASCII.fullmatch(text):
        raise UrlError(
            "be a url in printable ASCII: anything else is percent-encoded, and a host is written in its xn-- form"
        )
    if not _SCHEME.match(text):
        raise UrlError("be an https url: it begins with https://")
    if "\\" in text:
        raise UrlError("not have a backslash")
    if "#" in text:
        raise UrlError("not have a fragment (#)")
    authority, path, query = _parts(text[len("https://") :])
    _check_authority(authority)
    if not _PATH_AND_QUERY.fullmatch(path + query):
        raise UrlError("percent-encode what a path or a query cannot have, and write % as %25")
    if _DOT_SEGMENT.search(path):
        raise UrlError("not have a segment . or .. in its path")
    try:
        return Url(text)
    except ValidationError:
        raise UrlError("be a url") from None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one host on the public internet: neither private, loopback, link-local (where AWS has
    its metadata: 169.254.169.254, and fd00:ec2::254), shared (100.64.0.0/10), reserved nor multicast.
    """
    if isinstance(address, IPv6Address) and (address not in _IPV6_INTERNET or address in _6TO4):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def may_be_public(host: str) -> bool:
    """Say whether a url's host can be one on the internet: an address, or a full name of nothing inside AWS or here.

    A name that resolves to an inner address is not found out here: it may change until it is called.
    """
    if host.startswith("["):
        return True  # an address that `https_url` took
    return "." in host and not host.endswith((".localhost", ".local", ".internal"))


def _parts(rest: str) -> tuple[str, str, str]:
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    path, mark, query = rest[len(authority) :].partition("?")
    return authority, path, mark + query


def _check_authority(authority: str) -> None:
    if "@" in authority:
        raise UrlError("not hold credentials (@)")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise UrlError("have a host of letters, digits, hyphens and dots, or an address")
    if found["port"] not in (None, ":443"):
        raise UrlError("have no port but 443")
    host = found["host"]
    if host.startswith("[") or _NUMBER.fullmatch(host.rpartition(".")[2]):
        _check_address(host.strip("[]"))
    elif not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UrlError("have a host whose labels are of 1 to 63 characters, without a dot at its end")


def _check_address(host: str) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        raise UrlError("have a name for its host, or an address as 192.0.2.1 or [2001:db8::1]") from None
    if not is_public(address):
        raise UrlError("have an address on the public internet")
