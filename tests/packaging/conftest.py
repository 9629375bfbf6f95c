from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from stacks.compute.packaging import Package, Target, build_all, functions

Builder = Callable[[Target], dict[str, Package]]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Every function's zip for a target, built from nothing the first time that a test asks for it."""
    return cache(lambda target: build_all(functions(), target, tmp_path_factory.mktemp("build")))


@pytest.fixture(params=list(Target))
def target(request: pytest.FixtureRequest) -> Target:
    chosen: Target = request.param
    return chosen


@pytest.fixture
def packages(target: Target, built: Builder) -> dict[str, Package]:
    return built(target)


@pytest.fixture(scope="session")
def packages_for_lambda(built: Builder) -> dict[str, Package]:
    return built(Target.AWS)


@pytest.fixture(scope="session")
def packages_for_this_machine(built: Builder) -> dict[str, Package]:
    return built(Target.MACHINE)


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parents[2]
