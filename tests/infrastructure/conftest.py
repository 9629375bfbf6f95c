"""The program of each stack, run once under mocks, with packages that cost nothing to build."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks import platform
from stacks.packaging import Package, Target, functions
from tests.infrastructure import program
from tests.infrastructure.program import Program


def _packages(target: Target) -> dict[str, Package]:
    return {
        function: Package(
            path=Path(f"/packages/{function}.zip"),
            sha256=f"hash of {function}",
            size=1,
            handler=f"handlers.entrypoints.{function.replace('-', '_')}.handler",
            runtime=target.runtime,
            architecture=target.architecture,
        )
        for function in functions()
    }


@pytest.fixture(autouse=True, scope="session")
def _no_packaging() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "build_all", _packages)
        yield


@pytest.fixture(params=program.STACKS)
def deployed(request: pytest.FixtureRequest) -> Program:
    """Each stack's program in turn."""
    return program.of_stack(request.param)


@pytest.fixture
def local() -> Program:
    """The program of the stack `local`."""
    return program.of_stack("local")


@pytest.fixture
def prod() -> Program:
    """The program of the stack `prod`: protected, replicated, started from snapshots."""
    return program.of_stack("prod")
