"""An environment as an operator reaches it, the one of this machine and those on AWS alike.

On AWS it is reached with the caller's own credentials and region, found as every AWS tool finds them (`AWS_PROFILE`
and the like). The environment `local` is the platform that `make up` has started in this checkout.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3

from ops.apps import Apps
from ops.client import Client, Credentials
from ops.deliveries import Deliveries
from ops.errors import OperatorError

LOCAL: Final = "local"
PRODUCERS_VIEW: Final = Path(".carillon") / "local.json"
OPERATORS_VIEW: Final = Path(".carillon") / "run" / "services.json"
"""The running platform's own: it has the root credentials of its account, which no producer is told."""


@dataclass(frozen=True)
class Environment:
    """One environment, by the name of its Pulumi stack, or `local`."""

    name: str

    def client(self, service: Any) -> Any:
        """A boto3 client of a service there. Raises `OperatorError` when the local platform is not up."""
        if self.name != LOCAL:
            return boto3.client(service)
        emulator = _of_running_platform(OPERATORS_VIEW)["emulator"]
        return boto3.client(
            service,
            endpoint_url=emulator["endpoint_url"],
            region_name=emulator["region"],
            aws_access_key_id=emulator["access_key_id"],
            aws_secret_access_key=emulator["secret_access_key"],
        )

    def named(self, what: str) -> str:
        """The physical name of a part of it, as the program names it: `carillon-<environment>-<what>`."""
        return f"carillon-{self.name}-{what}"

    @property
    def prefix(self) -> str:
        """What the names of its parts start with, and the name of its bus and archive."""
        return f"carillon-{self.name}"

    def deliveries(self) -> Deliveries:
        """Its log."""
        return Deliveries(self.client("dynamodb"), self.named("notifications"))

    def apps(self) -> Apps:
        """Its apps."""
        return Apps(self.client("secretsmanager"), self.name)

    def producer(self, app_key: str | None, api_url: str | None) -> Client:
        """A client of its API that acts as an app. Raises `OperatorError` when it is not known which, or where."""
        return Client(api_url or self._api_url(), self.credentials(app_key))

    def app_key(self, app_key: str | None) -> str:
        """The app that is named; without a name, that of the local platform. Raises `OperatorError`."""
        if app_key is not None:
            return app_key
        if self.name == LOCAL:
            return str(_of_running_platform(PRODUCERS_VIEW)["app_key"])
        raise OperatorError(f"say which app of {self.name}: --app")

    def credentials(self, app_key: str | None) -> Credentials:
        """What an app signs with; without a name, that of the local platform's app. Raises `OperatorError`."""
        if app_key is not None:
            return Credentials(app_key, self.apps().get(app_key).current_secret)
        if self.name == LOCAL:
            local = _of_running_platform(PRODUCERS_VIEW)
            return Credentials(local["app_key"], local["app_secret"])
        raise OperatorError(f"say which app of {self.name} to act as: --app")

    def _api_url(self) -> str:
        outputs = _of_running_platform(PRODUCERS_VIEW) if self.name == LOCAL else _stack_outputs(self.name)
        url = outputs.get("api_url") or outputs.get("apiUrl")
        if not url:
            raise OperatorError(f"the stack {self.name} has no output apiUrl: `pulumi up`, or say --api-url")
        return str(url)


def _of_running_platform(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise OperatorError(
            f"there is no {PRODUCERS_VIEW} here: `make up` starts the platform and writes it"
        ) from error
    return found


def _stack_outputs(stack: str) -> Mapping[str, Any]:
    """The outputs of a Pulumi stack, from the Pulumi CLI in this directory. Raises `OperatorError`."""
    otherwise = "or say where its API is: --api-url"
    try:
        done = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", stack], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise OperatorError(
            f"the Pulumi CLI, which knows the outputs of {stack}, is not here: install it, {otherwise}"
        ) from error
    if done.returncode:
        raise OperatorError(f"pulumi does not tell the outputs of {stack}, {otherwise}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
