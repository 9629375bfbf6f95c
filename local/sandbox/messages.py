"""The inbox: every message a provider accepted, in order, and who waits for the next one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from local.sandbox.alerts import Notice


def rfc3339(at: datetime) -> str:
    """A UTC time as the API writes it, with milliseconds: `2026-01-31T09:30:00.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Message:
    """One message as its provider got it.

    `body` is of type `content_type`; `text` is an alternative part in plain text; `details` are what else the provider
    was told (sender, headers, tags), as pairs to show; `headers` are those of them that a mail has of its own, and
    `raw` is the mail itself if it was given as such. The ids are there when the sender was Carillon.
    """

    channel: str
    provider: str
    to: str
    body: str
    content_type: str = "text/plain"
    subject: str | None = None
    text: str | None = None
    details: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    raw: str | None = None
    notification_id: str | None = None
    delivery_id: str | None = None
    id: str = field(default_factory=lambda: uuid4().hex)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_json(self) -> dict[str, Any]:
        """The design's `GET /api/messages` entry."""
        entry = {
            "delivery_id": self.delivery_id,
            "channel": self.channel,
            "provider": self.provider,
            "to": self.to,
            "subject": self.subject,
            "body": self.body,
            "at": rfc3339(self.at),
        }
        return {key: value for key, value in entry.items() if key != "subject" or value is not None}


class Inbox:
    """Messages in the order they came, in memory: they live as long as the platform. For one event loop."""

    def __init__(self) -> None:
        self._messages: dict[str, Message] = {}
        self._notices: list[Notice] = []
        self._version = 0
        self._followers: list[Callable[[Message], None]] = []
        self._changed = asyncio.Condition()

    @property
    def messages(self) -> list[Message]:
        """All of them, oldest first."""
        return list(self._messages.values())

    @property
    def notices(self) -> "list[Notice]":
        """What was told on the alert topic, oldest first."""
        return list(self._notices)

    async def tell(self, notice: "Notice") -> None:
        """Keep a notice and wake whoever waits."""
        self._notices.append(notice)
        await self.announce_change()

    def get(self, message_id: str) -> Message | None:
        """The message with this inbox id."""
        return self._messages.get(message_id)

    async def add(self, message: Message) -> None:
        """Keep a message, wake whoever waits, and tell who follows."""
        self._messages[message.id] = message
        await self.announce_change()
        for follow in self._followers:
            follow(message)

    def tell_of_each(self, follow: Callable[[Message], None]) -> None:
        """Tell of each new message."""
        self._followers.append(follow)

    async def announce_change(self) -> None:
        """Tell whoever waits that what the page shows is another."""
        async with self._changed:
            self._version += 1
            self._changed.notify_all()

    async def changed_since(self, version: int) -> int:
        """The current version, as soon as it is another than `version`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._version != version)
            return self._version
