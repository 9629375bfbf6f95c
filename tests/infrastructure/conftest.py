"""The program of each stack, run once under mocks."""

import asyncio
from collections.abc import Iterator

import pytest

from local import recording as program
from local.recording import Program
from tests import programs


@pytest.fixture(params=program.STACKS)
def deployed(request: pytest.FixtureRequest) -> Program:
    """Each stack's program in turn."""
    return programs.of_stack(request.param)


@pytest.fixture
def local() -> Program:
    """The program of the stack `local`."""
    return programs.of_stack("local")


@pytest.fixture
def prod() -> Program:
    """The program of the stack `prod`: protected, replicated, started from snapshots."""
    return programs.of_stack("prod")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop that outputs are resolved on, there before any output is made."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    asyncio.set_event_loop(None)
    made.close()
