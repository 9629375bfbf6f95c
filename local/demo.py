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
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from local.directory import Directory
from local.engine.progress import ConsoleProgress
from local.platform import Platform
from ops.client import ApiError, Client, Credentials

USER, CATEGORY, TEMPLATE = "ada", "payment", "receipt"
DATA = {"name": "Ada", "invoice": "2026-0042", "amount": "EUR 42.00"}
_DONE = {"sent", "opened", "clicked", "error", "unsubscribed", "canceled"}
_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True)
class Sample:
    """One channel of the demo: the addresses it needs, and what is sent there."""

    channel: str
    addresses: Mapping[str, Any]
    template: Mapping[str, str]


SAMPLES = (
    Sample(
        channel="email",
        addresses={"email": "ada@example.com"},
        template={
            "subject": "Receipt for invoice {{ invoice }}",
            "body": (
                '<div style="font-family: Georgia, serif; max-width: 34em; margin: 2em auto; color: #222">'
                '<h1 style="font-weight: 500">Thank you, {{ name }}</h1>'
                "<p>We received your payment of <b>{{ amount }}</b> for invoice {{ invoice }}.</p></div>"
            ),
            "text": "Thank you, {{ name }}. We received your payment of {{ amount }} for invoice {{ invoice }}.",
        },
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
    """Send the samples on a platform and show what became of each. Raises `DemoError` or `ApiError`."""
    local = platform.local
    with Client(local.api_url, Credentials(local.app_key, local.app_secret)) as client:
        client.put_contact(USER, {name: value for sample in SAMPLES for name, value in sample.addresses.items()})
        for sample in SAMPLES:
            client.put_template(TEMPLATE, sample.channel, "default", sample.template)
        notification = {
            "category": CATEGORY,
            "template": TEMPLATE,
            "data": DATA,
            "to": [{"user_id": USER}],
            "channels": [sample.channel for sample in SAMPLES],
        }
        accepted = client.send(notification)
        console.print(f"202 for notification {accepted['notification_id']}")
        deliveries = _follow(client, accepted["notification_id"])
    console.print(_timelines(deliveries))
    if len(deliveries) != len(SAMPLES):
        raise DemoError(f"{len(deliveries)} deliveries instead of {len(SAMPLES)}")
    received = {message["delivery_id"]: message for message in httpx.get(f"{local.inbox_url}/api/messages").json()}
    for delivery in deliveries:
        if delivery["status"] != "sent" or delivery["delivery_id"] not in received:
            raise DemoError(f"the {delivery['channel']} is {delivery['status']}, {delivery.get('reason', 'no reason')}")
        console.print(_message(received[delivery["delivery_id"]]))


def _follow(client: Client, notification_id: str) -> list[dict[str, Any]]:
    """The deliveries once each has come to an end."""
    deadline = time.monotonic() + _SECONDS
    while True:
        deliveries: list[dict[str, Any]] = client.notification(notification_id)["deliveries"]
        if all(delivery["status"] in _DONE for delivery in deliveries) or time.monotonic() > deadline:
            return deliveries
        time.sleep(_LOOK_AGAIN_SECONDS)


def _timelines(deliveries: list[dict[str, Any]]) -> Table:
    table = Table("channel", "status", "at (UTC)", "after", title="Timelines, from the notification log")
    for delivery in deliveries:
        steps = [(step["status"], datetime.fromisoformat(step["at"])) for step in delivery["timeline"]]
        waits = ["", *(f"{(b - a).total_seconds() * 1000:.0f} ms" for (_, a), (_, b) in pairwise(steps))]
        for (status, at), wait in zip(steps, waits, strict=True):
            table.add_row(delivery["channel"], status, at.strftime("%H:%M:%S.%f")[:-3], wait)
        table.add_section()
    return table


def _message(message: dict[str, Any]) -> Panel:
    rendered = html.unescape(re.sub(r"\s*<[^>]+>\s*", " ", message["body"])).strip()
    lines = [f"To       {message['to']}", f"Subject  {message.get('subject', '')}", "", rendered]
    title = f"in the inbox: {message['channel']} by {message['provider']}"
    return Panel(escape("\n".join(lines)), title=title, width=90)


def _complaints(directory: Path) -> str:
    """What the emulator complained about: functions that cannot start or fail, for instance."""
    lines = (Directory(directory).logs / "emulator.log").read_text(errors="replace").splitlines()
    complaints = [line for line in lines if " ERROR " in line or " WARNING " in line]
    return (
        "\n".join(["The emulator's log:", *complaints[-5:]]) if complaints else "The emulator's log has no complaint."
    )
