"""The inbox page: rendered here, kept fresh by one stream of server-sent events, without a byte from elsewhere."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, pairwise
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse

from local.sandbox.alerts import grouped
from local.sandbox.engagement import RATES, Engagement, charts, funnel, groups
from local.sandbox.faults import Faults
from local.sandbox.links import LinkChecks, links_of
from local.sandbox.messages import Inbox, Message, rfc3339
from local.sandbox.security import LINKS_ALONE, MESSAGE
from local.sandbox.sources import source_of
from local.sandbox.timelines import Timeline, Timelines

STATIC = Path(__file__).with_name("static")
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
SHOWN = 100
"""How many messages, the newest, the list shows and follows."""
_FOLLOW_SECONDS = 1.0
_THREAD = 8


@dataclass(frozen=True)
class Filter:
    """What the list is narrowed down to."""

    channel: str | None = None
    user: str | None = None
    q: str | None = None
    """What was looked for: part of a user's id, an address, a subject or the id of a delivery or notification."""

    def narrowed(self, messages: Iterable[Message], users: Mapping[str, str]) -> list[Message]:
        """Those that pass, in the same order."""
        return [
            message
            for message in messages
            if self.channel in (None, message.channel)
            and self.user in (None, users.get(message.delivery_id or ""))
            and self._is_found_in(message, users.get(message.delivery_id or ""))
        ]

    def _is_found_in(self, message: Message, user: str | None) -> bool:
        looked_in = (user, message.to, message.subject, message.delivery_id, message.notification_id)
        wanted = (self.q or "").strip().casefold()
        return any(wanted in (text or "").casefold() for text in looked_in)

    def link(self, message: str | None = None, view: str | None = None, **changed: str | None) -> str:
        """The address of the page with this filter, or with a changed one, and of a message in it."""
        asked = {**asdict(replace(self, **changed)), "message": message, "view": view}
        return "/?" + urlencode({name: value for name, value in asked.items() if value})


class Page:
    """Answers what the browser asks for."""

    def __init__(
        self, inbox: Inbox, faults: Faults, timelines: Timelines, engagement: Engagement, links: LinkChecks
    ) -> None:
        self._inbox, self._faults, self._timelines, self._engagement = inbox, faults, timelines, engagement
        self._links = links
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "clock": _clock,
            "when": _when,
            "rfc3339": rfc3339,
            "with_waits": _with_waits,
            "duration": _milliseconds,
            "host": _host,
            "name": _name,
        }

    async def show(self, request: Request) -> Response:
        """`GET /?channel=…&user=…&q=…&message=…&view=…`: the list and one message, the newest unless named."""
        everything, asked = self._inbox.messages, request.query_params
        chosen = Filter(asked.get("channel") or None, asked.get("user") or None, asked.get("q") or None)
        users = await asyncio.to_thread(self._timelines.users, everything)
        listed = chosen.narrowed(reversed(everything), users)
        pinned = asked.get("message")
        selected = self._inbox.get(pinned) if pinned else next(iter(listed), None)
        shown = listed[:SHOWN]
        views = _views(selected) if selected else {}
        view = asked["view"] if asked.get("view") in views else next(iter(views), None)
        return await self.render(
            "inbox.html",
            chosen=chosen,
            users=users,
            total=len(listed),
            messages=shown,
            logged={} if listed else await self._in_the_log(chosen.q),
            selected=selected,
            thread=_thread(everything, selected) if selected else [],
            pinned=pinned,
            views=views,
            counts=_sizes(selected) if selected else {},
            allowed=LINKS_ALONE,
            view=view,
            source=source_of(selected) if selected and view == "source" else None,
            links=await asyncio.to_thread(self._links.of, selected) if selected and view == "links" else [],
            timelines=await self._read([*shown, *([selected] if selected else [])]),
        )

    async def alerts(self, _: Request) -> Response:
        """`GET /alerts`: the alerts, those that are open first."""
        return await self.render("alerts.html", "alerts", alerts=grouped(self._inbox.notices))

    async def engagement(self, _: Request) -> Response:
        """`GET /engagement`: what became of what was sent: a funnel, rates by day, figures by channel and provider."""
        stats = await asyncio.to_thread(self._engagement.read, "channel", "provider")
        by_day = await asyncio.to_thread(self._engagement.read, "day")
        by_group = await asyncio.to_thread(self._engagement.read, "day", "channel", "provider")
        if not stats or not by_day or not by_group:
            return await self.render("engagement.html", "engagement", stats=None)
        return await self.render(
            "engagement.html",
            "engagement",
            stats=stats,
            bars=funnel(stats.total),
            groups=groups(stats),
            rates=RATES,
            charts=charts(by_day, by_group),
        )

    async def render(
        self, template: str, tab: str | None = None, *, chosen: Filter | None = None, **values: Any
    ) -> Response:
        """Return a page of this name, with the bar above it and its tab marked there."""
        users = await asyncio.to_thread(self._timelines.users, self._inbox.messages)
        bar = self._bar(chosen or Filter(), users, tab=tab)
        return HTMLResponse(self._templates.get_template(template).render(**bar, **values))

    async def _in_the_log(self, looked_for: str | None) -> dict[str, Timeline]:
        """The deliveries of a notification that no provider has taken anything of, if that is its id."""
        try:
            notification_id = str(UUID((looked_for or "").strip()))
        except ValueError:
            return {}
        return await asyncio.to_thread(self._timelines.of_notification, notification_id)

    async def source(self, request: Request) -> Response:
        """The source of a mail, to keep as a file: it is not shown, so that nothing of it can act here."""
        message = self._inbox.get(request.path_params["id"])
        source = source_of(message) if message else None
        if source is None:
            return PlainTextResponse("No such mail.", 404)
        headers = {"Content-Disposition": f'attachment; filename="{request.path_params["id"]}.eml"'}
        return Response(source.encode(), media_type="message/rfc822", headers=headers)

    async def runbook(self, request: Request) -> Response:
        """A runbook, as it is in the checkout."""
        runbooks = {each.name: each for each in RUNBOOKS.glob("*.md")}
        found = runbooks.get(request.path_params["name"])
        return PlainTextResponse("No such runbook.", 404) if found is None else PlainTextResponse(found.read_text())

    def _bar(self, chosen: Filter, users: Mapping[str, str], *, tab: str | None = None) -> dict[str, Any]:
        """What the page's bar shows."""
        everything = self._inbox.messages
        return {
            "channels": _counts(each.channel for each in replace(chosen, channel=None).narrowed(everything, users)),
            "people": _counts(users.get(message.delivery_id or "") for message in everything),
            "chosen": chosen,
            "faults": self._faults.active,
            "tab": tab,
            "open_alerts": sum(not each.is_over for each in grouped(self._inbox.notices)),
        }

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
    source = {"source": "Source"} if message.channel == "email" else {}
    return {**seen, **plain, "details": "Headers and tags", **source, "links": "Links", "history": "Attempts"}


def _sizes(message: Message) -> dict[str, int]:
    """How much there is to see in a view, where that is a number."""
    return {"details": len(message.details), "links": len(links_of(message))}


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _clock(at: datetime) -> str:
    """The time of day in UTC, to the millisecond."""
    return at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03}"


def _when(at: datetime) -> str:
    """The time of day in UTC if it is today's, else the day with it."""
    return at.strftime("%H:%M:%S" if at.date() == datetime.now(UTC).date() else "%-d %b %H:%M")


def _with_waits(steps: tuple[Any, ...]) -> list[tuple[Any, str | None]]:
    """Each of what has a time `at`, with how long after the one before it came."""
    waits = [_duration(after.at - before.at) for before, after in pairwise(steps)]
    return list(zip(steps, [None, *waits], strict=True))


def _milliseconds(wait: int | None) -> str:
    return "–" if wait is None else _duration(timedelta(milliseconds=wait))


def _duration(wait: timedelta) -> str:
    """`457 ms`, `14.3 s`, `2 min 5 s`, `1 h 41 min` or `2 d 3 h`: as exact as somebody wants to know it."""
    seconds = wait.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    parts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    return " ".join(f"{count} {unit}" for count, unit in list(dropwhile(lambda part: not part[0], parts))[:2])
