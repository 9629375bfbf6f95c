"""The links of a message, and what is wrong with them: read and verified here, nobody is asked.

A link of ours is known by its signature, which is verified with the platform's own key.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from handlers.adapters.aws.link_key import link_key
from handlers.domain.content.budget import RefusedError
from handlers.domain.content.links import InvalidLinkError, Link, Purpose, verify
from handlers.domain.content.urls import encoded
from local.engine.emulator import Emulator
from local.sandbox.messages import Message

_IN_TEXT: Final = re.compile(r"https?://[^\s<>\"'|]+[^\s<>\"'|.,;:!?)\]]", re.IGNORECASE)
_OURS: Final = re.compile(r"(?P<purpose>/t/o/|/t/c/|/u/)(?P<token>[\w-]{43,}\.[\w-]{43})\Z")
_ONE_CLICK: Final = "list-unsubscribe"
_SAYS: Final = {Purpose.OPEN: "open pixel", Purpose.CLICK: "tracked", Purpose.UNSUBSCRIBE: "unsubscribe"}


@dataclass(frozen=True)
class Found:
    """A link as it is in the message: what it says, and where it leads. An image is loaded, not followed."""

    says: str
    url: str
    is_image: bool = False


@dataclass(frozen=True)
class Checked:
    """A link with what it is, where it leads in the end, and what is wrong with it, if anything.

    `kind` is `tracked`, `open pixel`, `unsubscribe`, `direct`, `image`, or the scheme of what is not fetched by http.
    """

    says: str
    url: str
    kind: str
    target: str | None = None
    wrong: str | None = None
    note: str | None = None


def links_of(message: Message) -> list[Found]:
    """Return the links of a message, in their order: of its HTML or text, and of the header to unsubscribe by."""
    in_headers = [value for name, value in message.headers if name.lower() == _ONE_CLICK]
    header = [Found("List-Unsubscribe", url) for value in in_headers for url in re.findall(r"<([^>]+)>", value)]
    return [*(_in_html if message.content_type == "text/html" else _in_text)(message.body), *header]


class LinkChecks:
    """Checks links with the key that the platform signs them with, which the account's root may ask for."""

    def __init__(self, emulator: Emulator, prefix: str) -> None:
        self._emulator, self._alias = emulator, f"alias/{prefix}-links"

    def of(self, message: Message) -> list[Checked]:
        """Return the links of a message, each with what is found of it."""
        return [self._check(found, message) for found in links_of(message)]

    def _check(self, found: Found, message: Message) -> Checked:
        try:
            url = encoded(found.url, "a link")
        except RefusedError as error:
            return Checked(found.says, found.url, "broken", wrong=str(error).partition(" is given ")[2])
        if url is None:
            return Checked(found.says, found.url, found.url.partition(":")[0] if ":" in found.url else "in the message")
        ours = _OURS.search(urlsplit(url).path)
        if ours is not None:
            return self._ours(found, Purpose(ours["purpose"]), ours["token"], message)
        note = None if url.startswith("https:") else "not encrypted: it begins with http:"
        return Checked(found.says, found.url, "image" if found.is_image else "direct", url, note=note)

    def _ours(self, found: Found, purpose: Purpose, token: str, message: Message) -> Checked:
        try:
            link = verify(self._key(), purpose, token)
        except (ClientError, InvalidLinkError):
            return Checked(found.says, found.url, _SAYS[purpose], wrong="its signature is not ours: it leads nowhere")
        ids = (message.notification_id, message.delivery_id)
        other = None if ids == (link.notification_id, link.delivery_id) else "it speaks for another delivery"
        return Checked(found.says, found.url, _SAYS[purpose], _target(purpose, link), other)

    @cached_property
    def _key(self) -> Callable[[], bytes]:
        emulator = self._emulator
        session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
        return link_key(self._alias, session.client("kms", endpoint_url=emulator.endpoint_url))


def _target(purpose: Purpose, link: Link) -> str | None:
    return link.target if purpose is Purpose.CLICK else None


def _in_text(text: str) -> Iterator[Found]:
    return (Found(url, url) for url in _IN_TEXT.findall(text))


def _in_html(html: str) -> list[Found]:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    """Collects what is followed, and images that would be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Found] = []
        self._url: str | None = None
        self._said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a link, or take an image."""
        values = dict(attrs)
        if tag == "img" and (values.get("src") or "").lower().startswith("http"):
            self.found.append(Found(values.get("alt") or "image", values["src"] or "", is_image=True))
        elif tag == "area" and values.get("href"):
            self.found.append(Found(values.get("alt") or "area", values["href"] or ""))
        elif tag == "a" and values.get("href"):
            self._url, self._said = values["href"], []

    def handle_data(self, data: str) -> None:
        """Keep what a link says."""
        self._said.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End a link."""
        if tag == "a" and self._url is not None:
            self.found.append(Found(" ".join("".join(self._said).split()) or "without a text", self._url))
            self._url = None

    def close(self) -> None:
        """End a link that nothing ended."""
        super().close()
        self.handle_endtag("a")
