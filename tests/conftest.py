"""What every tier shares: one platform for each of pytest's workers, started when the first test needs it."""

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

LONGEST = {"test_api_document.py", "test_least_privilege.py", "test_many_deliveries.py", "test_ways_in.py"}


def pytest_configure() -> None:
    """Let an interrupt be one, for the tests of what it leaves behind: a shell starts with it ignored what it runs in
    the background, and processes inherit that.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first and the unit tests last.

    Each of pytest's workers begins with a share of its own, and one that has done all takes the last of another's. So
    one worker begins with what needs the platform, the other takes what does not, and neither is left with a long test
    at the end. Nobody starts a second platform before all else is done.
    """
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.path.name in LONGEST:
        return 0
    if item.nodeid.startswith("tests/unit/"):
        return 3
    return 1 if "platform" in getattr(item, "fixturenames", ()) else 2


@pytest.fixture(scope="session", autouse=True)
def _programs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> None:
    """Let pytest's workers share the programs they have run, in the directory that has one of each worker."""
    if hasattr(request.config, "workerinput"):
        programs.share_in(tmp_path_factory.getbasetemp().parent / "programs")


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The whole platform on this machine, with its own ports and state, stopped at the end whatever happens.

    Two workers of pytest have one each: their temporary directories differ, and free ports are taken.
    """
    with Platform.start(tmp_path_factory.mktemp("platform")) as running:
        yield running
