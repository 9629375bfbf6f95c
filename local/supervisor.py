"""The supervisor: a process that parents the emulator and the sandbox, and ends both as soon as either has ended.

`python -m local.supervisor <directory> [--emulator-port N] [--inbox-port N]`. Where both answer is in the directory's
services file once they do. It runs until SIGTERM, and leaves only logs behind.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import NoReturn

from local import emulator
from local.directory import Directory, Services
from local.errors import PlatformError, ProcessError
from local.processes import Child
from local.sandbox import process as sandbox
from local.sandbox.credentials import Credentials

NOTIFICATIONS_TABLE = "carillon-local-notifications"

logger = logging.getLogger("supervisor")


def main() -> int:
    """Run until told to stop (0), or until something that it runs has ended (1)."""
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    directory = Directory(arguments.directory)
    try:
        with directory.owned(), ExitStack() as children:
            running = emulator.start(directory.root, arguments.emulator_port)
            children.callback(running.stop)
            log = directory.logs / "sandbox.log"
            credentials = Credentials.generate()
            child, inbox_url = sandbox.start(
                running.emulator, credentials, NOTIFICATIONS_TABLE, log, arguments.inbox_port
            )
            children.callback(child.stop)
            directory.write_services(Services(running.emulator, inbox_url, credentials))
            dead = _first_to_end([running.child, child])
            _ignore_signals()
            raise ProcessError(dead.obituary())
    except PlatformError as error:
        logger.error("%s", error)
        return 1


def _end(*_: object) -> NoReturn:
    _ignore_signals()
    sys.exit(0)


def _ignore_signals() -> None:
    """Being told to stop must not interrupt the stopping."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _first_to_end(children: Iterable[Child]) -> Child:
    ended: SimpleQueue[Child] = SimpleQueue()

    def report(child: Child) -> None:
        child.popen.wait()
        ended.put(child)

    for child in children:
        Thread(target=report, args=[child], daemon=True).start()
    return ended.get()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--emulator-port", type=int)
    parser.add_argument("--inbox-port", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
