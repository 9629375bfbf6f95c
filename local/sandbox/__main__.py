"""The sandbox's process: `python -m local.sandbox <file descriptor of its socket> <notifications table>`."""

import asyncio
import json
import os
import signal
import sys
from typing import cast

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from local.engine.emulator import Emulator
from local.sandbox.app import create_app
from local.sandbox.credentials import Credentials
from local.sandbox.faults import Faults
from local.sandbox.process import CREDENTIALS_VARIABLE, EMULATOR_VARIABLE


class _Config(Config):
    """The server's settings. A fault can change one of them."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    @property
    def keep_alive_timeout(self) -> float:  # type: ignore[override]  # the server reads it whenever one becomes idle
        """In seconds."""
        return self._faults.idle_connections_kept_seconds


async def _serve(listener: int, table: str) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    faults = Faults()
    config = _Config(faults)
    config.bind = [f"fd://{listener}"]
    config.include_server_header = False
    config.graceful_timeout = 0.2  # open event streams never end by themselves
    emulator = Emulator(**json.loads(os.environ.pop(EMULATOR_VARIABLE)))
    credentials = Credentials.model_validate_json(os.environ.pop(CREDENTIALS_VARIABLE))
    app = create_app(emulator, credentials, table, faults)
    # The same protocol, typed by each library in its own words.
    await serve(cast(ASGIFramework, app), config, shutdown_trigger=stopped.wait)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
