"""The supervisor: what it runs lives and dies with it, whoever is killed and however."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.directory import Directory, LocalInfo, Services
from local.errors import PlatformError
from local.platform import Ports, _supervise, _wait_for_services, stop_running
from local.processes import Child, free_port, spawn, wait_until_ready
from tests.local.processes import mentioning, until

NOBODY = LocalInfo(api_url="", app_key="demo", app_secret="x", inbox_url="", emulator_url="")


def start(directory: Path, *arguments: str) -> Child:
    place = Directory(directory)
    supervisor = spawn(
        "the supervisor",
        ["local.supervisor", str(directory), *arguments],
        log=place.supervisor_log,
        environment=os.environ,
    )
    wait_until_ready(supervisor, lambda: place.services() is not None)
    place.write_local(NOBODY)
    return supervisor


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Child]:
    running = start(tmp_path)
    yield running
    running.stop()


def services_of(directory: Path) -> Services:
    services = Directory(directory).services()
    assert services is not None
    return services


def process_of(directory: Path, program: str) -> int:
    """The id of the process that runs this file for the platform in this directory."""
    [found] = [pid for pid in mentioning(directory) if program.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


def left_of(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_what_has_credentials_can_be_read_by_its_owner_alone(supervisor: Child, tmp_path: Path) -> None:
    for path in (tmp_path / "local.json", tmp_path / "run" / "services.json"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_emulators_death_ends_everything_and_the_log_says_why(supervisor: Child, tmp_path: Path) -> None:
    inbox_port = httpx.URL(services_of(tmp_path).inbox_url).port or 0
    os.kill(process_of(tmp_path, "emulator_main.py"), signal.SIGKILL)
    assert supervisor.popen.wait(240) == 1
    until(lambda: not mentioning(tmp_path))
    assert left_of(tmp_path) == {"logs", "supervisor.lock"}
    assert "the emulator was killed by SIGKILL" in Directory(tmp_path).supervisor_log.read_text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", inbox_port))


def test_the_sandboxs_death_ends_everything_too(supervisor: Child, tmp_path: Path) -> None:
    # It knows nothing of the directory, but has this run's credentials.
    [sandbox] = mentioning(services_of(tmp_path).emulator.access_key_id) - mentioning(tmp_path)
    os.kill(sandbox, signal.SIGKILL)
    assert supervisor.popen.wait(240) == 1
    until(lambda: not mentioning(tmp_path))
    assert "the sandbox was killed by SIGKILL" in Directory(tmp_path).supervisor_log.read_text()


def test_killing_the_supervisor_leaves_nothing_running(supervisor: Child, tmp_path: Path) -> None:
    supervisor.popen.kill()
    until(lambda: not mentioning(tmp_path))


def test_a_second_one_in_the_same_directory_is_refused_and_harms_nothing(supervisor: Child, tmp_path: Path) -> None:
    second = spawn("another", ["local.supervisor", str(tmp_path)], log=tmp_path / "second", environment=os.environ)
    assert second.popen.wait(240) == 1
    assert f"a platform is running in {tmp_path} already" in (tmp_path / "second").read_text()
    assert supervisor.alive
    assert Directory(tmp_path).owner() == supervisor.popen.pid
    assert Directory(tmp_path).local() == NOBODY


def test_one_that_is_let_go_outlives_its_starter_and_is_stopped_by_anybody(supervisor: Child, tmp_path: Path) -> None:
    supervisor.detach()
    assert Directory(tmp_path).owner() == supervisor.popen.pid
    assert stop_running(tmp_path)
    assert supervisor.popen.wait(240) == 0
    until(lambda: not mentioning(tmp_path))
    assert left_of(tmp_path) == {"logs", "supervisor.lock"}
    assert not stop_running(tmp_path)


def test_one_that_is_held_still_is_stopped_all_the_same(
    supervisor: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.platform._STOP_SECONDS", 0.2)
    supervisor.popen.send_signal(signal.SIGSTOP)
    assert stop_running(tmp_path)
    until(lambda: not mentioning(tmp_path))
    assert left_of(tmp_path) == {"logs", "supervisor.lock"}


def test_what_a_killed_one_left_is_cleaned_by_stopping_or_by_the_next_one(supervisor: Child, tmp_path: Path) -> None:
    supervisor.popen.kill()
    until(lambda: not mentioning(tmp_path))
    assert {"local.json", "run"} <= left_of(tmp_path)
    assert not stop_running(tmp_path)
    assert left_of(tmp_path) == {"logs", "supervisor.lock"}
    again = start(tmp_path)
    again.stop()
    assert again.popen.returncode == 0


def test_who_starts_after_one_that_was_killed_is_told_where_the_new_one_answers(
    supervisor: Child, tmp_path: Path
) -> None:
    old, place = services_of(tmp_path), Directory(tmp_path)
    os.kill(supervisor.popen.pid, signal.SIGKILL)
    supervisor.popen.wait()
    new = _supervise(place, Ports())
    try:
        assert _wait_for_services(place, new).emulator != old.emulator
    finally:
        new.stop()


@pytest.mark.parametrize(
    ("option", "variable"),
    [("--emulator-port", "CARILLON_EMULATOR_PORT"), ("--inbox-port", "CARILLON_INBOX_PORT")],
)
def test_a_port_that_is_taken_leaves_nothing_running_and_says_which(tmp_path: Path, option: str, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(PlatformError):
            start(tmp_path, option, port)
    said = Directory(tmp_path).supervisor_log.read_text()
    assert f"port {port} cannot be listened on (Address already in use)" in said
    assert variable in said
    until(lambda: not mentioning(tmp_path))


def test_fixed_ports_are_used(tmp_path: Path) -> None:
    ports = (free_port(), free_port())
    running = start(tmp_path, "--emulator-port", str(ports[0]), "--inbox-port", str(ports[1]))
    services = services_of(tmp_path)
    running.stop()
    assert services.emulator.endpoint_url == f"http://localhost:{ports[0]}"
    assert services.inbox_url == f"http://localhost:{ports[1]}"
