"""What every tier shares: one platform for each of pytest's workers, started when the first test needs it."""

import signal
from collections.abc import Iterator

import pytest

from local.platform import Platform


def pytest_configure() -> None:
    """Let an interrupt be one, for the tests of what it leaves behind: a shell starts with it ignored what it runs in
    the background, and processes inherit that.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The whole platform on this machine, with its own ports and state, stopped at the end whatever happens.

    Two workers of pytest have one each: their temporary directories differ, and free ports are taken.
    """
    with Platform.start(tmp_path_factory.mktemp("platform")) as running:
        yield running
