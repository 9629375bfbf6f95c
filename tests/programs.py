"""The program of each stack, run under mocks once for all of pytest's workers: a run takes seconds.

The first worker that asks for one keeps it in a file of this run, where the others find it.
"""

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from local.recording import Program, run
from stacks.compute.files import alone, replacing

_shared: list[Path] = []


def share_in(directory: Path) -> None:
    """Say where the workers of this run keep what they share. Without it, each has its own."""
    _shared[:] = [directory]


@cache
def of_stack(stack: str) -> Program:
    """Return the program of a stack as it is configured."""
    return once(stack, lambda: run(stack))


@cache
def preview(stack: str) -> Program:
    """Return the program of a stack in its first preview."""
    with untraced():  # the same lines again
        return once(f"preview-{stack}", lambda: run(stack, preview=True))


@contextmanager
def untraced() -> Iterator[None]:
    """Take coverage's tracer off while much runs that is a library's, or that other tests run with the tracer on.

    It makes all Python nearly twice as slow.
    """
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def once(name: str, make: Callable[[], Program]) -> Program:
    """Return the program of this name as whoever came first has made it."""
    if not _shared:
        return make()
    kept = _shared[0] / f"{name}.pickle"
    with alone(kept.with_suffix(".lock")):
        if not kept.exists():
            with replacing(kept) as draft:
                draft.write_bytes(pickle.dumps(make()))
    made: Program = pickle.loads(kept.read_bytes())
    return made
