"""What every tier shares: one platform, started when the first test needs it."""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, settings

from local.platform import Platform
from tests import programs

# The same examples each time, few of them, and however long they take: the machine may be busy.
settings.register_profile(
    "suite", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")

# The logger takes it when it is imported, which any module may be the first to do.
os.environ["POWERTOOLS_SERVICE_NAME"] = "test"

# A busy machine answers late. Who asks without saying how long to wait would be given five seconds.
PATIENCE = httpx.Timeout(600)
for _each in PATIENCE.as_dict():
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _each, PATIENCE.as_dict()[_each])

LAST = "test_api_document.py"
"""Of those on the platform: it leaves thousands of notifications."""
LONG = ("tests/packaging/", "tests/local/", "tests/policy/", "tests/infrastructure/")
"""The longest of the others."""


def pytest_configure() -> None:
    """Let an interrupt be one, for the tests of what it leaves behind: a shell starts with it ignored what it runs in
    the background, and processes inherit that.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all that needs the platform to one of pytest's workers, and the files of the rest to whoever is free.

    A platform takes half a minute of processor time to start, and its functions as much until each is warm.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group("platform" if _is_on_platform(item) else item.path.stem))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """The longest come first, and the unit tests last: no worker is left with a long one at the end."""
    if _is_on_platform(item):
        return 1 if item.path.name == LAST else 0
    return 4 if item.nodeid.startswith("tests/unit/") else 2 if item.nodeid.startswith(LONG) else 3


def _is_on_platform(item: pytest.Item) -> bool:
    return "platform" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def _programs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> None:
    """Let pytest's workers share the programs they have run, in the directory that has one of each worker."""
    if hasattr(request.config, "workerinput"):
        programs.share_in(tmp_path_factory.getbasetemp().parent / "programs")


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The whole platform on this machine, with its own ports and state, stopped at the end whatever happens."""
    with Platform.start(tmp_path_factory.mktemp("platform")) as running:
        yield running


@pytest.fixture
def untraced() -> Iterator[None]:
    """Let a test run without coverage's tracer."""
    with programs.untraced():
        yield
