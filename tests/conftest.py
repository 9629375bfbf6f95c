"""What every tier shares: one platform, started once, for all tests that talk to it."""

from collections.abc import Iterator

import pytest

from local.platform import Platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The whole platform on this machine, with its own ports and state, stopped at the end whatever happens."""
    with Platform.start(tmp_path_factory.mktemp("platform")) as running:
        yield running
