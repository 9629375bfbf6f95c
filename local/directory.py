"""The directory of one platform: what lies where in it, and who owns it.

local.json           for clients: urls and the demo app's credentials (design page); there while the platform is up
run/                 private to the running platform, gone when it has stopped
logs/                of this run, or of the last one
supervisor.lock      held for as long as a supervisor lives; has its process id
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from local.engine.emulator import Emulator
from local.errors import PlatformError
from local.sandbox.credentials import Credentials

APP_KEY = "demo"

_LOOK_AGAIN_SECONDS = 0.02


@dataclass(frozen=True)
class LocalInfo:
    """What a producer on this machine needs: the design's `.carillon/local.json`."""

    api_url: str
    app_key: str
    app_secret: str
    inbox_url: str
    emulator_url: str


@dataclass(frozen=True)
class Services:
    """Where the processes of a platform answer, with the emulator's root credentials and the sandbox's."""

    emulator: Emulator
    inbox_url: str
    credentials: Credentials


@dataclass(frozen=True)
class Directory:
    """Paths of one platform. Nothing is created until something is written."""

    root: Path

    @property
    def run(self) -> Path:
        """The running platform's own files."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """What its processes printed."""
        return self.root / "logs"

    @property
    def supervisor_log(self) -> Path:
        """Why the platform stopped."""
        return self.logs / "supervisor.log"

    @property
    def engine_state(self) -> Path:
        """The engine's; it goes with the emulator that it is about."""
        return self.run / "state.json"

    @property
    def _lock(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def _local(self) -> Path:
        return self.root / "local.json"

    @property
    def _services(self) -> Path:
        return self.run / "services.json"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the one supervisor of this directory: it is empty at the start, but for logs at the end."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise PlatformError(f"a platform is running in {self.root} already") from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self.clear()
            for log in self.logs.glob("*.log"):
                os.truncate(log, 0)
            try:
                yield
            finally:
                self.clear()
                lock.truncate(0)

    def clear(self) -> None:
        """Remove what a running platform has and a stopped one has not. For the owner, or when there is none."""
        self._local.unlink(missing_ok=True)
        shutil.rmtree(self.run, ignore_errors=True)

    def owner(self) -> int | None:
        """The process id of the supervisor that owns this directory; None when nobody does."""
        if not self._lock.exists():
            return None
        with self._lock.open() as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    lock.seek(0)
                    if pid := lock.read():
                        return int(pid)
                    time.sleep(_LOOK_AGAIN_SECONDS)  # it has the lock, and is about to write its id or to end
                else:
                    return None

    def write_local(self, local: LocalInfo) -> None:
        """Tell clients where the platform is."""
        _write_private(self._local, asdict(local))

    def local(self) -> LocalInfo | None:
        """What clients are told; None when nothing is up."""
        return LocalInfo(**json.loads(self._local.read_text())) if self._local.exists() else None

    def write_services(self, services: Services) -> None:
        """Tell whoever started the supervisor that all of it answers."""
        credentials = services.credentials.model_dump(by_alias=True)
        _write_private(self._services, {**asdict(services), "credentials": credentials})

    def services(self) -> Services | None:
        """Where the processes answer; None when they do not yet."""
        if not self._services.exists():
            return None
        found = json.loads(self._services.read_text())
        credentials = Credentials.model_validate(found["credentials"])
        return Services(Emulator(**found["emulator"]), found["inbox_url"], credentials)


def _write_private(path: Path, content: dict[str, object]) -> None:
    """Appears at once and whole, readable by its owner alone from its first byte on: it has credentials."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with open(draft, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(content, file, indent=2)
    draft.rename(path)
