"""The process that runs the Pulumi program: started, listened to, and never left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, cast

from local.engine.project import Project
from local.paths import CACHE
from local.processes import LIFELINE

_GRACE_SECONDS = 5.0


class ProgramProcess:
    """`python -m local.engine.program` in the program's directory, in a process group of its own.

    Every line it prints goes to `on_line`, from a thread. As a context manager it is ended at the end, whatever
    happens; the lifeline ends it even when this process is killed.
    """

    def __init__(
        self, project: Project, address: str, *, dry_run: bool, parallel: int, on_line: Callable[[str], None]
    ) -> None:
        arguments = address, project.name, project.stack, str(dry_run).lower(), str(parallel)
        self._popen = subprocess.Popen(
            [sys.executable, "-u", "-P", str(LIFELINE), "local.engine.program", *arguments],
            cwd=project.directory,
            env=_environment(project),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._lifeline = cast("IO[str]", self._popen.stdin)  # there are both because they were asked for
        output = cast("IO[str]", self._popen.stdout)
        self._reader = threading.Thread(target=_read, args=(output, on_line), name="program output")
        self._reader.start()

    def __enter__(self) -> "ProgramProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_GRACE_SECONDS)
        with suppress(ProcessLookupError):  # the whole group has ended already
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self._lifeline.close()
        self._reader.join()  # whoever held the pipe is dead: it has reached its end

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._popen.wait()


def _read(stream: IO[str], on_line: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            on_line(line.rstrip("\n"))


def _environment(project: Project) -> dict[str, str]:
    """This process's environment without what would steer the provider or the SDK from outside the project's files."""
    ignored = ("AWS_", "PULUMI_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ignored)}
    return kept | {
        # Compiling the SDK's large modules takes longer than the rest of the program: once per checkout is enough.
        "PYTHONPYCACHEPREFIX": str(CACHE / "bytecode"),
        "PULUMI_CONFIG": json.dumps(dict(project.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(sorted(project.secret_keys)),
    }
