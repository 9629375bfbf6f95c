"""Starts the sandbox's process on a port that is listened on before it: nobody can take it, and early calls wait."""

import json
import os
import socket
from dataclasses import asdict
from pathlib import Path

from local.engine.emulator import Emulator
from local.errors import PortTakenError
from local.processes import HOST, Child, spawn
from local.sandbox.credentials import Credentials

PORT_VARIABLE = "CARILLON_INBOX_PORT"
EMULATOR_VARIABLE = "CARILLON_EMULATOR"
CREDENTIALS_VARIABLE = "CARILLON_SANDBOX_CREDENTIALS"
"""Both are JSON, and no arguments, because what is secret in them must not be seen in a list of processes."""


def start(
    emulator: Emulator, credentials: Credentials, table: str, log: Path, port: int | None = None
) -> tuple[Child, str]:
    """Start the sandbox in front of `emulator`, whose notification log is `table`; its process and URL.

    Whoever calls the URL while it starts gets an answer when it has. Raises `PortTakenError`.
    """
    with _listen(port) as listener:
        child = spawn(
            "the sandbox",
            ["local.sandbox", str(listener.fileno()), table],
            log=log,
            environment={
                "PATH": os.environ.get("PATH", os.defpath),
                EMULATOR_VARIABLE: json.dumps(asdict(emulator)),
                CREDENTIALS_VARIABLE: credentials.model_dump_json(by_alias=True),
            },
            inherited=[listener.fileno()],
        )
        return child, f"http://localhost:{listener.getsockname()[1]}"


def _listen(port: int | None) -> socket.socket:
    try:
        return socket.create_server((HOST, port or 0))
    except OSError as error:
        raise PortTakenError.of(port, error, PORT_VARIABLE) from error
