"""The demo: one user, one notification on every channel, followed through the API until each delivery is sent.

Then the mail is opened and its link clicked, a channel is out and comes back, and the figures say so.
"""

import html
import math
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local.demo_outage import AT_ONCE, Outage, OutageError
from local.directory import Directory
from local.engine.progress import ConsoleProgress
from local.platform import Platform
from ops.client import ApiError, Client, Credentials

USER, CATEGORY, TEMPLATE = "ada", "payment", "receipt"
DATA = {"name": "Ada", "invoice": "2026-0042", "amount": "EUR 42.00"}
_DONE = {"sent", "opened", "clicked", "error", "unsubscribed", "canceled"}
_SECONDS = 600.0
_LOOK_AGAIN_SECONDS = 0.05
_BAR = 30

EMAIL, PHONE = "ada@example.com", "+4915123456789"
IPHONE = "5f1c7a90" * 8
PIXEL = "dGhpcyBpcyBhIGRlbW8:APA91b" + "Carillon" * 16
TEAM_ROOM = "https://hooks.slack.com/services/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c2U"
QUIET_ROOM = "https://discord.com/api/webhooks/1188123456789012345/bm90LXJlYWxseS1hLXRva2Vu"
"""Its status is false: nothing may arrive there."""


@dataclass(frozen=True)
class Sample:
    """One channel of the demo: what the contact has for it, what is sent, and every address it must arrive at."""

    channel: str
    contact: Mapping[str, Any]
    template: Mapping[str, str]
    arrives_at: tuple[str, ...]


SAMPLES = (
    Sample(
        channel="email",
        contact={"email": EMAIL},
        template={
            "subject": "Receipt for invoice {{ invoice }}",
            "body": (
                '<div style="font: 16px/1.5 system-ui, sans-serif; max-width: 34em; margin: 2em auto; color: #222">'
                '<h1 style="font-size: 26px">Thank you, {{ name }}</h1>'
                "<p>We received your payment of <b>{{ amount }}</b> for invoice {{ invoice }}.</p>"
                "<p><a href=\"{{ tracked('https://shop.example.com/invoices/' ~ invoice) }}\">Your invoice</a> · "
                '<a href="{{ unsubscribe_url }}">What we send you</a></p>'
                '<img src="{{ open_url }}" alt="" width="1" height="1"></div>'
            ),
            "text": "Thank you, {{ name }}. We received your payment of {{ amount }} for invoice {{ invoice }}.",
        },
        arrives_at=(EMAIL,),
    ),
    Sample(
        channel="sms",
        contact={"phone": PHONE},
        template={"body": "Thank you, {{ name }}! We received {{ amount }} for invoice {{ invoice }}."},
        arrives_at=(PHONE,),
    ),
    Sample(
        channel="push",
        contact={
            "device_tokens": [
                {"deviceToken": IPHONE, "platform": "apns"},
                {"deviceToken": PIXEL, "platform": "fcm"},
            ]
        },
        template={"subject": "Payment received", "body": "Thank you, {{ name }}: {{ amount }} for {{ invoice }}."},
        arrives_at=(IPHONE, PIXEL),
    ),
    Sample(
        channel="chat",
        contact={
            "external_channels": [
                {"platform": "slack", "url": TEAM_ROOM, "status": True},
                {"platform": "discord", "url": QUIET_ROOM, "status": False},
            ]
        },
        template={"body": "{{ name }} paid {{ amount }} for invoice {{ invoice }}."},
        arrives_at=(TEAM_ROOM,),
    ),
)


class DemoError(Exception):
    """A delivery did not do what the demo shows."""


def run_demo(console: Console) -> None:
    """Start a platform that disturbs no other, send, show, stop. Raises `DemoError`, `PlatformError` or `ApiError`."""
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="carillon-demo-") as directory,
        Platform.start(Path(directory), config=AT_ONCE, progress=ConsoleProgress(console)) as platform,
    ):
        made = len(platform.deployment.steps)
        console.print(f"{made} resources, IAM enforced, after {time.monotonic() - begun:.1f} s")
        try:
            play(platform, console)
        except (ApiError, DemoError, OutageError) as error:
            raise DemoError(f"{error}\n{_complaints(Path(directory))}") from error
    console.print(f"[green]Every delivery was sent and received.[/] All of it took {time.monotonic() - begun:.1f} s.")


def play(platform: Platform, console: Console) -> None:
    """Do all that the demo shows. Raises `DemoError`, `OutageError` or `ApiError`."""
    outage = Outage(platform, console)
    outage.prepare()
    notification_id, received = send_and_follow(platform, console)
    local = platform.local
    with Client(local.api_url, Credentials(local.app_key, local.app_secret)) as client:
        read_the_mail(client, notification_id, received, console)
        outage.show(client)
        console.print(funnel_of(client))


def send_and_follow(platform: Platform, console: Console) -> tuple[str, list[dict[str, Any]]]:
    """Send the samples of the channels there are, and show what became of each.

    Returns the notification's id and the messages as they arrived.

    Raises `DemoError` or `ApiError`.
    """
    local, samples = platform.local, [each for each in SAMPLES if each.channel in platform.outputs["queueUrls"]]
    with Client(local.api_url, Credentials(local.app_key, local.app_secret)) as client:
        client.put_contact(USER, {name: value for sample in samples for name, value in sample.contact.items()})
        for sample in samples:
            client.put_template(TEMPLATE, sample.channel, "default", sample.template)
        notification = {
            "category": CATEGORY,
            "template": TEMPLATE,
            "data": DATA,
            "to": [{"user_id": USER}],
            "channels": [sample.channel for sample in samples],
        }
        accepted = client.send(notification)
        console.print(f"202 for notification {accepted['notification_id']}")
        deliveries = _follow(client, accepted["notification_id"])
    console.print(_timelines(deliveries))
    for delivery in deliveries:
        if delivery["status"] != "sent":
            raise DemoError(f"the {delivery['channel']} is {delivery['status']}, {delivery.get('reason', 'no reason')}")
    received = _received(local.inbox_url, {delivery["delivery_id"] for delivery in deliveries})
    for message in received:
        console.print(_message(message))
    arrived = sorted((message["channel"], message["to"]) for message in received)
    expected = sorted((sample.channel, address) for sample in samples for address in sample.arrives_at)
    if arrived != expected:
        raise DemoError(f"the inbox has {arrived} instead of {expected}")
    return accepted["notification_id"], received


def read_the_mail(client: Client, notification_id: str, received: list[dict[str, Any]], console: Console) -> None:
    """Open the mail and click its link, as its reader's program does, and show the delivery's timeline.

    Raises `DemoError` or `ApiError`.
    """
    [mail] = [message for message in received if message["channel"] == "email"]
    console.rule("The mail is opened, and its link clicked")
    for purpose in ("o", "c"):
        [url] = re.findall(rf'"(http[^"]+/t/{purpose}/[^"]+)"', mail["body"])
        httpx.get(url, headers={"User-Agent": "The demo's reader"}, timeout=_SECONDS)  # not followed out of here
    deliveries = client.notification(notification_id)["deliveries"]
    [delivery] = [each for each in deliveries if each["delivery_id"] == mail["delivery_id"]]
    console.print(_timelines([delivery]))
    if delivery["status"] != "clicked":
        raise DemoError(f"the mail whose link was followed is {delivery['status']}")


def funnel_of(client: Client) -> Table:
    """Return the funnel, once the click has been counted, which the log's stream brings. Raises `DemoError`."""
    deadline = time.monotonic() + _SECONDS
    while not (total := client.stats()["total"])["clicked"]:
        if time.monotonic() > deadline:
            raise DemoError(f"the click is not counted: {total}")
        time.sleep(_LOOK_AGAIN_SECONDS)
    table = Table("", "", "deliveries", "rate", title="Engagement, from GET /v1/stats")
    for name, rate in (("deliveries", None), ("sent", None), ("opened", "open_rate"), ("clicked", "click_rate")):
        bar = "█" * math.ceil(_BAR * total[name] / total["deliveries"])
        table.add_row(name, bar, str(total[name]), f"{total[rate]:.1%}" if rate and total[rate] is not None else "")
    return table


def _received(inbox_url: str, delivery_ids: set[str]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = httpx.get(f"{inbox_url}/api/messages", timeout=_SECONDS).raise_for_status().json()
    return [message for message in messages if message["delivery_id"] in delivery_ids]


def _follow(client: Client, notification_id: str) -> list[dict[str, Any]]:
    """The deliveries once each has come to an end."""
    deadline = time.monotonic() + _SECONDS
    while True:
        deliveries: list[dict[str, Any]] = client.notification(notification_id)["deliveries"]
        if all(delivery["status"] in _DONE for delivery in deliveries) or time.monotonic() > deadline:
            return deliveries
        time.sleep(_LOOK_AGAIN_SECONDS)


def _timelines(deliveries: list[dict[str, Any]]) -> Table:
    table = Table("channel", "provider", "status", "at (UTC)", "after", title="Timelines, from the notification log")
    for delivery in deliveries:
        steps = [(step["status"], datetime.fromisoformat(step["at"])) for step in delivery["timeline"]]
        waits = ["", *(f"{(b - a).total_seconds() * 1000:.0f} ms" for (_, a), (_, b) in pairwise(steps))]
        for (status, at), wait in zip(steps, waits, strict=True):
            provider = delivery.get("provider", "") if status == "sent" else ""
            table.add_row(delivery["channel"], provider, status, at.strftime("%H:%M:%S.%f")[:-3], wait)
        table.add_section()
    return table


def _message(message: dict[str, Any]) -> Panel:
    rendered = html.unescape(re.sub(r"\s*<[^>]+>\s*", " ", message["body"])).strip()
    to = Text.assemble("To       ", message["to"], no_wrap=True, overflow="ellipsis")
    subject = [Text(f"Subject  {message['subject']}")] if "subject" in message else []
    title = f"in the inbox: {message['channel']} by {message['provider']}"
    return Panel(Group(to, *subject, Text(), Text(rendered)), title=title, width=90)


def _complaints(directory: Path) -> str:
    """What the emulator complained about: functions that cannot start or fail, for instance."""
    lines = (Directory(directory).logs / "emulator.log").read_text(errors="replace").splitlines()
    complaints = [line for line in lines if " ERROR " in line or " WARNING " in line]
    return (
        "\n".join(["The emulator's log:", *complaints[-5:]]) if complaints else "The emulator's log has no complaint."
    )
