"""Looking at processes from outside, through /proc."""

import time
from collections.abc import Callable
from pathlib import Path


def mentioning(what: Path | str) -> set[int]:
    """Ids of the living processes that have this, a directory for instance, in a word or a variable of theirs."""
    return {
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and any(str(what).encode() in content for content in _content(entry))
    }


def until(holds: Callable[[], bool], seconds: float = 600.0) -> None:
    """Return when it holds; fail when it does not within this time."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.3)


def _content(entry: Path) -> list[bytes]:
    try:
        if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return []  # it has ended, and its parent has not asked yet
        return [(entry / name).read_bytes() for name in ("cmdline", "environ")]
    except OSError:
        return []
