"""The inbox page: rendered here, kept fresh by one stream of server-sent events, without a byte from elsewhere."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse

from local.sandbox.faults import Faults
from local.sandbox.messages import Inbox, Message, rfc3339
from local.sandbox.security import LINKS_ALONE, MESSAGE
from local.sandbox.timelines import Step, Timeline, Timelines

STATIC = Path(__file__).with_name("static")
SHOWN = 100
"""How many messages, the newest, the list shows and follows."""
_FOLLOW_SECONDS = 1.0
_THREAD = 8


@dataclass(frozen=True)
class Filter:
    """What the list is narrowed down to."""

    channel: str | None = None
    user: str | None = None

    def narrowed(self, messages: Iterable[Message], users: Mapping[str, str]) -> list[Message]:
        """Those that pass, in the same order."""
        return [
            message
            for message in messages
            if self.channel in (None, message.channel) and self.user in (None, users.get(message.delivery_id or ""))
        ]

    def link(self, message: str | None = None, view: str | None = None, **changed: str | None) -> str:
        """The address of the page with this filter, or with a changed one, and of a message in it."""
        asked = {**asdict(replace(self, **changed)), "message": message, "view": view}
        return "/?" + urlencode({name: value for name, value in asked.items() if value})


class Page:
    """Answers what the browser asks for."""

    def __init__(self, inbox: Inbox, faults: Faults, timelines: Timelines) -> None:
        self._inbox, self._faults, self._timelines = inbox, faults, timelines
        templates = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters |= {"clock": _clock, "rfc3339": rfc3339, "with_waits": _with_waits, "host": _host}
        self._template = templates.get_template("inbox.html")

    async def show(self, request: Request) -> Response:
        """`GET /?channel=…&user=…&message=…&view=…`: the list and one message, the newest unless named."""
        everything, asked = self._inbox.messages, request.query_params
        chosen = Filter(asked.get("channel") or None, asked.get("user") or None)
        users = await asyncio.to_thread(self._timelines.users, everything)
        listed = chosen.narrowed(reversed(everything), users)
        pinned = asked.get("message")
        selected = self._inbox.get(pinned) if pinned else next(iter(listed), None)
        shown = listed[:SHOWN]
        views = _views(selected) if selected else {}
        return HTMLResponse(
            self._template.render(
                channels=_counts(
                    message.channel for message in replace(chosen, channel=None).narrowed(everything, users)
                ),
                people=_counts(users.get(message.delivery_id or "") for message in everything),
                users=users,
                chosen=chosen,
                total=len(listed),
                messages=shown,
                selected=selected,
                thread=_thread(everything, selected) if selected else [],
                pinned=pinned,
                views=views,
                allowed=LINKS_ALONE,
                view=asked["view"] if asked.get("view") in views else next(iter(views), None),
                timelines=await self._read([*shown, *([selected] if selected else [])]),
                faults=self._faults.active,
            )
        )

    async def body(self, request: Request) -> Response:
        """An HTML message as a document of its own, in which nothing can run or load; a link opens a tab of its own."""
        message = self._inbox.get(request.path_params["id"])
        if message is None or message.content_type != "text/html":
            return PlainTextResponse("No such message.", 404)
        return HTMLResponse(_with_links_elsewhere(message.body), headers={"Content-Security-Policy": MESSAGE})

    async def changes(self, _: Request) -> Response:
        """One event whenever the page would show something else."""
        return StreamingResponse(self._changes(), media_type="text/event-stream")

    async def _changes(self) -> AsyncIterator[str]:
        """The first event tells of what happened before the browser was connected.

        DynamoDB tells nobody that a delivery moved on: the log is read once a second, only while somebody looks.
        """
        version, known = -1, await self._newest_timelines()
        while True:
            try:
                async with asyncio.timeout(_FOLLOW_SECONDS):
                    version = await self._inbox.changed_since(version)
            except TimeoutError:
                fresh = await self._newest_timelines()
                if fresh == known:
                    continue
                known = fresh
            yield f"data: {version}\n\n"

    async def _newest_timelines(self) -> dict[str, Timeline]:
        return await self._read(self._inbox.messages[-SHOWN:])

    async def _read(self, messages: Iterable[Message]) -> dict[str, Timeline]:
        return await asyncio.to_thread(self._timelines.of, messages)


def _with_links_elsewhere(document: str) -> str:
    """Return the document with its links opening in a new tab: this frame shows nothing but the message.

    A doctype stays first, without which browsers read the document by the rules of 1999.
    """
    return re.sub(r"\A\s*(<!doctype[^>]*>)?", r'\1<base target="_blank">', document, count=1, flags=re.IGNORECASE)


def _counts(names: Iterable[str | None]) -> dict[str, int]:
    """How often each name is there, in the names' order."""
    return dict(sorted(Counter(name for name in names if name).items()))


def _thread(everything: Iterable[Message], selected: Message) -> list[Message]:
    """What the same phone or chat room had got when this message came, which it ends with."""
    same = [each for each in everything if (each.channel, each.to) == (selected.channel, selected.to)]
    return same[: same.index(selected) + 1][-_THREAD:]


def _views(message: Message) -> dict[str, str]:
    """The ways to look at a message, the best one first, with their labels."""
    rendered = {"html": "Rendered"} if message.content_type == "text/html" else {}
    device = {"push": {"phone": "On the phone"}, "sms": {"phone": "On the phone"}, "chat": {"room": "In the chat"}}
    seen = rendered or device.get(message.channel, {})
    plain = {"text": "Plain text"} if message.text or not rendered else {}
    return {**seen, **plain, "details": "Headers and tags"}


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _clock(at: datetime) -> str:
    """The time of day in UTC, to the millisecond."""
    return at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03}"


def _with_waits(steps: tuple[Step, ...]) -> list[tuple[Step, int | None]]:
    """Each step with how many milliseconds after the one before it came."""
    waits = [round((after.at - before.at).total_seconds() * 1000) for before, after in pairwise(steps)]
    return list(zip(steps, [None, *waits], strict=True))
