"""`python -m local …`, in a directory of its own instead of the checkout's."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from local import cli
from local.directory import Directory
from tests.local.processes import mentioning, until

WORKERS = tuple(f"worker-{channel}" for channel in ("email", "sms", "push", "chat"))


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("local.cli.CACHE", tmp_path)
    return tmp_path


def local(*words: str) -> Result:
    return CliRunner().invoke(cli.app, words)


def test_up_runs_until_down_and_says_where_everything_is(directory: Path) -> None:
    up = local("up")
    try:
        assert up.exit_code == 0, up.output
        told = json.loads((directory / "local.json").read_text())
        assert set(told) == {"api_url", "app_key", "app_secret", "inbox_url", "emulator_url"}
        assert told["inbox_url"] in up.stdout
        assert told["api_url"] in up.stdout
        assert told["app_secret"] not in up.output
        started = (directory / "logs" / "emulator.log").read_text()
        for function in ("authorizer", "notifications", "contacts", "templates", "tracking", *WORKERS):
            assert f"carillon-local-{function}" in started, f"{function} is cold"
        assert "Traceback" not in started, "the emulator ends a process whose handler raised an error"

        owner = Directory(directory).owner()
        assert owner
        again, status = local("up"), local("status")
        assert (again.exit_code, status.exit_code) == (0, 0)
        assert "up already" in again.stdout
        assert told["inbox_url"] in again.stdout
        assert told["inbox_url"] in status.stdout
        assert Directory(directory).owner() == owner
        assert json.loads((directory / "local.json").read_text()) == told
    finally:
        down = local("down")
    assert down.exit_code == 0
    until(lambda: not mentioning(directory))
    assert {path.name for path in directory.iterdir()} == {"logs", "supervisor.lock"}


def test_nothing_running_is_said_and_is_no_error_to_stop(directory: Path) -> None:
    assert local("status").exit_code == 1
    down = local("down")
    assert (down.exit_code, down.stdout.strip()) == (0, "The platform was not running.")


def test_status_says_why_the_platform_ended_by_itself(directory: Path) -> None:
    (directory / "logs").mkdir()
    (directory / "logs" / "supervisor.log").write_text("the emulator was killed by SIGKILL\n")
    status = local("status")
    assert status.exit_code == 1
    assert "It ended by itself:\nthe emulator was killed by SIGKILL" in status.stdout


def test_a_taken_port_is_one_clear_error_and_nothing_runs(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = local("up", "--inbox-port", str(port))
    assert up.exit_code == 1
    assert up.stderr.startswith(f"error: port {port} cannot be listened on")
    assert "CARILLON_INBOX_PORT" in up.stderr
    until(lambda: not mentioning(directory))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_up_interrupted_in_the_middle_leaves_nothing_running(tmp_path: Path, number: int, code: int) -> None:
    script = f"from pathlib import Path; from local import cli; cli.CACHE = Path({str(tmp_path)!r}); cli.app(['up'])"
    up = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: len(mentioning(tmp_path)) >= 3)  # itself, the supervisor, the emulator
    os.kill(up.pid, number)
    said = up.communicate(timeout=240)[1]
    assert up.returncode == code, said
    until(lambda: not mentioning(tmp_path))
    assert "Traceback" not in said
