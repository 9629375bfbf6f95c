from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from stacks.compute.packaging import Package, Target, build_all, functions

Builder = Callable[[Target], dict[str, Package]]


@pytest.fixture(scope="session")
def built() -> Builder:
    """Every function's zip for a target, as it is deployed: what the checkout has built already is used again.

    pytest's workers share these, and the platform uses them too; that a build from nothing gives the same bytes is
    tested with one function.
    """
    return cache(lambda target: build_all(functions(), target))


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
