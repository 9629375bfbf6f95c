"""The demo: one user, one notification on every channel, followed through the API until each delivery is sent."""

import html
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

from local.directory import Directory
from local.engine.progress import ConsoleProgress
from local.platform import Platform
from ops.client import ApiError, Client, Credentials

USER, CATEGORY, TEMPLATE = "ada", "payment", "receipt"
DATA = {"name": "Ada", "invoice": "2026-0042", "amount": "EUR 42.00"}
_DONE = {"sent", "opened", "clicked", "error", "unsubscribed", "canceled"}
_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.05

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
                '<div style="font-family: Georgia, serif; max-width: 34em; margin: 2em auto; color: #222">'
                '<h1 style="font-weight: 500">Thank you, {{ name }}</h1>'
                "<p>We received your payment of <b>{{ amount }}</b> for invoice {{ invoice }}.</p></div>"
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
        Platform.start(Path(directory), progress=ConsoleProgress(console)) as platform,
    ):
        made = len(platform.deployment.steps)
        console.print(f"{made} resources, IAM enforced, after {time.monotonic() - begun:.1f} s")
        try:
            send_and_follow(platform, console)
        except (ApiError, DemoError) as error:
            raise DemoError(f"{error}\n{_complaints(Path(directory))}") from error
    console.print(f"[green]Every delivery was sent and received.[/] All of it took {time.monotonic() - begun:.1f} s.")


def send_and_follow(platform: Platform, console: Console) -> None:
    """Send the samples of the channels there are, and show what became of each. Raises `DemoError` or `ApiError`."""
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


def _received(inbox_url: str, delivery_ids: set[str]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = httpx.get(f"{inbox_url}/api/messages").raise_for_status().json()
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
