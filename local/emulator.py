"""The emulator: MiniStack with IAM enforced, in its own environment, loopback only, alive as long as its starter."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local import environment
from local.engine.emulator import Emulator
from local.errors import ProcessError
from local.processes import HOST, Child, free_port, require_free, spawn, wait_until_ready

PORT_VARIABLE = "CARILLON_EMULATOR_PORT"
REGION = "eu-central-1"
ACCOUNT_ID = "123456789012"
_ATTEMPTS = 5
_MAIN = Path(__file__).with_name("emulator_main.py")


@dataclass(frozen=True)
class RunningEmulator:
    """Where it answers, with the root credentials of this run, and its process."""

    emulator: Emulator
    child: Child

    def stop(self) -> None:
        """End it, and the Lambda workers it started."""
        self.child.stop()


@contextmanager
def running(directory: Path) -> Iterator[Emulator]:
    """An emulator with its state and log under `directory`, stopped at the end whatever happens."""
    started = start(directory)
    try:
        yield started.emulator
    finally:
        started.stop()


def start(directory: Path, port: int | None = None) -> RunningEmulator:
    """Start an empty emulator on `port`, or on a free one, and return when it answers.

    Raises `PortTakenError`, `ProcessError` with the last lines of its log, or `EnvironmentBuildError`.
    """
    python = environment.interpreter()
    if port is not None:
        require_free(port, PORT_VARIABLE)
        return _start(python, directory, port)
    for _ in range(_ATTEMPTS - 1):
        chosen = free_port()
        try:
            return _start(python, directory, chosen)
        except ProcessError:
            if _is_free(chosen):  # it failed for another reason than somebody having been quicker to take the port
                raise
    return _start(python, directory, free_port())


def _start(python: Path, directory: Path, port: int) -> RunningEmulator:
    emulator = Emulator(
        endpoint_url=f"http://localhost:{port}",
        region=REGION,
        account_id=ACCOUNT_ID,
        access_key_id="AKIA" + secrets.token_hex(8).upper(),
        secret_access_key=secrets.token_urlsafe(30),
    )
    child = spawn(
        "the emulator",
        [str(_MAIN)],
        log=directory / "logs" / "emulator.log",
        environment=_environment(directory, port, emulator),
        python=str(python),
    )
    try:
        wait_until_ready(child, lambda: _answers(port))
    except BaseException:
        child.stop()
        raise
    return RunningEmulator(emulator, child)


def _environment(directory: Path, port: int, emulator: Emulator) -> dict[str, str]:
    """Nothing of the caller's environment but PATH: Lambda workers inherit it and must not see any AWS profile."""
    temporary, state = directory / "run" / "tmp", directory / "run" / "state"
    for needed in (temporary, state):
        needed.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(state),
        "TMPDIR": str(temporary),
        "STATE_DIR": str(state),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": emulator.region,
        "MINISTACK_ACCOUNT_ID": emulator.account_id,
        "AUTH": "true",
        "CLOUDTRAIL_RECORDING": "1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AWS_ACCESS_KEY_ID": emulator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": emulator.secret_access_key,
    }


def _answers(port: int) -> bool:
    try:
        # Plain HTTP; to verify would be to read every certificate of the machine at each look.
        return httpx.get(f"http://{HOST}:{port}/_ministack/health", timeout=2, verify=False).is_success  # noqa: S501
    except httpx.TransportError:
        return False


def _is_free(port: int) -> bool:
    try:
        require_free(port, PORT_VARIABLE)
    except ProcessError:
        return False
    return True
