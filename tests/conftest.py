"""What every tier shares: one platform, started when the first test needs it."""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

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

ON_PLATFORM = (
    "tests/emulator/test_",
    "tests/emulator/adapters/test_what_a_delivery_costs.py",
    "tests/browser/test_platform.py",
    "tests/chaos/",
    "tests/engine/test_whole_program.py",
    "tests/local/test_demo.py",
    "tests/local/test_platform.py",
    "tests/local/test_provider_secrets.py",
)
"""How the files begin that need the platform."""
LAST = "tests/emulator/test_api_document.py"
"""Of those: it leaves thousands of notifications."""
LONG = ("tests/packaging/", "tests/local/", "tests/policy/", "tests/infrastructure/")
"""The longest of the others."""


def pytest_configure() -> None:
    """Let an interrupt be one, for the tests of what it leaves behind: a shell starts with it ignored what it runs in
    the background, and processes inherit that.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first and the unit tests last: no worker is left with a long one at the end."""
    items.sort(key=lambda item: _turn(item.nodeid))
    needy = {item.nodeid.partition("::")[0] for item in items if _needs_platform(item)}
    if unknown := sorted(each for each in needy if not each.startswith(ON_PLATFORM)):
        raise pytest.UsageError(f"Say in tests/conftest.py that these need the platform: {', '.join(unknown)}")


def _turn(nodeid: str) -> int:
    if nodeid.startswith(ON_PLATFORM):
        return 1 if nodeid.startswith(LAST) else 0
    return 4 if nodeid.startswith("tests/unit/") else 2 if nodeid.startswith(LONG) else 3


def _needs_platform(item: pytest.Item) -> bool:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return "platform" in {*getattr(item, "fixturenames", ())} - {*parameters}


class OnePlatform(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives all that needs the platform to one of pytest's workers, and the files of the rest to whoever is free.

    A platform takes half a minute of processor time to start, and its functions as much until each is warm.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "the platform" if nodeid.startswith(ON_PLATFORM) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OnePlatform:
    """Say who gets which tests."""
    return OnePlatform(config, log)


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
