"""The whole platform on this machine: processes under a supervisor, the program deployed, one app that may send."""

import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import boto3
import httpx
from rich.console import Console

from local import environment
from local.directory import APP_KEY, Directory, LocalInfo, Services
from local.engine import project
from local.engine.deployment import Deployment, deploy
from local.engine.emulator import Emulator
from local.engine.progress import ConsoleProgress, Progress
from local.errors import PlatformError, ProcessError
from local.paths import ROOT
from local.processes import Child, spawn, wait_until_ready
from local.provider_secrets import fill
from ops.apps import App, Apps

STACK = "local"
_STOP_SECONDS = 15.0
_LOOK_AGAIN_SECONDS = 0.02


@dataclass(frozen=True)
class Ports:
    """Fixed ports; a free one is taken where there is None."""

    emulator: int | None = None
    inbox: int | None = None

    def arguments(self) -> list[str]:
        """The supervisor's arguments."""
        asked = {"--emulator-port": self.emulator, "--inbox-port": self.inbox}
        return [word for name, port in asked.items() if port is not None for word in (name, str(port))]


class Platform:
    """A running platform. A context manager: it is stopped at the end, whatever happens."""

    def __init__(
        self, directory: Path, supervisor: Child, services: Services, deployment: Deployment, local: LocalInfo
    ) -> None:
        self._supervisor = supervisor
        self.directory = directory
        """Where its state and logs are."""
        self.emulator: Emulator = services.emulator
        """The emulated account, with its root credentials."""
        self.deployment = deployment
        """What the program made."""
        self.local = local
        """What a producer is told."""

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The program's exports."""
        return self.deployment.outputs

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        ports: Ports = Ports(),
        config: Mapping[str, Any] = MappingProxyType({}),
        progress: Progress | None = None,
    ) -> "Platform":
        """Start a platform whose state is in `directory`; it ends with this process unless it is detached.

        `config` overrides Pulumi.local.yaml. Raises `PlatformError` with nothing left running. `progress` shows the
        deployment, on stderr by default.
        """
        place = Directory(directory.resolve())
        environment.interpreter()  # built before anything waits for the emulator that runs in it
        supervisor = _supervise(place, ports)
        try:
            services = _wait_for_services(place, supervisor)
            deployment = _deploy(place, services, config, progress or ConsoleProgress(Console(stderr=True)))
            app = _grant(services.emulator)
            fill(services.emulator, services.credentials, deployment.outputs["providerSecretNames"])
            _take_events(services.inbox_url, deployment.outputs["apiUrl"])
            local = LocalInfo(
                api_url=deployment.outputs["apiUrl"],
                app_key=APP_KEY,
                app_secret=app.current_secret,
                inbox_url=services.inbox_url,
                emulator_url=services.emulator.endpoint_url,
            )
            place.write_local(local)
        except BaseException as error:
            supervisor.stop()
            if supervisor.popen.returncode == 1:  # it ended by itself: what failed did so because something was gone
                raise ProcessError(place.supervisor_log.read_text().strip()) from error
            raise
        return cls(place.root, supervisor, services, deployment, local)

    def detach(self) -> None:
        """Let it run on when this process ends; `stop_running` stops it."""
        self._supervisor.detach()

    def stop(self) -> None:
        """End everything that was started."""
        self._supervisor.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def stop_running(directory: Path) -> bool:
    """Stop the platform of `directory`, whoever started it and whatever state it is in; False when there was none.

    Its supervisor is asked first and killed after 15 seconds; what it runs never outlives it.
    """
    place = Directory(directory.resolve())
    supervisor = place.owner()
    if supervisor is None:
        place.clear()  # of one that was killed
        return False
    os.kill(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while place.owner() == supervisor:
        if time.monotonic() > deadline:
            os.kill(supervisor, signal.SIGKILL)
        time.sleep(_LOOK_AGAIN_SECONDS)
    place.clear()
    return True


def _supervise(place: Directory, ports: Ports) -> Child:
    if place.owner():
        raise PlatformError(f"a platform is running in {place.root} already, or being started")
    place.clear()  # of one that was killed: its services would be taken for those of the new one
    return spawn(
        "the supervisor",
        ["local.supervisor", str(place.root), *ports.arguments()],
        log=place.supervisor_log,
        environment=os.environ,
    )


def _wait_for_services(place: Directory, supervisor: Child) -> Services:
    wait_until_ready(supervisor, lambda: place.services() is not None)
    services = place.services()
    if services is None:
        raise ProcessError(supervisor.obituary())
    return services


def configuration(inbox_url: str) -> dict[str, Any]:
    """Return what is configured beside Pulumi.local.yaml: where the sandbox is."""
    # Functions get these as AWS_ENDPOINT_URL_SESV2 and …_SNS: the sandbox keeps the message and passes the call on.
    return {"endpoints": dict.fromkeys(("sesv2", "sns"), inbox_url), "providerHosts": {"*": inbox_url}}


def _deploy(place: Directory, services: Services, config: Mapping[str, Any], progress: Progress) -> Deployment:
    return deploy(
        stack=STACK,
        emulator=services.emulator,
        config={**config, **configuration(services.inbox_url)},
        state_path=place.engine_state,
        progress=progress,
    )


def _take_events(inbox_url: str, api_url: str) -> None:
    """Tell SendGrid where to post its events, as an operator does on its page. The others need no such thing."""
    asked = {"url": f"{api_url}/hooks/sendgrid"}
    httpx.put(f"{inbox_url}/api/webhooks/sendgrid", json=asked, timeout=30, trust_env=False).raise_for_status()


def _grant(emulator: Emulator) -> App:
    """Let the demo app send whatever this environment is configured for, and keep the list of suppressed addresses."""
    config = project.load(ROOT, STACK, {}).config
    session = boto3.Session(emulator.access_key_id, emulator.secret_access_key, region_name=emulator.region)
    apps = Apps(session.client("secretsmanager", endpoint_url=emulator.endpoint_url), STACK)
    categories, channels = (tuple(json.loads(config[f"carillon:{kind}"])) for kind in ("categories", "channels"))
    return apps.put(APP_KEY, categories, channels, suppressions=True)
