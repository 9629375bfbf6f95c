"""Links in messages, by which recipients tell us that they opened, followed or no longer want something.

Each names one delivery and nothing personal, and is signed, so that nobody can make one for another's delivery, or one
that leads to a page of their own. What it may be used for is part of the signature: who may show that a mail was opened
may not unsubscribe its reader. A link expires with its delivery in the log (`retention.log`), after more than a year:
whoever finds an old mail may unsubscribe by it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from handlers.domain.content.urls import encoded

_ID_BYTES: Final = 16


class Purpose(StrEnum):
    """What a link is for; its value is the link's path before the token."""

    OPEN = "/t/o/"
    CLICK = "/t/c/"
    UNSUBSCRIBE = "/u/"


@dataclass(frozen=True, slots=True)
class Link:
    """What a token says: the delivery whose message it was in, and where a click leads."""

    notification_id: str
    delivery_id: str
    target: str | None = None


class InvalidLinkError(ValueError):
    """A token that we did not make, or not for this purpose. Says nothing of what it is instead."""


def sign(secret: bytes, purpose: Purpose, link: Link) -> str:
    """Return the token of a link, safe in a path: letters, digits, `_`, `-` and `.`; 87 of them, besides the target.

    As short as it can be, since a text message is paid for by its length.
    """
    ids = UUID(link.notification_id).bytes + UUID(link.delivery_id).bytes
    return _signer(secret, purpose).sign(base64_encode(ids + (link.target or "").encode())).decode()


def verify(secret: bytes, purpose: Purpose, token: str) -> Link:
    """Return what a token of ours says; raise `InvalidLinkError` for any other."""
    try:
        said = base64_decode(_signer(secret, purpose).unsign(token))
    except (BadData, UnicodeError):
        raise InvalidLinkError from None
    notification_id, delivery_id = said[:_ID_BYTES], said[_ID_BYTES : 2 * _ID_BYTES]
    target = said[2 * _ID_BYTES :].decode() or None
    return Link(str(UUID(bytes=notification_id)), str(UUID(bytes=delivery_id)), target)


def _signer(secret: bytes, purpose: Purpose) -> Signer:
    return Signer(secret, salt=f"carillon {purpose}", key_derivation="hmac", digest_method=sha256)


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links. `base_url` is the API's, without a slash at its end; `secret` returns the key, and may fail."""

    base_url: str
    secret: Callable[[], bytes]

    def unsubscribe(self, notification_id: str, delivery_id: str) -> str:
        """Return the url of one delivery's page to unsubscribe (RFC 8058: a POST to it does so at once)."""
        return self._url(Purpose.UNSUBSCRIBE, Link(notification_id, delivery_id))

    def clicked(self, notification_id: str, delivery_id: str, target: str) -> str:
        """Return the url that leads on to an encoded one, and shows that it was followed."""
        return self._url(Purpose.CLICK, Link(notification_id, delivery_id, target))

    def variables(self, notification_id: str, delivery_id: str) -> Mapping[str, Any]:
        """Return what a template finds beside its data; see `VARIABLES`."""

        def tracked(url: Any) -> Any:
            target = encoded(url, "tracked()")
            return url if target is None else self.clicked(notification_id, delivery_id, target)

        return {
            "unsubscribe_url": self.unsubscribe(notification_id, delivery_id),
            "open_url": self._url(Purpose.OPEN, Link(notification_id, delivery_id)),
            "tracked": tracked,
        }

    def _url(self, purpose: Purpose, link: Link) -> str:
        return f"{self.base_url}{purpose}{sign(self.secret(), purpose, link)}"


VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unsubscribe_url": "the page on which the recipient unsubscribes, and finds all their settings",
        "open_url": "the address of an invisible image: `<img src>` of it shows that a mail was opened",
        "tracked": "a function: `{{ tracked(url) }}` leads to the url, encoded, and shows that it was followed",
    }
)
"""What every template may use beside its data, whose own names these cannot be."""

SAMPLE_ID: Final = "00000000-0000-0000-0000-000000000000"
"""What stands for the ids of a notification and a delivery while nothing is sent."""


def sample_links(base_url: str) -> Links:
    """Return links that lead nowhere, for previews, and to try whether a message can be sent.

    As long as real ones when the base url is: a token's length depends on its target alone.
    """
    return Links(base_url, lambda: b"sample")


SAMPLE_LINKS: Final = sample_links("https://links.example.com")
