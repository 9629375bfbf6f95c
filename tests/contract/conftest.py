"""One sandbox for all the providers."""

from collections.abc import Iterator

import pytest

from tests.local.support import Sandbox, running_sandbox


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("contract")) as running:
        yield running
