"""Files that several processes of a checkout make at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend a file or directory to make, which takes the place of `path` in one step if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".draft-", dir=path.parent) as scratch:
        draft = Path(scratch) / path.name
        yield draft
        draft.replace(path)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Let one thread of one process at a time make what `lock` stands for: the others find it made."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
