"""The demo's outage: nobody takes text messages, who is on call is told, mends it, and what waited arrives."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import boto3
import httpx
from botocore.config import Config
from rich.console import Console
from rich.panel import Panel

from handlers.domain.providers.registry import of_channel
from handlers.domain.providers.routing import FAILURES_TO_OPEN, Phase
from local.platform import STACK, Platform
from ops.client import Client
from ops.providers import Providers

AT_ONCE: Final[Mapping[str, Any]] = {"alerts": {"outageAfterSeconds": 0, "overAfterSeconds": 0}}
"""Settings: the demo waits neither until an outage has lasted before it rings, nor until it was well for long."""

BROKEN, SUBSTITUTE = "sns", "twilio"
NUMBERS: Final = tuple(f"+49151234567{80 + number}" for number in range(FAILURES_TO_OPEN))
_SECONDS: Final = 600.0
_LOOK_AGAIN_SECONDS: Final = 0.5

T = TypeVar("T")


class OutageError(Exception):
    """What should have happened did not, in time."""


class Outage:
    """What an operator does and sees, on a platform that was deployed with `AT_ONCE`."""

    def __init__(self, platform: Platform, console: Console) -> None:
        self._inbox_url, self._console = platform.local.inbox_url, console
        emulator = platform.emulator
        session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
        patient = Config(read_timeout=_SECONDS, retries={"total_max_attempts": 1})
        self._lambda = session.client("lambda", endpoint_url=emulator.endpoint_url, config=patient)
        dynamodb = session.client("dynamodb", endpoint_url=emulator.endpoint_url)
        names = [each.name for each in of_channel("sms")]
        self._providers = Providers(dynamodb, platform.outputs["tableNames"]["limits"], names, "sms")

    def prepare(self) -> None:
        """Switch the substitute off, before a worker has read that it is on."""
        self._providers.turn_off(SUBSTITUTE)

    def show(self, client: Client) -> None:
        """Let the outage come and go, and show what is told of it. Raises `OutageError` or `ApiError`."""
        self._console.rule(f"An outage: {BROKEN} answers 503, and {SUBSTITUTE} is switched off")
        fault = f"{self._inbox_url}/api/faults/{BROKEN}"
        httpx.put(fault, json={"mode": "outage"}, timeout=_SECONDS).raise_for_status()
        try:
            accepted = _send(client)
            _until(f"{BROKEN}'s circuit opens", self._circuit, lambda phase: phase is not Phase.CLOSED)
            self._show_notice("opened")
            self._providers.turn_on(SUBSTITUTE)
            self._console.print(f"The operator switches {SUBSTITUTE} on, and what waited goes by it.")
            self._show_notice("over")
            sent = _until("all is sent", lambda: self._swept(client, accepted), lambda each: set(each) == {"sent"})
        finally:
            httpx.delete(fault, timeout=_SECONDS).raise_for_status()
        self._console.print(f"{len(sent)} text messages that waited were sent by {SUBSTITUTE}.")

    def _show_notice(self, state: str) -> None:
        """Sweep until the alert is told to be in this state, and show how."""
        notice = _until(f"an alert is {state}", lambda: self._notice(state), bool)
        self._console.print(Panel(notice["text"].strip(), title=f"alert: {notice['subject']}", width=90))

    def _notice(self, state: str) -> dict[str, Any]:
        self._sweep()
        told = httpx.get(f"{self._inbox_url}/api/alerts", timeout=_SECONDS).raise_for_status().json()
        of_it = [each for each in told if (each["channel"], each["cause"]) == ("sms", "outage")]
        return of_it[-1] if of_it and of_it[-1]["state"] == state else {}

    def _sweep(self) -> None:
        """Let the sweeper run, as it does every minute."""
        self._lambda.invoke(FunctionName=f"carillon-{STACK}-sweeper", Qualifier="live", Payload=b"{}")

    def _circuit(self) -> Phase:
        [broken] = [each for each in self._providers.statuses() if each.name == BROKEN]
        return broken.circuit.phase(datetime.now(UTC))

    def _swept(self, client: Client, notification_id: str) -> list[str]:
        self._sweep()
        return [each["status"] for each in client.notification(notification_id)["deliveries"]]


def _send(client: Client) -> str:
    """Send a text message to as many numbers as there must be failures before a circuit opens."""
    notification = {
        "category": "security",
        "content": {"body": "Your code is 381 204."},
        "to": [{"phone": number} for number in NUMBERS],
        "channels": ["sms"],
    }
    return str(client.send(notification)["notification_id"])


def _until(what: str, read: Callable[[], T], satisfied: Callable[[T], bool]) -> T:
    deadline = time.monotonic() + _SECONDS
    while not satisfied(found := read()):
        if time.monotonic() > deadline:
            raise OutageError(f"not within {_SECONDS:.0f} s: {what}; it is {found}")
        time.sleep(_LOOK_AGAIN_SECONDS)
    return found
