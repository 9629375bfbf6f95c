"""The platform that is measured: the one that is up, or one of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from local.directory import Directory, LocalInfo
from local.engine.emulator import Emulator
from local.paths import CACHE
from local.platform import Platform
from local.warming import warm


class HasPlatform(Protocol):
    """What a measurement needs: a `local.platform.Platform` has it."""

    @property
    def emulator(self) -> Emulator:
        """The emulated account, with its root credentials."""

    @property
    def local(self) -> LocalInfo:
        """What a producer is told."""


@dataclass(frozen=True)
class Running:
    """A platform that somebody has started."""

    emulator: Emulator
    local: LocalInfo
    supervisor: int
    """Process id of what runs it all."""


@contextmanager
def platform() -> Iterator[Running]:
    """The platform of this checkout; one is started, and stopped at the end, if none is up. Raises `PlatformError`."""
    place = Directory(CACHE)
    supervisor, services, local = place.owner(), place.services(), place.local()
    if supervisor and services and local:
        yield Running(services.emulator, local, supervisor)
        return
    with Platform.start(CACHE) as started:
        warm(started.local, started.emulator, list(started.outputs["queueUrls"]))
        yield Running(started.emulator, started.local, place.owner() or 0)
